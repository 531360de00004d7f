package dhcp

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"vswitch/internal/frame"
)

// Serve4 answers the frame of a DHCPv4 client that came in by port from (RFC 2131,
// section 4.3). The frame is not kept, the answers are the caller's. The reason is
// Consumed for a request that was served, with or without an answer; DropRogueDHCP
// for a message of a server; DropServiceLimit where the port has its share;
// DropServiceMessage for what makes no sense; DropNoService without a Subnet.
func (s *Server) Serve4(now time.Time, from frame.PortID, b []byte) ([][]byte, frame.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	r, why := s.parse4(now, from, b)
	if why != frame.Accepted {
		return nil, why
	}
	out, why := s.answer4(r)
	if why == frame.DropServiceLimit {
		s.stats.Limited++
	}
	return frames(out), why
}

func (s *Server) answer4(r *request4) ([]byte, frame.Reason) {
	switch r.kind {
	case dhcpv4.MessageTypeDiscover:
		s.stats.Discover++
		return s.discover(r)
	case dhcpv4.MessageTypeRequest:
		s.stats.Request++
		return s.request4(r)
	case dhcpv4.MessageTypeDecline:
		s.stats.Decline++
		return nil, s.decline4(r)
	case dhcpv4.MessageTypeRelease:
		s.stats.Release++
		return nil, s.release4(r)
	case dhcpv4.MessageTypeInform:
		s.stats.Inform++
		return s.inform(r)
	}
	return nil, s.malformed() // BOOTP among others
}

// owner fills in who is behind the client's port. False: the client's hardware
// address is none that the port may have.
func (s *Server) owner(c *client) bool {
	if s.cfg.Owner != nil {
		c.owner, _ = s.cfg.Owner(c.port)
	}
	return len(c.owner.MACs) == 0 || slices.Contains(c.owner.MACs, c.mac)
}

// discover offers an address, or gives it at once where the client asks for that
// (RFC 4039).
func (s *Server) discover(r *request4) ([]byte, frame.Reason) {
	l, why := s.offer(&r.client, r.wants, r.at)
	if l == nil {
		return nil, why
	}
	if s.probing(l, r) {
		return nil, frame.Consumed
	}
	if r.msg.Options.Has(dhcpv4.OptionRapidCommit) {
		return s.ack(r, l)
	}
	s.stats.Offer++
	return s.lease4(r, l, dhcpv4.MessageTypeOffer, s.lifetime4(r)), frame.Consumed
}

// request4 serves the four kinds of DHCPREQUEST, which differ in what the client
// fills in (RFC 2131, section 4.3.2).
func (s *Server) request4(r *request4) ([]byte, frame.Reason) {
	switch {
	case r.server.IsValid() && r.server != s.cfg.ServerAddr:
		s.withdraw(&r.client, r.at)
		return nil, frame.Consumed
	case r.wants.IsValid() && !r.has.IsValid(): // selecting, rebooting
		return s.grant(r, r.wants)
	case r.has.IsValid() && (!r.wants.IsValid() || r.wants == r.has): // renewing, rebinding
		return s.grant(r, r.has)
	}
	return nil, s.malformed()
}

// withdraw takes back what was offered to a client that has chosen another server.
func (s *Server) withdraw(c *client, now time.Time) {
	s.stats.OtherServer++
	if l := s.book.byKey[c.key]; l != nil && l.State == Offered {
		s.end(l, Released, now)
	}
}

// grant gives a client the address that it says is its own, or tells it that it is
// not. Where there is no record of the client the address is its own if it is free.
func (s *Server) grant(r *request4, addr netip.Addr) ([]byte, frame.Reason) {
	l := s.find(&r.client, r.at)
	if l == nil {
		var why frame.Reason
		if l, why = s.claim(&r.client, addr, r.at); why != frame.Accepted {
			return nil, why
		}
	}
	switch {
	case l == nil || l.Addr != addr:
		s.stats.Nak++
		return s.nak(r), frame.Consumed
	case l.held != nil:
		return nil, frame.Consumed
	}
	return s.ack(r, l)
}

// ack binds a lease and says so; it says nothing of a lease that could not be saved.
func (s *Server) ack(r *request4, l *lease) ([]byte, frame.Reason) {
	lifetime := s.lifetime4(r)
	if s.bind(l, &r.client, lifetime, r.at) != nil {
		return nil, frame.Consumed
	}
	s.stats.Ack++
	return s.lease4(r, l, dhcpv4.MessageTypeAck, lifetime), frame.Consumed
}

// lifetime4 returns how long the client gets its address for.
func (s *Server) lifetime4(r *request4) time.Duration {
	b := r.msg.Options.Get(dhcpv4.OptionIPAddressLeaseTime)
	if len(b) != 4 {
		return s.cfg.LeaseTime
	}
	asked := time.Duration(binary.BigEndian.Uint32(b)) * time.Second
	return s.bounded(asked)
}

// bounded returns the lifetime that a client gets which asks for one.
func (s *Server) bounded(asked time.Duration) time.Duration {
	return min(max(asked, min(minLease, s.cfg.LeaseTime)), s.cfg.MaxLease)
}

// decline4 serves a client that found its address in use.
func (s *Server) decline4(r *request4) frame.Reason {
	l := s.book.byKey[r.client.key]
	switch {
	case !r.wants.IsValid() || !r.server.IsValid():
		return s.malformed()
	case r.server != s.cfg.ServerAddr:
		s.stats.OtherServer++
	case l != nil && l.Addr == r.wants:
		s.stats.Conflicts++
		s.decline(l, r.at)
	}
	return frame.Consumed
}

// release4 serves a client that gives its address back.
func (s *Server) release4(r *request4) frame.Reason {
	l := s.book.byKey[r.client.key]
	switch {
	case !r.has.IsValid() || !r.server.IsValid():
		return s.malformed()
	case r.server != s.cfg.ServerAddr:
		s.stats.OtherServer++
	case l != nil && l.Addr == r.has:
		s.end(l, Released, r.at)
	}
	return frame.Consumed
}

// inform tells a client that has an address everything but an address (RFC 2131,
// section 4.3.5).
func (s *Server) inform(r *request4) ([]byte, frame.Reason) {
	if !s.usable(r.has) {
		return nil, s.malformed()
	}
	return s.settings4(r), frame.Consumed
}
