package nat

import (
	"testing"

	"vswitch/internal/frame"
)

// TestPersonalities: whom each lets in, after a has sent to x.
func TestPersonalities(t *testing.T) {
	const yes, no = frame.Accepted, frame.DropNATFiltered
	for p, want := range map[Personality]struct {
		samePort, sameHost, stranger frame.Reason
		sameMapping                  bool
	}{
		FullCone:       {yes, yes, yes, true},
		Restricted:     {yes, yes, no, true},
		PortRestricted: {yes, no, no, true},
		Symmetric:      {yes, no, no, false},
	} {
		t.Run(p.String(), func(t *testing.T) {
			for _, ends := range []struct{ a, b, x, y, x2 string }{
				{hostA, hostB, hostX, hostY, "198.51.100.8"}, {hostA6, hostB6, hostX6, hostY6, "2001:db8:1::8"},
			} {
				r := newRig(t, personality(p))
				a, x, y := at(ends.a, 5000), at(ends.x, 80), at(ends.y, 80)
				r.out(udp(at(ends.b, 5000), x)) // so that a cannot keep its port
				s := r.out(udp(a, x))
				for _, c := range []struct {
					from string
					port uint16
					want frame.Reason
				}{
					{ends.x, 80, want.samePort}, {ends.x, 81, want.sameHost}, {ends.y, 80, want.stranger},
				} {
					got, in := r.do(opIn, udp(at(c.from, c.port), s.src))
					if got != c.want || in != nil && in.dst != a {
						t.Errorf("from %s port %d: %v, want %v", c.from, c.port, got, c.want)
					}
				}
				if second := r.out(udp(a, y)); (second.src == s.src) != want.sameMapping {
					t.Errorf("%v to one, %v to another", s.src, second.src)
				}
				r.refuse(opIn, udp(x, at(s.src.Addr().String(), 9)), frame.DropNoFlow)
			}
		})
	}
}

// Each remote endpoint sees another port, also of a host that could keep its own.
func TestSymmetricKeepsPortOnce(t *testing.T) {
	r := newRig(t, personality(Symmetric))
	seen := map[uint16]bool{}
	for i := range uint16(10) {
		s := r.out(udp(a, at(hostX, 80+i)))
		if i == 0 && s.src.Port() != a.Port() || seen[s.src.Port()] {
			t.Errorf("flow %d of %v has %v", i, a, s.src)
		}
		seen[s.src.Port()] = true
	}
}

// A flow that began outside is no leave to others of its sender's host.
func TestRestrictedNeedsAnAnswer(t *testing.T) {
	r := newRig(t, personality(Restricted))
	s := r.out(udp(a, x))
	r.in(udp(at(hostX, 1), s.src))
	r.pass(r.t.c.Timeouts.UDP / 2)
	r.out(udp(a, y)) // keeps the mapping, not the leave of x
	r.in(udp(at(hostX, 2), s.src))
	r.pass(r.t.c.Timeouts.UDP/2 + grace)
	r.refuse(opIn, udp(at(hostX, 3), s.src), frame.DropNATFiltered)
	r.out(udp(a, at(hostX, 2))) // an answer to what is still there
	r.in(udp(at(hostX, 3), s.src))
}

func TestParsePersonality(t *testing.T) {
	for p := range personalities {
		if got, err := ParsePersonality(p.String()); got != p || err != nil {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := ParsePersonality("conical"); err == nil {
		t.Error("no error")
	}
	if personalities.String() != "invalid" {
		t.Error(personalities.String())
	}
}

// With Symmetric more flows than ports fit, as long as remote endpoints differ.
func TestSymmetricSharesPorts(t *testing.T) {
	r := newRig(t, personality(Symmetric), ports(7000, 7003))
	outer := map[uint16]int{}
	for i := range uint16(40) {
		s := r.out(udp(at(hostA, 1000+i%4), at(hostX, 100+i/4)))
		outer[s.src.Port()]++
		if back := r.in(udp(s.dst, s.src)); back.dst != at(hostA, 1000+i%4) {
			t.Errorf("came back to %v", back.dst)
		}
	}
	for port := uint16(7000); port < 7004; port++ {
		if outer[port] != 10 {
			t.Errorf("ports: %v", outer)
		}
	}
	r.refuse(opOut, udp(at(hostB, 1), at(hostX, 100)), frame.DropNATPorts)
	if n := len(r.t.Mappings()); n != 40 {
		t.Errorf("%d mappings", n)
	}
	r.pass(r.t.c.Timeouts.UDP + grace)
	for port := uint16(7000); port < 7004; port++ {
		if r.t.ports.of(frame.ProtoUDP).inUse(port) {
			t.Errorf("port %d is still in use", port)
		}
	}
}

// A cone has as many mappings as ports.
func TestPortsRunOut(t *testing.T) {
	r := newRig(t, ports(7000, 7009))
	for i := range uint16(10) {
		r.out(udp(at(hostA, 1000+i), x))
	}
	r.refuse(opOut, udp(at(hostA, 2000), x), frame.DropNATPorts)
	r.refuse(opOut, udp(at(hostA, 2000), y), frame.DropNATPorts)
	r.out(udp(at(hostA, 1005), y))
	r.out(tcp(at(hostA, 2000), x, synFlag))
	if c := r.t.Counts(); c.Mappings != 11 || c.Flows != 12 {
		t.Errorf("%+v", c)
	}
	r.pass(r.t.c.Timeouts.UDP + grace)
	r.out(udp(at(hostA, 2000), x))
}
