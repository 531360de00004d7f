package vswitch

import (
	"net/netip"

	"vswitch/internal/frame"
)

// Who has an address is asked by broadcast, and in a network of a thousand stations
// one question would be written a thousand times. Where one port knows the answer,
// the question goes there only, as the ARP and ND suppression of a VXLAN tunnel end
// point has it (RFC 9161). An announcement is for everybody and is flooded; so is a
// question whose answer the port does not know.

// Responder is a port that answers ARP requests and neighbour solicitations for
// stations that it knows.
type Responder struct {
	Port frame.PortID
	// Knows reports whether the port answers for addr: an IPv4 address as such, not
	// mapped into IPv6. Workers call it, several at once, for such requests only; it
	// must not block or allocate.
	Knows func(addr netip.Addr) bool
}

// SetResponder has the requests that r answers sent to it instead of flooded; nil
// ends that, as does removing its port. A station that probes for its own address
// (RFC 5227, RFC 4862) is redirected like any other. Without a port in the VLAN, or
// one that the asking port may send to, requests are flooded.
func (s *Switch) SetResponder(r *Responder) {
	if r != nil {
		own := *r
		r = &own
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.snap.Load().following()
	next.responder = r
	s.install(next)
}

// answered returns the way to the responder for a frame that it answers; nil for
// one that is flooded.
func (j *job) answered(f *frame.Frame, vid uint16) []frame.Egress {
	r := j.snap.responder
	if r == nil || r.Port == j.in.id || f.Tags > 1 { // behind an inner tag is another network
		return nil
	}
	addr, asks := asked(f)
	if !asks || !r.Knows(addr) {
		return nil
	}
	to := j.snap.port(r.Port)
	if !to.in(vid) || to.cfg.Down || to.cfg.Isolated && j.in.cfg.Isolated {
		return nil
	}
	return to.vlan.egress(vid)
}

// asked returns the address whose station a frame asks everybody for.
func asked(f *frame.Frame) (addr netip.Addr, ok bool) {
	switch {
	case f.Flags&frame.FlagARP != 0:
		a := f.ARP()
		return a.TPA(), f.Dst == frame.Broadcast && a.Op() == frame.ARPRequest && !a.Gratuitous()
	case f.L4 != 0 && f.Proto == frame.ProtoICMPv6 && f.Dst.Group() && f.Flags&frame.FlagFragment == 0:
		if m := f.ICMPv6(); m.Type() == frame.ICMPv6NeighborSol && m.NDPValid() {
			return m.NDPTarget(), true
		}
	}
	return netip.Addr{}, false
}
