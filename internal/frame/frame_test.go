package frame

import (
	"strings"
	"testing"
)

func TestBatch(t *testing.T) {
	s, err := NewSlab(3)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := NewBatch(s)
	if len(b.Frames) != 3 || b.In != NoPort || len(b.Live()) != 0 {
		t.Fatalf("%d frames, in %v", len(b.Frames), b.In)
	}
	for i := range b.Frames {
		f := &b.Frames[i]
		f.Len = copy(f.Buf[f.Off:], ether(TypeARP, arpMessage()))
		if r := f.Parse(); r != Accepted || f.ARP().SHA() != macA {
			t.Errorf("frame %d: %v", i, r)
		}
	}
	if b.N = 2; len(b.Live()) != 2 {
		t.Errorf("%d live", len(b.Live()))
	}
}

func TestFrameSlices(t *testing.T) {
	f := Frame{Buf: make([]byte, SlotSize), Off: Headroom, Len: 20}
	f.Buf[Headroom], f.Buf[Headroom-VnetLen] = 1, 2
	if b := f.Bytes(); len(b) != 20 || cap(b) != 20 || b[0] != 1 {
		t.Errorf("Bytes %d %d", len(b), cap(b))
	}
	if v := f.Vnet(); len(v) != VnetLen || cap(v) != VnetLen || v[0] != 2 {
		t.Errorf("Vnet %d %d", len(v), cap(v))
	}
	if w := f.WithVnet(); len(w) != 30 || cap(w) != 30 || w[0] != 2 || w[VnetLen] != 1 {
		t.Errorf("WithVnet %d %d", len(w), cap(w))
	}
}

// A frame enters at the headroom, free of its slot's last verdict.
func TestFrameEnter(t *testing.T) {
	f := Frame{Buf: make([]byte, SlotSize), Off: 3, Verdict: Verdict{Drop: DropStorm}}
	for got, want := range map[int]int{VnetLen + 60: 60, VnetLen: 0, 4: 0, 0: 0} {
		f.Enter(got)
		if f.Off != Headroom || f.Len != want || f.Drop != Accepted {
			t.Errorf("%d bytes: off %d len %d, want len %d", got, f.Off, f.Len, want)
		}
	}
	f.Enter(0)
	if r := f.Parse(); r != DropRunt {
		t.Errorf("an empty frame: %v", r)
	}
}

// The longest frame fits its slot behind the headroom, and the headroom holds
// what it is for.
func TestSizes(t *testing.T) {
	if Headroom+MaxFrame > SlotSize {
		t.Error("the longest frame does not fit a slot")
	}
	if VnetLen+2*TagLen+EthernetLen+IPv6Len+UDPLen+8 > Headroom {
		t.Error("the headroom is too small for an overlay")
	}
}

func TestFrameParseResets(t *testing.T) {
	f := Frame{Buf: make([]byte, SlotSize), Off: Headroom, Len: MaxFrame + 1, Info: Info{L4: 9}}
	f.Verdict.Drop = DropStorm
	if r := f.Parse(); r != DropOversize || f.Info != (Info{}) || f.Drop != DropStorm {
		t.Errorf("%v %+v", r, f.Info)
	}
	f.Len, f.L4 = 3, 9
	if r := f.Parse(); r != DropRunt || f.Info != (Info{}) {
		t.Errorf("%v %+v", r, f.Info)
	}
	// A length that no slot holds is an answer too, not a panic.
	f.Len = SlotSize * 2
	if r := f.Parse(); r != DropOversize {
		t.Error(r)
	}
}

// Views end with the packet, not with the padding of a short frame.
func TestFrameViews(t *testing.T) {
	pad := make([]byte, 9)
	tcp := ether(TypeIPv4, append(ip4(ProtoTCP, seg(3), nil), pad...), tagged)
	f := Frame{Buf: tcp, Len: len(tcp)}
	if r := f.Parse(); r != Accepted || len(f.IPv4()) != 43 || len(f.TCP().Payload()) != 3 || f.TCP().DstPort() != 80 {
		t.Errorf("%v %+v", r, f.Info)
	}
	udp := ether(TypeIPv6, append(ip6(ProtoUDP, dgram(3)), pad...))
	f = Frame{Buf: udp, Len: len(udp)}
	if r := f.Parse(); r != Accepted || len(f.IPv6()) != 51 || len(f.UDP()) != 11 || f.Ethernet().Src() != macA {
		t.Errorf("%v %+v", r, f.Info)
	}
	ping := ether(TypeIPv4, append(ip4(ProtoICMP, make([]byte, 9), nil), pad...))
	f = Frame{Buf: ping, Len: len(ping)}
	if r := f.Parse(); r != Accepted || len(f.ICMPv4()) != 9 {
		t.Errorf("%v %+v", r, f.Info)
	}
}

func TestSlab(t *testing.T) {
	for _, n := range []int{0, -1} {
		if _, err := NewSlab(n); err == nil || !strings.Contains(err.Error(), "slots") {
			t.Errorf("%d slots: %v", n, err)
		}
	}
	s, err := NewSlab(2)
	if err != nil {
		t.Fatal(err)
	}
	if s.Slots() != 2 || len(s.Mem()) != 2*SlotSize {
		t.Errorf("%d slots, %d bytes", s.Slots(), len(s.Mem()))
	}
	a, b := s.Slot(0), s.Slot(1)
	if len(a) != SlotSize || cap(a) != SlotSize || len(b) != SlotSize {
		t.Errorf("slots of %d (%d) and %d bytes", len(a), cap(a), len(b))
	}
	a[SlotSize-1] = 1
	if b[0] != 0 || s.Mem()[SlotSize-1] != 1 {
		t.Error("slots overlap or are copies")
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if s.Slots() != 0 {
		t.Error("slots after Close")
	}
}

func TestSlabTooLarge(t *testing.T) {
	if s, err := NewSlab(1 << 46); err == nil {
		s.Close()
		t.Error("mapped more than there is")
	}
}
