package leg

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/uplinktest"
	"vswitch/nat"
)

const webPort = 80

// There and back: what leaves has our address and the next station's, one hop less, and
// goes on as it is; what comes back is for who asked.
func TestThereAndBack(t *testing.T) {
	for name, e := range both {
		t.Run(name, func(t *testing.T) {
			for to, mac := range map[netip.Addr]frame.MAC{e.bob: bobMAC, e.world: outerMAC} {
				r := newRig(t, nat.FullCone)
				f := alice(e.alice).UDP(4000, netip.AddrPortFrom(to, 53), []byte("question"), 0)
				before := hops(f)
				s := r.out(f, frame.Accepted)
				if s == nil || s.Frame != f || s.how != "reenter" || s.port != legPort {
					t.Fatalf("%+v", s)
				}
				src, dst := uplinktest.Ends(f)
				if src.Addr() != e.leg || dst != netip.AddrPortFrom(to, 53) || hops(f) != before-1 {
					t.Errorf("%v to %v, %d hops", src, dst, hops(f))
				}
				if e := f.Ethernet(); e.Dst() != mac || e.Src() != legMAC || f.Dst != mac || f.Src != legMAC {
					t.Errorf("%v to %v; %v to %v", e.Src(), e.Dst(), f.Src, f.Dst)
				}
				back := fromBob(bob(to).UDP(53, src, []byte("answer"), 0))
				s = r.in(back, frame.Accepted)
				if s == nil || s.how != "inside" {
					t.Fatalf("%+v", s)
				}
				if _, dst := uplinktest.Ends(back); dst != netip.AddrPortFrom(e.alice, 4000) {
					t.Errorf("the answer goes to %v", dst)
				}
			}
		})
	}
}

// What a leg does not send on, and what it is not its business.
func TestLegRefuses(t *testing.T) {
	for name, e := range both {
		t.Run(name, func(t *testing.T) {
			ask := func(to netip.Addr) *frame.Frame {
				return alice(e.alice).UDP(4000, netip.AddrPortFrom(to, 53), []byte("question"), 0)
			}
			r := newRig(t, nat.PortRestricted)
			nobody := e.bob.Next()
			if s := r.out(ask(nobody), frame.DropNeighbour); s != nil {
				t.Errorf("%+v", s)
			}
			r.shared = true
			if s := r.out(ask(e.bob), frame.DropNoEgress); s != nil {
				t.Errorf("%+v", s)
			}
			r.shared = false
			r.out(ask(e.bob), frame.Accepted)
			seen, _ := uplinktest.Ends(r.sent[0].Frame)

			// From outside: filtered, ours without a flow, another's address, not IP.
			if s := r.in(fromBob(bob(e.world).UDP(53, seen, []byte("who are you"), 0)), frame.DropNATFiltered); s != nil {
				t.Errorf("filtered: %+v", s)
			}
			for what, f := range map[string]*frame.Frame{
				"no flow":         fromBob(bob(e.bob).UDP(53, netip.AddrPortFrom(e.leg, 9), []byte("x"), 0)),
				"another address": fromBob(bob(e.bob).UDP(53, netip.AddrPortFrom(e.world, 9), []byte("x"), 0)),
				"another station": bob(e.bob).UDP(53, seen, []byte("x"), 0),
			} {
				if s := r.in(f, frame.Accepted); s == nil || s.how != "rest" || s.Frame != f {
					t.Errorf("%s: %+v", what, s)
				}
			}
			r.shared = true
			if s := r.in(fromBob(bob(e.bob).UDP(53, seen, []byte("x"), 0)), frame.DropNoEgress); s != nil {
				t.Errorf("not owned: %+v", s)
			}
		})
	}
}

