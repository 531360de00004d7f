package engine

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	vswitch "vswitch/switch"
)

func TestUnicast(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, b, c := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		a.hello(b, c)
		b.hello(a, c)
		for i := range uint32(100) {
			want := eth(b.mac, a.mac, numbered(i, 46+int(i)))
			must(t, a.Send(want))
			if got := b.recv(); !bytes.Equal(got, want) {
				t.Fatalf("frame %d: got %x, want %x", i, got, want)
			}
		}
		totals := r.rest(102)
		c.silent()
		a.silent()
		ended(t, totals, nil)
		if totals.Copies != 2 || totals.TxFrames != 104 {
			t.Errorf("copies %d, sent %d; want 2 and 104", totals.Copies, totals.TxFrames)
		}
		p, ok := r.e.PortTotals(b.id)
		if !ok || p.RxFrames != 1 || p.TxFrames != 101 {
			t.Errorf("port totals: %v %+v", ok, p)
		}
	})
}

func TestFloodReachesAllOthersOnce(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		var all []*station
		for range 40 { // more ports than slots
			all = append(all, r.plug(vswitch.PortConfig{}))
		}
		want := eth(frame.Broadcast, all[0].mac, numbered(7, 1000))
		must(t, all[0].Send(want))
		for _, s := range all[1:] {
			if got := s.recv(); !bytes.Equal(got, want) {
				t.Fatalf("port %d: got %x", s.id, got[:32])
			}
		}
		totals := r.rest(1)
		if totals.Copies != 38 || totals.TxFrames != 39 {
			t.Errorf("copies %d, sent %d; want 38 and 39", totals.Copies, totals.TxFrames)
		}
		for _, s := range all {
			s.silent()
		}
	})
}

// TestOrder: frames of one port never overtake each other, also where unicast and
// flooded frames take turns and a batch is larger than the slots.
func TestOrder(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, b, c := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		a.hello(b, c)
		b.hello(a, c)
		const window, rounds = 60, 50
		for round := range uint32(rounds) {
			for i := range uint32(window) {
				dst := b.mac
				if i%3 == 0 {
					dst = frame.Broadcast
				}
				must(t, a.Send(eth(dst, a.mac, numbered(round*window+i, 60))))
			}
			for i := range uint32(window) {
				if got := number(b.recv()); got != round*window+i {
					t.Fatalf("frame %d came as number %d", got, round*window+i)
				}
				if i%3 == 0 {
					c.recv()
				}
			}
		}
		ended(t, r.rest(2+window*rounds), nil)
	})
}

// super makes a TCP super-frame and its virtio header. mss 0 makes a plain segment
// with an unfinished checksum.
func super(dst, src frame.MAC, payload, mss int) (vnet, b []byte) {
	b = make([]byte, frame.EthernetLen+frame.IPv4Len+20+payload)
	ip := frame.EthernetFields{Dst: dst, Src: src, EtherType: frame.TypeIPv4}.Encode(b)
	frame.IPv4Fields{
		Proto: frame.ProtoTCP, Src: netip.MustParseAddr("10.9.0.1"), Dst: netip.MustParseAddr("10.9.0.2"),
	}.Encode(ip)
	tcp := ip[frame.IPv4Len:]
	tcp[12], tcp[13] = 5<<4, frame.TCPAck
	for i := range tcp[20:] {
		tcp[20+i] = byte(i * 31)
	}
	binary.BigEndian.PutUint16(tcp[16:], frame.Fold(frame.PseudoSum4(0x0a090001, 0x0a090002, frame.ProtoTCP, len(tcp))))
	vnet = make([]byte, frame.VnetLen)
	h := offload.Vnet(vnet)
	h.SetFlags(offload.NeedsCsum)
	h.SetCsumStart(frame.EthernetLen + frame.IPv4Len)
	h.SetCsumOffset(16)
	if mss > 0 {
		h.SetGSOType(offload.GSOTCP4)
		h.SetGSOSize(uint16(mss))
		h.SetHdrLen(frame.EthernetLen + frame.IPv4Len + 20)
	}
	return vnet, b
}

// maxPayload fills an IPv4 packet of 65535 bytes.
const maxPayload = 65535 - frame.IPv4Len - 20

// TestSuperFramesStayWhole: 64 KiB go through in one piece, virtio header and all.
func TestSuperFramesStayWhole(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, b := r.plugMTU(vswitch.PortConfig{}, 1500), r.plugMTU(vswitch.PortConfig{}, 1500)
		a.hello(b)
		b.hello(a)
		vnet, want := super(b.mac, a.mac, maxPayload, 1460)
		const n, window = 120, 3 // several times the slots; no more at once than a queue takes
		for i := range n {
			for k := 0; i%window == 0 && k < window; k++ {
				must(t, a.SendVnet(vnet, want))
			}
			gotVnet, got, err := b.Recv(patience)
			must(t, err)
			if !bytes.Equal(gotVnet, vnet) || !bytes.Equal(got, want) {
				t.Fatalf("super-frame %d changed: %d bytes, virtio header %x, want %d and %x", i, len(got), gotVnet, len(want), vnet)
			}
		}
		ended(t, r.rest(2+n), nil)
	})
}

func TestMTU(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, b := r.plug(vswitch.PortConfig{}), r.plugMTU(vswitch.PortConfig{}, 1500)
		a.hello(b)
		b.hello(a)
		n := uint64(2)
		r.rest(n)
		for _, c := range []struct {
			name         string
			payload, mss int // TCP; the packet has 40 bytes more
			fits         bool
		}{
			{"fits", 1460, 0, true},
			{"one byte too long", 1461, 0, false},
			{"super-frame of fitting segments", 60000, 1460, true},
			{"super-frame of segments that are too long", 60000, 1461, false},
		} {
			before := r.e.Totals()
			vnet, f := super(b.mac, a.mac, c.payload, c.mss)
			must(t, a.SendVnet(vnet, f))
			n++
			after := r.rest(n)
			if got := after.TxFrames > before.TxFrames; got != c.fits {
				t.Errorf("%s: passed: %v", c.name, got)
			}
			if got := after.Ends[frame.DropMTU] > before.Ends[frame.DropMTU]; got == c.fits {
				t.Errorf("%s: dropped: %v", c.name, got)
			}
		}
		// What is not IP has a layer-3 packet too; a tag is not part of it.
		tag := frame.VLANFields{TCI: 0}
		must(t, a.Send(eth(b.mac, a.mac, make([]byte, 1501))))
		must(t, a.Send(eth(b.mac, a.mac, make([]byte, 1500), tag)))
		if got := r.rest(n + 2).Ends[frame.DropMTU]; got != 3 {
			t.Errorf("%d frames were too long, want 3", got)
		}
		if p, _ := r.e.PortTotals(b.id); p.Ends[frame.DropMTU] != 3 {
			t.Error("the drops are not booked on the egress port")
		}
	})
}
