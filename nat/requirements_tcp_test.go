package nat

import (
	"time"

	"vswitch/internal/frame"
)

var requirementsTCP = []requirement{
	{"RFC 5382 REQ-1: endpoint-independent mapping", personality(Restricted), func(r *rig) {
		one, two := r.out(tcp(a, x, synFlag)), r.out(tcp(a, y, synFlag))
		if one.src != two.src {
			r.Errorf("%v for one, %v for another", one.src, two.src)
		}
	}},
	{"RFC 5382 REQ-2: simultaneous open", personality(PortRestricted), func(r *rig) {
		s := r.out(tcp(a, x, synFlag))
		r.in(tcp(x, s.src, synFlag))
		r.out(tcp(a, x, synFlag|ackFlag))
		r.in(tcp(x, s.src, synFlag|ackFlag))
		r.out(tcp(a, x, ackFlag))
		r.pass(2 * time.Hour)
		r.in(tcp(x, s.src, ackFlag))
	}},
	{"RFC 5382 REQ-3: endpoint-independent filtering", personality(FullCone), func(r *rig) {
		s := r.out(tcp(a, x, synFlag))
		r.in(tcp(y, s.src, synFlag))
		r.refuse(opIn, tcp(at(hostY, 81), s.src, ackFlag), frame.DropNoFlow)
	}},
	{"RFC 5382 REQ-4: an unsolicited SYN gets no answer", personality(PortRestricted), func(r *rig) {
		s := r.out(tcp(a, x, synFlag))
		r.refuse(opIn, tcp(y, s.src, synFlag), frame.DropNATFiltered)
	}},
	{"RFC 5382 REQ-5: an established connection lasts 2 hours 4 minutes", nil, func(r *rig) {
		s := r.connect(a, x)
		r.pass(2*time.Hour + 4*time.Minute)
		r.in(tcp(x, s.src, ackFlag))
		r.pass(2*time.Hour + 4*time.Minute)
		r.out(tcp(a, x, ackFlag))
		r.pass(2*time.Hour + 4*time.Minute + grace)
		r.refuse(opOut, tcp(a, x, ackFlag), frame.DropNoFlow)
	}},
	{"RFC 5382 REQ-5: a closed one 4 minutes", nil, func(r *rig) {
		s := r.connect(a, x)
		r.out(tcp(a, x, finFlag|ackFlag))
		r.pass(time.Hour) // half-closed is open
		r.in(tcp(x, s.src, finFlag|ackFlag))
		r.out(tcp(a, x, ackFlag))
		r.pass(4 * time.Minute)
		r.in(tcp(x, s.src, finFlag|ackFlag))
		r.pass(4*time.Minute + grace)
		r.refuse(opIn, tcp(x, s.src, ackFlag), frame.DropNoFlow)
	}},
	{"RFC 5382 REQ-5: a half-open one 4 minutes", nil, func(r *rig) {
		s := r.out(tcp(a, x, synFlag))
		r.in(tcp(x, s.src, synFlag|ackFlag))
		r.pass(4 * time.Minute)
		r.in(tcp(x, s.src, synFlag|ackFlag))
		r.pass(4*time.Minute + grace)
		r.refuse(opIn, tcp(x, s.src, synFlag|ackFlag), frame.DropNoFlow)
	}},
	{"RFC 5382 REQ-7: no port of TCP is shared", nil, func(r *rig) {
		one, two := r.out(tcp(a, x, synFlag)), r.out(tcp(b, x, synFlag))
		if one.src == two.src {
			r.Errorf("both left as %v", one.src)
		}
	}},
	{"RFC 5382 REQ-8: hairpinning", nil, func(r *rig) {
		s := r.out(tcp(b, x, synFlag))
		h := r.hair(tcp(a, s.src, synFlag))
		back := r.hair(tcp(b, h.src, synFlag|ackFlag))
		if h.dst != b || back.dst != a || back.src != s.src {
			r.Errorf("to %v, back from %v to %v", h.dst, back.src, back.dst)
		}
	}},
	{"RFC 5382 REQ-9: ICMP errors are translated", nil, func(r *rig) {
		s := r.connect(a, x)
		e := r.in(complain(hostY, s.bytes, 3, 4, 28))
		if e.dst.Addr() != a.Addr() {
			r.Errorf("went to %v", e.dst)
		}
	}},
	{"RFC 5382 REQ-10: an ICMP error ends no connection", nil, func(r *rig) {
		s := r.connect(a, x)
		for code := range uint8(16) {
			r.in(complain(hostX, s.bytes, 3, code, 500))
		}
		r.pass(2 * time.Hour)
		r.in(tcp(x, s.src, ackFlag))
	}},
	{"RFC 7857 section 2.2: a partly open connection may have less", nil, func(r *rig) {
		s := r.out(tcp(a, x, synFlag))
		r.pass(30*time.Second + grace)
		r.refuse(opIn, tcp(x, s.src, synFlag|ackFlag), frame.DropNoFlow)
	}},
	{"RFC 7857 section 2.3: a RST is passed on and leaves 4 minutes", nil, func(r *rig) {
		s := r.connect(a, x)
		r.in(tcp(x, s.src, rstFlag))
		r.pass(4 * time.Minute)
		r.out(tcp(a, x, ackFlag))
		r.pass(4*time.Minute + grace)
		r.refuse(opOut, tcp(a, x, ackFlag), frame.DropNoFlow)
	}},
	{"RFC 7857 section 2.3: a forged RST changes nothing", nil, func(r *rig) {
		s := r.connect(a, x)
		r.in(tcp(x, s.src, rstFlag))
		r.in(tcp(x, s.src, ackFlag))
		r.pass(2 * time.Hour)
		r.out(tcp(a, x, ackFlag))
	}},
}