// A forward is reached from outside, and from inside by the address outside.
func TestForwards(t *testing.T) {
	for name, e := range both {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nat.FullCone)
			outer, inner := netip.AddrPortFrom(e.leg, 8080), netip.AddrPortFrom(e.alice, webPort)
			if err := r.NAT.SetForwards([]nat.Forward{{Proto: frame.ProtoTCP, Outer: outer, Inner: inner}}); err != nil {
				t.Fatal(err)
			}
			syn := frame.TCPFields{Flags: frame.TCPSyn, Seq: 1}
			f := fromBob(bob(e.bob).TCP(999, outer, syn, nil, 0))
			if s := r.in(f, frame.Accepted); s == nil || s.how != "inside" {
				t.Fatalf("%+v", s)
			}
			if src, dst := uplinktest.Ends(f); dst != inner || src.Addr() != e.bob {
				t.Errorf("from %v to %v", src, dst)
			}
			f = alice(e.alice).TCP(998, outer, syn, nil, 0)
			if s := r.out(f, frame.Accepted); s == nil || s.how != "inside" {
				t.Fatalf("its own port: %+v", s)
			}
			if src, dst := uplinktest.Ends(f); dst != inner || src.Addr() != e.leg {
				t.Errorf("its own port: from %v to %v", src, dst)
			}
			// Nothing is published there: the sender is told.
			if s := r.out(alice(e.alice).TCP(997, netip.AddrPortFrom(e.leg, 81), syn, nil, 0), frame.DropNoService); s != nil {
				t.Errorf("no forward: %+v", s)
			}
			r.shared = true
			if s := r.out(alice(e.alice).TCP(996, outer, syn, nil, 0), frame.DropNoEgress); s != nil {
				t.Errorf("not owned: %+v", s)
			}
		})
	}
}

// A run keeps its order, and what goes to Rest is given there at once.
func TestRunsStayInOrder(t *testing.T) {
	r := newRig(t, nat.FullCone)
	r.out(alice(v4.alice).UDP(4000, netip.AddrPortFrom(v4.bob, 53), []byte("q"), 0), frame.Accepted)
	seen, _ := uplinktest.Ends(r.sent[0].Frame)
	var run, flows, rest []*frame.Frame
	for i := range 10 {
		f := fromBob(bob(v4.bob).UDP(53, seen, []byte{byte(i)}, 0))
		if flows = append(flows, f); i%3 == 0 {
			f = fromBob(bob(v4.bob).Echo(v4.leg, 1, uint16(i), nil))
			flows, rest = flows[:len(flows)-1], append(rest, f)
		}
		run = append(run, f)
	}
	r.sent = nil
	r.Serve(r, run)
	if len(r.sent) != 10 {
		t.Fatalf("%d of 10 frames went anywhere", len(r.sent))
	}
	for i, want := range append(flows, rest...) {
		if r.sent[i].Frame != want {
			t.Errorf("frame %d is another", i)
		}
	}
}

// fragments are those of a datagram of 2,000 bytes, the one with the ports first.
func fragments(from uplinktest.Station, to netip.AddrPort, id uint16) []*frame.Frame {
	whole := from.UDP(4000, to, make([]byte, 2000), 0)
	payload := frame.IPv4(whole.Bytes()[whole.L3:]).Payload()
	var out []*frame.Frame
	for at := 0; at < len(payload); at += 800 {
		part := payload[at:min(at+800, len(payload))]
		b := make([]byte, frame.EthernetLen+frame.IPv4Len+len(part))
		copy(b, whole.Bytes()[:frame.EthernetLen])
		ip := b[frame.EthernetLen:]
		copy(ip[frame.IPv4Len:], part)
		frame.IPv4Fields{
			Proto: frame.ProtoUDP, Src: from.Addr, Dst: to.Addr(), ID: id,
			FragmentOffset: at, MoreFragments: at+800 < len(payload),
		}.Encode(ip)
		f := &frame.Frame{Buf: append(make([]byte, frame.Headroom), b...), Off: frame.Headroom, Len: len(b)}
		out = append(out, uplinktest.Parse(f))
	}
	return out
}

