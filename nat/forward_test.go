package nat

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"vswitch/internal/frame"
)

// forward makes one; an outer address may be empty.
func forward(proto uint8, outer string, port uint16, inner netip.AddrPort) Forward {
	f := Forward{Proto: proto, Outer: netip.AddrPortFrom(netip.Addr{}, port), Inner: inner}
	if outer != "" {
		f.Outer = at(outer, port)
	}
	return f
}

const other4 = "192.0.2.99" // a second outer address

func TestForwards(t *testing.T) {
	web := at(hostA, 80)
	for p := range personalities {
		r := newRig(t, personality(p))
		must(t, r.t.SetForwards([]Forward{
			forward(frame.ProtoTCP, "", 8080, web),
			forward(frame.ProtoUDP, outer4, 53, at(hostB, 5353)),
			forward(frame.ProtoTCP, "", 8080, at(hostA6, 80)),
			forward(protoSCTP, "", 9899, at(hostA, 9899)),
		}))
		// Any sender comes in, to either address, and the answer leaves from there.
		for _, outer := range []string{outer4, other4} {
			s := r.in(tcp(y, at(outer, 8080), synFlag))
			back := r.out(tcp(web, y, synFlag|ackFlag))
			if s.dst != web || s.src != y || back.src != at(outer, 8080) {
				t.Errorf("%v: to %v, back from %v", p, s.dst, back.src)
			}
			r.in(tcp(y, at(outer, 8080), rstFlag))
			r.pass(5 * time.Minute)
		}
		if s := r.in(tcp(at(hostY6, 7), at(outer6, 8080), synFlag)); s.dst != at(hostA6, 80) {
			t.Errorf("%v: IPv6 went to %v", p, s.dst)
		}
		r.in(udp(y, at(outer4, 53)))
		r.refuse(opIn, udp(y, at(other4, 53)), frame.DropNoFlow)
		r.in(ipPacket(hostY, outer4, protoSCTP, 0x12, 0x34, 0x26, 0xab, 0, 0, 0, 0, 0, 0, 0, 0))
		r.refuse(opIn, tcp(y, at(outer4, 8080), ackFlag), frame.DropNoFlow)
	}
}

// Both ways keep a forwarded flow alive, and its own packets leave by the forward.
func TestForwardedFlows(t *testing.T) {
	server := at(hostB, 5353)
	r := newRig(t)
	must(t, r.t.SetForwards([]Forward{forward(frame.ProtoUDP, "", 53, server)}))
	r.in(udp(y, at(outer4, 53)))
	for range 3 {
		r.pass(4 * time.Minute)
		r.in(udp(y, at(outer4, 53)))
	}
	if f := r.t.Flows(); len(f) != 1 || !f[0].Forwarded || f[0].In.Packets != 4 || f[0].State != Unreplied {
		t.Errorf("%+v", f)
	}
	if s := r.out(udp(server, x)); s.src != at(outer4, 53) {
		t.Errorf("the server speaks from %v", s.src)
	}
	if s := r.out(udp(at(hostA, 53), x)); s.src.Port() == 53 {
		t.Error("somebody else got the published port")
	}
}

// Whoever is inside reaches a published port by the outer address, the server itself too.
func TestForwardHairpin(t *testing.T) {
	web := at(hostA, 80)
	r := newRig(t, personality(Symmetric))
	must(t, r.t.SetForwards([]Forward{forward(frame.ProtoTCP, "", 8080, web)}))
	for _, client := range []netip.AddrPort{b, a} {
		h := r.hair(tcp(client, at(outer4, 8080), synFlag))
		back := r.hair(tcp(web, h.src, synFlag|ackFlag))
		if h.dst != web || back.src != at(outer4, 8080) || back.dst != client {
			t.Errorf("%v: to %v, back from %v to %v", client, h.dst, back.src, back.dst)
		}
	}
}

