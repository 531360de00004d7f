package dhcp

import (
	"bytes"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"vswitch/internal/frame"
)

// Serve6 answers the frame of a DHCPv6 client that came in by port from (RFC 8415,
// section 18.3). Frame, answers and reasons are as those of Serve4, but that a client
// whose port has its share is told so by a status; DropNoService is for a network
// without Prefix6.
func (s *Server) Serve6(now time.Time, from frame.PortID, b []byte) ([][]byte, frame.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	r, why := s.parse6(now, from, b)
	if why != frame.Accepted {
		return nil, why
	}
	if id, ok := option(r.opts, dhcpv6.OptionServerID); ok && !bytes.Equal(id, s.cfg.DUID) {
		s.withdraw6(r)
		return nil, frame.Consumed
	}
	return frames(s.answer6(r).frame()), frame.Consumed
}

// withdraw6 takes back what was offered to a client that has chosen another server.
func (s *Server) withdraw6(r *request6) {
	if r.kind != dhcpv6.MessageTypeRequest {
		s.stats.OtherServer++
		return
	}
	for i := range r.ias {
		s.withdraw(r.of(&r.ias[i]), r.at)
	}
}

func (s *Server) answer6(r *request6) *answer6 {
	a := s.newAnswer6(r)
	switch r.kind {
	case dhcpv6.MessageTypeSolicit:
		s.solicit(a)
	case dhcpv6.MessageTypeRequest:
		s.stats.Request++
		a.each(s.assign6)
	case dhcpv6.MessageTypeRenew:
		s.stats.Request++
		a.each(s.renew6)
	case dhcpv6.MessageTypeRebind:
		s.stats.Request++
		a.each(s.rebind6)
	case dhcpv6.MessageTypeConfirm:
		s.confirm6(a)
		return a
	case dhcpv6.MessageTypeRelease:
		s.stats.Release++
		s.giveUp6(a, func(l *lease) { s.end(l, Released, r.at) })
		return a
	case dhcpv6.MessageTypeDecline:
		s.stats.Decline++
		s.giveUp6(a, func(l *lease) { s.stats.Conflicts++; s.decline(l, r.at) })
		return a
	case dhcpv6.MessageTypeInformationRequest:
		s.stats.Inform++
		a.refresh()
	}
	a.settings()
	return a
}

// solicit offers addresses, or gives them at once where the client asks for that
// (RFC 8415, section 18.3.1).
func (s *Server) solicit(a *answer6) {
	s.stats.Discover++
	if _, ok := option(a.r.opts, dhcpv6.OptionRapidCommit); ok {
		a.add(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
		a.each(s.assign6)
		return
	}
	s.stats.Offer++
	a.msg.MessageType = dhcpv6.MessageTypeAdvertise
	a.each(s.offer6)
}

// offer6 answers an identity association of a Solicit.
func (s *Server) offer6(a *answer6, i *ia) {
	if l := s.lease6(a, i); l != nil {
		a.lease(i, l, s.cfg.LeaseTime)
	}
}

// lease6 returns the lease or a new offer for an identity association; nil if there
// is none, which it says.
func (s *Server) lease6(a *answer6, i *ia) *lease {
	if s.cfg.Pool6 == nil {
		a.status(i, iana.StatusNoAddrsAvail)
		return nil
	}
	l, why := s.offer(a.r.of(i), i.wants(), a.r.at)
	if l == nil {
		if why == frame.DropServiceLimit {
			s.stats.Limited++
		}
		a.status(i, iana.StatusNoAddrsAvail)
	}
	return l
}

// assign6 binds an identity association (RFC 8415, section 18.3.2).
func (s *Server) assign6(a *answer6, i *ia) {
	if w := i.wants(); w.IsValid() && !s.cfg.Prefix6.Contains(w) && a.r.kind == dhcpv6.MessageTypeRequest {
		a.status(i, iana.StatusNotOnLink)
		return
	}
	if l := s.lease6(a, i); l != nil {
		s.bind6(a, i, l)
	}
}

// bind6 binds a lease and says so.
func (s *Server) bind6(a *answer6, i *ia, l *lease) {
	if s.bind(l, a.r.of(i), s.cfg.LeaseTime, a.r.at) != nil {
		a.status(i, iana.StatusUnspecFail)
		return
	}
	s.stats.Ack++
	a.lease(i, l, s.cfg.LeaseTime)
}

// renew6 prolongs a lease (RFC 8415, section 18.3.4). A client without one asks for
// one when it hears that.
func (s *Server) renew6(a *answer6, i *ia) {
	c := a.r.of(i)
	if l := s.find(c, a.r.at); l != nil && l.State == Bound {
		s.bind6(a, i, l)
		return
	}
	s.stats.Nak++
	a.status(i, iana.StatusNoBinding)
}

// rebind6 is renew6 for a client that any server may answer: addresses of another
// link get a lifetime of zero (RFC 8415, section 18.3.5).
func (s *Server) rebind6(a *answer6, i *ia) {
	for _, addr := range i.addrs {
		if !s.cfg.Prefix6.Contains(addr) {
			s.stats.Nak++
			a.lease(i, nil, 0)
			return
		}
	}
	s.renew6(a, i)
}

// confirm6 says whether the client's addresses are of this link (RFC 8415, section
// 18.3.3); nothing where it names none.
func (s *Server) confirm6(a *answer6) {
	named, status := false, iana.StatusSuccess
	for _, i := range a.r.ias {
		for _, addr := range i.addrs {
			named = true
			if !s.cfg.Prefix6.Contains(addr) {
				status = iana.StatusNotOnLink
			}
		}
	}
	a.silent = !named
	a.add(&dhcpv6.OptStatusCode{StatusCode: status})
}

// giveUp6 ends the leases that a client names, and says of which there was none (RFC
// 8415, sections 18.3.7 and 18.3.8).
func (s *Server) giveUp6(a *answer6, end func(*lease)) {
	for n := range a.r.ias {
		i := &a.r.ias[n]
		l := s.book.byKey[a.r.of(i).key]
		if i.code != dhcpv6.OptionIANA || l == nil {
			a.status(i, iana.StatusNoBinding)
		} else if l.Addr == i.wants() {
			end(l)
		}
	}
	a.add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusSuccess})
}

// refreshTime returns when a client without a lease should ask again (RFC 8415,
// section 21.23).
func (s *Server) refreshTime() time.Duration { return max(s.cfg.LeaseTime, 10*time.Minute) }