// Fragments pass as they are when the first of them comes first. Otherwise the others
// are taken, and go on as copies behind it.
func TestFragments(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}} {
		r := newRig(t, nat.FullCone)
		all := fragments(alice(v4.alice), netip.AddrPortFrom(v4.bob, 53), 7)
		first := false
		for _, i := range order {
			r.sent = nil
			r.Take(r, []*frame.Frame{all[i]})
			first = first || i == 0
			switch {
			case !first && (all[i].Drop != frame.Consumed || len(r.sent) != 0):
				t.Errorf("%v: fragment %d ended as %v; %d frames", order, i, all[i].Drop, len(r.sent))
			case first && all[i].Drop != frame.Accepted:
				t.Errorf("%v: fragment %d ended as %v", order, i, all[i].Drop)
			}
			if i != 0 {
				continue
			}
			for n, s := range r.sent {
				if src, dst := uplinktest.Ends(s.Frame); src.Addr() != v4.leg || dst.Addr() != v4.bob || hops(s.Frame) != 63 || s.port != legPort {
					t.Errorf("%v: frame %d from %v to %v, %d hops, port %d", order, n, src, dst, hops(s.Frame), s.port)
				}
				if e := s.Ethernet(); e.Src() != legMAC || e.Dst() != bobMAC {
					t.Errorf("%v: frame %d from %v to %v", order, n, e.Src(), e.Dst())
				}
			}
			copies := 0
			for _, s := range r.sent {
				if s.how == "copy" {
					copies += s.Len
				}
			}
			if copied := r.ledger.CopiedBytes.Load(); copied != uint64(copies) || len(r.sent) != 1+kept(order) {
				t.Errorf("%v: %d frames, %d bytes copied, booked %d", order, len(r.sent), copies, copied)
			}
		}
		if r.Lost() != 0 {
			t.Errorf("%v: %d lost", order, r.Lost())
		}
	}
}

// kept is how many fragments come before the first.
func kept(order []int) int {
	for n, i := range order {
		if i == 0 {
			return n
		}
	}
	return len(order)
}

// The same on the way in: copies enter by the gateway's port, for the station.
func TestFragmentsIn(t *testing.T) {
	for _, gone := range []bool{false, true} {
		r := newRig(t, nat.FullCone)
		ask := alice(v4.alice).UDP(53, netip.AddrPortFrom(v4.bob, 4000), []byte("q"), 0)
		r.out(ask, frame.Accepted)
		seen, _ := uplinktest.Ends(ask)
		all := fragments(bob(v4.bob), seen, 9)
		r.sent, r.starved = nil, gone
		for _, i := range []int{2, 1, 0} {
			r.Serve(r, []*frame.Frame{fromBob(all[i])})
		}
		if n := r.ledger.Ends[frame.Consumed].Load(); n != 2 {
			t.Errorf("%d fragments are booked as consumed", n)
		}
		if gone { // no slot is free
			if len(r.sent) != 1 || r.Lost() != 2 {
				t.Errorf("%d frames, %d lost", len(r.sent), r.Lost())
			}
			continue
		}
		if len(r.sent) != 3 {
			t.Fatalf("%d frames", len(r.sent))
		}
		for _, s := range r.sent {
			if _, dst := uplinktest.Ends(s.Frame); dst.Addr() != v4.alice || s.port != insidePort {
				t.Errorf("%s: to %v by port %d", s.how, dst, s.port)
			}
			if e := s.Ethernet(); s.how == "copy" && (e.Src() != insideMAC || e.Dst() != aliceMAC) {
				t.Errorf("a copy from %v to %v", e.Src(), e.Dst())
			}
		}
	}
}

// Packets of flows that are known cost no memory.
func TestLegDoesNotAllocate(t *testing.T) {
	r := newRig(t, nat.PortRestricted)
	f := alice(v4.alice).UDP(4000, netip.AddrPortFrom(v4.bob, 53), []byte("question"), 0)
	was := append([]byte(nil), f.Buf...)
	info := f.Info
	run := []*frame.Frame{f}
	r.sent = make([]sent, 0, 8)
	if n := testing.AllocsPerRun(100, func() {
		copy(f.Buf, was)
		f.Info, r.sent = info, r.sent[:0]
		r.Take(r, run)
	}); n != 0 {
		t.Errorf("%v allocations a packet out", n)
	}
	seen, _ := uplinktest.Ends(f)
	back := fromBob(bob(v4.bob).UDP(53, seen, []byte("answer"), 0))
	was, info, run[0] = append([]byte(nil), back.Buf...), back.Info, back
	if n := testing.AllocsPerRun(100, func() {
		copy(back.Buf, was)
		back.Info, r.sent = info, r.sent[:0]
		r.Serve(r, run)
	}); n != 0 {
		t.Errorf("%v allocations a packet in", n)
	}
}
