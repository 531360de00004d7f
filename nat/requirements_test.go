package nat

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"vswitch/internal/frame"
)

const (
	synFlag = frame.TCPSyn
	ackFlag = frame.TCPAck
	finFlag = frame.TCPFin
	rstFlag = frame.TCPRst
)

// grace is how much later than its timeout a flow may end: the second in which it was
// seen, and two ticks of the wheel.
const grace = 4 * time.Second

var a, b, x, y = at(hostA, 5000), at(hostB, 5000), at(hostX, 80), at(hostY, 80)

// requirement is one of the RFCs that concern a NAT, under the RFC's number.
type requirement struct {
	name string
	edit func(*Config)
	test func(*rig)
}

func TestRequirements(t *testing.T) {
	for _, q := range slices.Concat(requirementsUDP, requirementsTCP, requirementsICMP) {
		t.Run(q.name, func(t *testing.T) {
			if q.edit == nil {
				q.edit = func(*Config) {}
			}
			q.test(newRig(t, q.edit))
		})
	}
}

// connect opens a TCP connection and returns its SYN as it left.
func (r *rig) connect(src, dst netip.AddrPort) *seen {
	r.Helper()
	s := r.out(tcp(src, dst, synFlag))
	r.in(tcp(dst, s.src, synFlag|ackFlag))
	r.out(tcp(src, dst, ackFlag))
	return s
}

var requirementsUDP = []requirement{
	{"RFC 4787 REQ-1: endpoint-independent mapping", personality(PortRestricted), func(r *rig) {
		one, two := r.out(udp(a, x)), r.out(udp(a, y))
		if one.src != two.src {
			r.Errorf("%v for one, %v for another", one.src, two.src)
		}
	}},
	{"RFC 4787 REQ-2: one outer address for all ports of a host", nil, func(r *rig) {
		for port := range uint16(50) {
			if s := r.out(udp(at(hostA, 4000+port), x)); s.src.Addr().String() != outer4 {
				r.Errorf("left as %v", s.src)
			}
		}
	}},
	{"RFC 4787 REQ-3: ports are kept, and never shared", nil, func(r *rig) {
		one, two := r.out(udp(a, x)), r.out(udp(b, x))
		if one.src.Port() != a.Port() || two.src.Port() == one.src.Port() {
			r.Errorf("%v and %v", one.src, two.src)
		}
	}},
	{"RFC 4787 REQ-4: parity is kept", nil, func(r *rig) {
		for port := uint16(6000); port < 6064; port++ {
			r.out(udp(at(hostA, port), x))
			if s := r.out(udp(at(hostB, port), x)); s.src.Port() == port || (s.src.Port()^port)&1 != 0 {
				r.Errorf("port %d became %d", port, s.src.Port())
			}
		}
	}},
	{"RFC 4787 REQ-5: a UDP mapping lasts 5 minutes, and not much longer", nil, func(r *rig) {
		s := r.out(udp(a, x))
		r.pass(5 * time.Minute)
		r.in(udp(swap(s)))
		r.pass(grace)
		r.refuse(opIn, udp(swap(s)), frame.DropNoFlow)
	}},
	{"RFC 4787 REQ-5a: shorter for a well-known port that is known", nil, func(r *rig) {
		s := r.out(udp(a, at(hostX, 53)))
		r.pass(30*time.Second + grace)
		r.refuse(opIn, udp(swap(s)), frame.DropNoFlow)
	}},
	{"RFC 4787 REQ-5b: at least two minutes in any case", nil, func(r *rig) {
		s := r.out(udp(a, x))
		r.pass(2 * time.Minute)
		r.in(udp(swap(s)))
	}},
	{"RFC 4787 REQ-6: packets from inside refresh", nil, func(r *rig) {
		s := r.out(udp(a, x))
		for range 5 {
			r.pass(4 * time.Minute)
			r.out(udp(a, x))
		}
		r.in(udp(swap(s)))
	}},
	{"RFC 4787 REQ-6: packets from outside do not", nil, func(r *rig) {
		s := r.out(udp(a, x))
		for range 2 {
			r.pass(2 * time.Minute)
			r.in(udp(swap(s)))
		}
		r.pass(time.Minute + grace)
		r.refuse(opIn, udp(swap(s)), frame.DropNoFlow)
	}},
	{"RFC 4787 REQ-6: nor do new senders", personality(FullCone), func(r *rig) {
		s := r.out(udp(a, x))
		for i := range uint16(4) {
			r.pass(70 * time.Second)
			r.in(udp(at(hostY, 1000+i), s.src))
		}
		r.pass(20*time.Second + grace)
		r.refuse(opIn, udp(at(hostY, 2000), s.src), frame.DropNATFiltered)
		r.pass(5 * time.Minute)
		r.refuse(opIn, udp(at(hostY, 2000), s.src), frame.DropNoFlow)
	}},
	{"RFC 4787 REQ-8: endpoint-independent filtering", personality(FullCone), func(r *rig) {
		s := r.out(udp(a, x))
		if s = r.in(udp(y, s.src)); s.dst != a {
			r.Errorf("went to %v", s.dst)
		}
	}},
	{"RFC 4787 REQ-8: address-dependent filtering", personality(Restricted), func(r *rig) {
		s := r.out(udp(a, x))
		r.in(udp(at(hostX, 9), s.src))
		r.refuse(opIn, udp(y, s.src), frame.DropNATFiltered)
	}},
	{"RFC 4787 REQ-9: hairpinning with the outer source", nil, func(r *rig) {
		s := r.out(udp(b, x))
		h := r.hair(udp(a, s.src))
		if h.src.Addr().String() != outer4 || h.dst != b {
			r.Errorf("%v to %v", h.src, h.dst)
		}
		if back := r.hair(udp(b, h.src)); back.src != s.src || back.dst != a {
			r.Errorf("back: %v to %v", back.src, back.dst)
		}
	}},
	{"RFC 4787 REQ-12: an ICMP error ends no mapping", nil, func(r *rig) {
		s := r.out(udp(a, x))
		r.in(complain(hostX, s.bytes, 3, 3, 500))
		r.in(udp(swap(s)))
	}},
	{"RFC 4787 REQ-14: fragments in any order", nil, func(r *rig) {
		pieces := split(r, udp(a, x, make([]byte, 3000)...), 1000)
		r.refuse(opOut, pieces[2], frame.Consumed)
		r.refuse(opOut, pieces[1], frame.Consumed)
		r.out(pieces[0])
		n := 0
		r.t.Released(func([]byte, bool) { n++ })
		if n != 2 {
			r.Errorf("%d fragments were released", n)
		}
		r.out(pieces[3])
	}},
	{"RFC 7857 section 3: ports are no longer in pairs, but parity stays", nil, func(r *rig) {
		r.out(udp(a, x))
		if s := r.out(udp(b, x)); s.src.Port()&1 != b.Port()&1 {
			r.Errorf("%v", s.src)
		}
	}},
	{"RFC 6056: ports cannot be foreseen", nil, func(r *rig) {
		r.out(udp(a, x))
		other := newRig(r, func(c *Config) { c.Seed = 43 })
		other.out(udp(a, x))
		if one, two := r.out(udp(b, x)).src, other.out(udp(b, x)).src; one == two {
			r.Errorf("two tables drew %v", one)
		}
	}},
}
