package nat

import (
	"testing"
	"time"

	"vswitch/internal/frame"
)

var requirementsICMP = []requirement{
	{"RFC 5508 REQ-1: queries by identifier", personality(PortRestricted), func(r *rig) {
		one, two := r.out(echo(hostA, hostX, 7, true)), r.out(echo(hostB, hostX, 7, true))
		if one.src == two.src {
			r.Errorf("both left as %v", one.src)
		}
		if s := r.in(echo(hostX, outer4, two.src.Port(), false)); s.dst.Addr() != b.Addr() || s.src.Port() != 7 {
			r.Errorf("answer to %v, identifier %d", s.dst, s.src.Port())
		}
		r.refuse(opIn, echo(hostY, outer4, two.src.Port(), false), frame.DropNATFiltered)
	}},
	{"RFC 5508 REQ-2: a query lasts 60 seconds", nil, func(r *rig) {
		s := r.out(echo(hostA, hostX, 7, true))
		r.pass(time.Minute)
		r.in(echo(hostX, outer4, s.src.Port(), false))
		r.pass(grace)
		r.refuse(opIn, echo(hostX, outer4, s.src.Port(), false), frame.DropNoFlow)
	}},
	{"RFC 5508 REQ-3: a damaged error ends", nil, func(r *rig) {
		e := complain(hostX, r.out(udp(a, x)).bytes, 3, 3, 500)
		e[len(e)-1] ^= 1
		r.refuse(opIn, e, frame.DropNATForged)
	}},
	{"RFC 5508 REQ-3a: and one with a damaged IP header in it", nil, func(r *rig) {
		s := r.out(udp(a, x))
		s.bytes[14+8]-- // the TTL
		r.refuse(opIn, complain(hostX, s.bytes, 3, 3, 500), frame.DropNATForged)
	}},
	{"RFC 5508 REQ-3c: but a wrong transport checksum in it is no fault", nil, func(r *rig) {
		s := r.out(udp(a, x))
		s.bytes[14+20+8] ^= 1 // payload
		e := slot(r, complain(hostX, s.bytes, 3, 3, 500))
		if got := r.t.In(r.now, e); got != frame.Accepted {
			r.Errorf("%v", got)
		}
	}},
	{"RFC 5508 REQ-4: an error from outside about nothing ends", nil, func(r *rig) {
		r.refuse(opIn, complain(hostX, udp(at(outer4, 5000), x), 3, 3, 500), frame.DropNATForged)
	}},
	{"RFC 5508 REQ-5: an error from inside has the outer address", nil, func(r *rig) {
		s := r.out(udp(a, x))
		in := r.in(udp(swap(s)))
		e := r.out(complain(hostA, in.bytes, 3, 3, 500))
		if e.src.Addr().String() != outer4 || e.dst.Addr() != x.Addr() {
			r.Errorf("%v to %v", e.src, e.dst)
		}
	}},
	{"RFC 5508 REQ-6: an error keeps no session alive", nil, func(r *rig) {
		s := r.out(echo(hostA, hostX, 7, true))
		r.pass(50 * time.Second)
		r.in(complain(hostX, s.bytes, 11, 0, 500))
		r.pass(10*time.Second + grace)
		r.refuse(opIn, echo(hostX, outer4, s.src.Port(), false), frame.DropNoFlow)
	}},
	{"RFC 5508 REQ-7: errors about hairpinned packets", nil, func(r *rig) {
		s := r.out(udp(b, x))
		h := r.hair(udp(a, s.src))
		e := r.hair(complain(hostB, h.bytes, 3, 3, 500))
		if e.dst.Addr() != a.Addr() || e.src.Addr().String() != outer4 {
			r.Errorf("%v to %v", e.src, e.dst)
		}
	}},
	{"RFC 5508 REQ-10: redirects end", nil, func(r *rig) {
		r.refuse(opIn, complain(hostX, r.out(udp(a, x)).bytes, 5, 1, 500), frame.DropUplinkProtocol)
	}},
}

// A query from outside asks the outer address itself, also where its identifier is that
// of somebody's mapping: it is no flow's, and not filtered, so that its owner answers.
func TestOuterAddressIsAsked(t *testing.T) {
	for p := range personalities {
		r := newRig(t, personality(p))
		s := r.out(echo(hostA, hostX, 7, true))
		r.refuse(opIn, echo(hostY, outer4, s.src.Port(), true), frame.DropNoFlow)
		r.refuse(opIn, echo(hostY, outer4, s.src.Port()+1, true), frame.DropNoFlow)
	}
}