func TestForwardsChange(t *testing.T) {
	r := newRig(t)
	web, dns := forward(frame.ProtoTCP, "", 8080, at(hostA, 80)), forward(frame.ProtoUDP, "", 53, at(hostB, 53))
	must(t, r.t.SetForwards([]Forward{web, dns}))
	r.in(tcp(y, at(outer4, 8080), synFlag))
	r.in(udp(y, at(outer4, 53)))
	r.out(udp(a, x))
	must(t, r.t.SetForwards([]Forward{web}))
	r.in(tcp(y, at(outer4, 8080), synFlag))
	r.refuse(opIn, udp(y, at(outer4, 53)), frame.DropNoFlow)
	r.out(udp(at(hostB, 53), y))
	if c := r.t.Counts(); c.Ended != 1 || c.Flows != 3 || c.Mappings != 3 {
		t.Errorf("%+v", c)
	}
	// A forward of a port that a host inside has got takes it over.
	s := r.out(udp(at(hostB, 7000), x))
	must(t, r.t.SetForwards([]Forward{forward(frame.ProtoUDP, "", 7000, at(hostA, 1))}))
	if in := r.in(udp(x, s.src)); in.dst != at(hostA, 1) {
		t.Errorf("went to %v", in.dst)
	}
	if again := r.out(udp(at(hostB, 7000), x)); again.src == s.src {
		t.Errorf("left as %v again", again.src)
	}
	must(t, r.t.SetForwards(nil))
	r.refuse(opIn, tcp(y, at(outer4, 8080), synFlag), frame.DropNoFlow)
	r.t.check(t)
}

// One endpoint published twice: a sender that comes by both cannot be answered by both.
func TestForwardsToOneEndpoint(t *testing.T) {
	r := newRig(t)
	must(t, r.t.SetForwards([]Forward{forward(frame.ProtoTCP, "", 1, at(hostA, 80)), forward(frame.ProtoTCP, "", 2, at(hostA, 80))}))
	for port := uint16(1); port <= 2; port++ {
		from := at(hostY, 1000+port)
		r.in(tcp(from, at(outer4, port), synFlag))
		if back := r.out(tcp(at(hostA, 80), from, synFlag|ackFlag)); back.src.Port() != port {
			t.Errorf("port %d: answered from %v", port, back.src)
		}
		r.in(tcp(from, at(outer4, port), ackFlag))
	}
	r.refuse(opIn, tcp(at(hostY, 1001), at(outer4, 2), synFlag), frame.DropNATPorts)
	r.in(tcp(at(hostY, 1001), at(outer4, 1), rstFlag))
	r.in(tcp(at(hostY, 1001), at(outer4, 2), synFlag))
	if back := r.out(tcp(at(hostA, 80), at(hostY, 1001), synFlag|ackFlag)); back.src.Port() != 2 {
		t.Errorf("answered from %v", back.src)
	}
}

func TestForwardsThatCannotBe(t *testing.T) {
	r := newRig(t)
	good := forward(frame.ProtoTCP, "", 80, a)
	must(t, r.t.SetForwards([]Forward{good, good}))
	for name, bad := range map[string]Forward{
		"protocol":      forward(frame.ProtoICMP, "", 80, a),
		"no port":       forward(frame.ProtoTCP, "", 0, a),
		"no inner port": forward(frame.ProtoTCP, "", 80, at(hostA, 0)),
		"no address":    {Proto: frame.ProtoTCP, Outer: at(outer4, 80)},
		"families":      forward(frame.ProtoTCP, outer6, 80, a),
		"SCTP's port":   forward(protoSCTP, "", 80, at(hostA, 81)),
		"twice":         forward(frame.ProtoTCP, "", 80, b),
	} {
		if err := r.t.SetForwards([]Forward{good, bad}); !errors.Is(err, ErrForward) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.in(tcp(y, at(outer4, 80), synFlag))
}

// The address changes, a host leaves.
func TestOuterAndInsideGo(t *testing.T) {
	r := newRig(t)
	must(t, r.t.SetForwards([]Forward{forward(frame.ProtoTCP, other4, 80, a)}))
	s := r.out(udp(a, x))
	r.out(udp(at(hostA6, 5), at(hostX6, 6)))
	r.in(tcp(y, at(other4, 80), synFlag))
	r.t.SetOuter(Outer{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr(outer6)})
	if c := r.t.Counts(); c.Flows != 2 || c.Mappings != 2 || c.Ended != 1 {
		t.Errorf("another address: %+v", c)
	}
	r.refuse(opIn, udp(x, s.src), frame.DropNoFlow)
	if s = r.out(udp(a, x)); s.src != at("192.0.2.2", 5000) {
		t.Errorf("left as %v", s.src)
	}
	r.out(udp(b, x))
	r.t.DropInside(a.Addr())
	if f := r.t.Flows(); len(f) != 2 {
		t.Errorf("a host left: %+v", f)
	}
	r.in(tcp(y, at(other4, 80), synFlag)) // the forward stays
	r.t.SetOuter(Outer{})
	r.refuse(opOut, udp(b, x), frame.DropNoRoute)
	r.t.check(t)
}
