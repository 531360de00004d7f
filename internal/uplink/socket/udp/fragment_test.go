package udp

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/fragment"
	"vswitch/internal/uplink/uplinktest"
)

// cut is a datagram of a container's in fragments of size bytes, a multiple of 8.
func cut(s uplinktest.Station, to netip.AddrPort, id uint32, body []byte, size int) (frames []*frame.Frame) {
	u := make([]byte, frame.UDPLen+len(body))
	copy(u[frame.UDPLen:], body)
	src, dst := endOf(port(s.Addr, 4000)), endOf(to)
	frame.UDPFields{SrcPort: 4000, DstPort: to.Port()}.Encode(u, pseudo(&src, &dst, len(u)))
	for at := 0; at < len(u); at += size {
		frames = append(frames, piece1(s, to.Addr(), id, at, at+size < len(u), u[at:min(at+size, len(u))]))
	}
	return frames
}

// piece1 is one fragment.
func piece1(s uplinktest.Station, to netip.Addr, id uint32, at int, more bool, body []byte) *frame.Frame {
	return s.Fragment(to, frame.ProtoUDP, id, at, more, body)
}

// Fragments in any order are one datagram to the server.
func TestFragmentsOut(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		for i, order := range []func([]*frame.Frame){
			func([]*frame.Frame) {},
			slices.Reverse[[]*frame.Frame],
			func(f []*frame.Frame) { f[0], f[len(f)/2] = f[len(f)/2], f[0] },
		} {
			for _, n := range []int{1481, 8000, 65_000} {
				body := payload(n)
				frames := cut(s, to.alias(), uint32(i*100_000+n), body, 1400)
				order(frames)
				r.send(frames...)
				if got, _ := to.get(); !bytes.Equal(got, body) {
					t.Errorf("order %d: %d bytes came, want %d", i, len(got), n)
				}
			}
		}
		if r.Ledger().CopiedBytes.Load() == 0 {
			t.Error("copied bytes are not booked")
		}
	})
}

// What does not fit together is thrown away, and the next datagram is not disturbed.
func TestFragmentsThatDoNotFit(t *testing.T) {
	to := port(uplinktest.Loopback4, 9)
	one := func(id uint32, at int, more bool, n int) *frame.Frame {
		return piece1(alice4, to.Addr(), id, at, more, make([]byte, n))
	}
	for name, frames := range map[string][]*frame.Frame{
		"overlap":             {one(1, 0, true, 800), one(1, 792, true, 800)},
		"repeated":            {one(1, 0, true, 800), one(1, 0, true, 800)},
		"around":              {one(1, 800, true, 8), one(1, 0, true, 1400)},
		"beyond the end":      {one(1, 800, false, 10), one(1, 1600, true, 800)},
		"an end before":       {one(1, 1600, true, 800), one(1, 800, false, 10)},
		"two ends":            {one(1, 800, false, 16), one(1, 400, false, 16)},
		"more than IP allows": {one(1, 65_528, true, 16)},
		"not in units":        {one(1, 0, true, 12)},
		"empty":               {one(1, 8, true, 0)},
	} {
		r := newRig(t)
		ends := r.run(frames...)
		if got := ends[len(ends)-1]; got != frame.DropNATFragment {
			t.Errorf("%s: ended as %v", name, got)
		}
		for i := range r.s.fragments.all {
			if r.s.fragments.all[i].live {
				t.Errorf("%s: the datagram lives on", name)
			}
		}
	}
}

// A whole datagram whose header lies, or whose sum is wrong, is not sent.
func TestFragmentsOfNonsense(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	for name, edit := range map[string]func(b []byte){
		"sum":    func(b []byte) { b[len(b)-1] ^= 1 },
		"length": func(b []byte) { b[frame.EthernetLen+frame.IPv4Len+4]++ },
	} {
		frames := cut(alice4, to.alias(), 1, payload(2000), 1400)
		edit(frames[0].Bytes())
		if got := r.run(frames...)[1]; got != frame.DropGatewayHeader {
			t.Errorf("%s: ended as %v", name, got)
		}
	}
	to.quiet()
}

// One sender has four datagrams under way, all have sixteen, and none for more than two
// seconds.
func TestFragmentsAreBounded(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	first := func(s uplinktest.Station, id uint32) *frame.Frame {
		return piece1(s, to.alias().Addr(), id, 0, true, make([]byte, 80))
	}
	for id := range uint32(6) {
		r.send(first(alice4, id))
	}
	if n := r.underWay(); n != 4 {
		t.Errorf("%d datagrams of one sender are under way", n)
	}
	for i := range byte(3) {
		s := uplinktest.Station{Addr: netip.AddrFrom4([4]byte{10, 1, 0, 100 + i}), MAC: bob4.MAC}
		for id := range uint32(4) {
			r.send(first(s, id))
		}
	}
	if got := r.run(first(bob4, 1))[0]; got != frame.DropNATFragment {
		t.Errorf("one too many ended as %v", got)
	}
	r.Advance(3 * time.Second)
	r.send(first(bob4, 1))
	frames := cut(bob4, to.alias(), 7, payload(2000), 1400)
	r.send(frames[0])
	r.Advance(3 * time.Second)
	r.send(frames[1])
	to.quiet()
	r.s.DropInside(r.Worker, 1, bob4.Addr)
	r.s.DropNet(r.Worker, 1)
	if n := r.underWay(); n != 0 {
		t.Errorf("%d datagrams of nobody are under way", n)
	}
}

func (r *rig) underWay() (n int) {
	for i := range r.s.fragments.all {
		if r.s.fragments.all[i].live {
			n++
		}
	}
	return n
}

// A datagram that the network cannot carry enters in fragments, which are put together
// by an independent judge for IPv4, and by hand for IPv6.
func TestFragmentsIn(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r, to := newRig(t), listen(t)
		r.send(s.UDP(4000, to.alias(), []byte("more"), 0))
		r.fragments()
		_, from := to.get()
		for _, n := range []int{1480, 3000, 65_000} {
			body := payload(n)
			to.put(body, from)
			f := r.Await()
			frames := []*frame.Frame{f}
			for _, e := range r.Entered {
				frames = append(frames, e.Frame)
			}
			r.Entered = nil
			for _, f := range frames {
				if int(f.L3Len) > uplinktest.MTU {
					t.Errorf("a packet of %d bytes", f.L3Len)
				}
			}
			u := frame.UDP(joined(t, frames))
			src, dst := endOf(to.alias()), endOf(port(s.Addr, 4000))
			if !u.Valid() || !bytes.Equal(u.Payload(), body) || u.DstPort() != 4000 || u.SrcPort() != to.alias().Port() {
				t.Fatalf("%d bytes came together wrong", n)
			}
			if frame.Checksum(u, pseudo(&src, &dst, len(u))) != 0xffff {
				t.Error("the checksum is wrong")
			}
		}
	})
}

// joined puts fragments together.
func joined(t *testing.T, frames []*frame.Frame) []byte {
	t.Helper()
	if frames[0].Flags&frame.FlagIPv4 != 0 {
		d := ip4defrag.NewIPv4Defragmenter()
		for _, f := range frames {
			p := gopacket.NewPacket(f.Bytes(), layers.LayerTypeEthernet, gopacket.Default)
			whole, err := d.DefragIPv4(p.NetworkLayer().(*layers.IPv4))
			if err != nil {
				t.Fatal(err)
			}
			if whole != nil {
				return whole.Payload
			}
		}
		t.Fatal("not whole")
	}
	var all []fragment.Piece
	for _, f := range frames {
		p, ok := fragment.Read(1, frame.ProtoUDP, f)
		if !ok {
			t.Fatal("not a fragment")
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b fragment.Piece) int { return cmp.Compare(a.At, b.At) })
	var b []byte
	for i, p := range all {
		if p.At != len(b) || p.More != (i < len(all)-1) || p.ID != all[0].ID {
			t.Fatalf("piece %d begins at %d, want %d", i, p.At, len(b))
		}
		b = append(b, p.Body...)
	}
	return b
}

// Datagrams of a host's super-frame that the network cannot carry are fragmented one by
// one.
func TestLargeSegmentsIn(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	r.send(alice4.UDP(4000, to.alias(), []byte("more"), 0))
	r.fragments()
	_, from := to.get()
	body := payload(9000)
	putSegmented(t, to, body, 4000, from)
	r.Until("all fragments", func() bool { return len(r.Entered) == 7 })
	var got []byte
	for _, n := range []int{3, 3, 1} {
		if n == 1 {
			got = append(got, r.Take1().UDP().Payload()...)
			continue
		}
		var frames []*frame.Frame
		for range n {
			frames = append(frames, r.Take1())
		}
		got = append(got, frame.UDP(joined(t, frames)).Payload()...)
	}
	if !bytes.Equal(got, body) {
		t.Error("other bytes")
	}
}
