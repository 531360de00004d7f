package dhcp

import (
	"bytes"
	"net/netip"
	"time"

	"vswitch/internal/frame"
)

// What a lease goes through, whatever the protocol: found, offered, bound, declined,
// ended. Everything here runs with the lock held and after expire(now).

// find returns the client's lease or offer; nil if it has none. One that is not at
// the address reserved for the client since is ended.
func (s *Server) find(c *client, now time.Time) *lease {
	s.succeed(c, now)
	l := s.book.byKey[c.key]
	if l == nil {
		return nil
	}
	if r := s.reserved.of(c); r != nil && r.Addr != l.Addr && s.book.byAddr[r.Addr] == nil {
		s.end(l, Released, now)
		return nil
	}
	return l
}

// succeed ends the lease at the address that is reserved for the client when the
// holder is the same station under another identifier: another program asks there
// now.
func (s *Server) succeed(c *client, now time.Time) {
	r := s.reserved.of(c)
	if r == nil {
		return
	}
	l := s.book.byAddr[r.Addr]
	if l != nil && l.key != "" && l.key != c.key && l.MAC == c.mac && r.matches(l.MAC, l.ClientID, l.DUID) {
		s.end(l, Released, now)
		s.memory.forget(r.Addr) // it was no other station's
	}
}

// offer returns the client's lease, or offers it an address: the reserved one, else
// the one it had, else the one it asks for, else one that nobody had lately.
func (s *Server) offer(c *client, hint netip.Addr, now time.Time) (*lease, frame.Reason) {
	if l := s.find(c, now); l != nil {
		if l.State == Offered {
			s.extend(l, now.Add(s.cfg.OfferTime))
		}
		return l, frame.Accepted
	}
	if !s.room(c) {
		return nil, frame.DropServiceLimit
	}
	addr, lent := s.choose(c, hint, now)
	if !addr.IsValid() {
		s.stats.Exhausted++
		return nil, frame.Consumed
	}
	return s.enter(c, addr, lent, now), frame.Accepted
}

// claim offers a client the address that it says it has. Nil: it is not free, or not
// the client's to have.
func (s *Server) claim(c *client, addr netip.Addr, now time.Time) (*lease, frame.Reason) {
	if !s.room(c) {
		return nil, frame.DropServiceLimit
	}
	r := s.reserved.of(c)
	switch {
	case r != nil && r.Addr == addr && s.book.byAddr[addr] == nil:
		return s.enter(c, addr, false, now), frame.Accepted
	case r != nil, s.memory.others(addr, c.key), !s.take(c, addr, now):
		return nil, frame.Accepted
	}
	return s.enter(c, addr, true, now), frame.Accepted
}

// room reports whether the client's port, and the network, may have another lease.
func (s *Server) room(c *client) bool {
	return s.book.perPort[share{c.port, c.v6}] < c.maxLeases() && len(s.book.byAddr) < s.cfg.Limits.Leases
}

// enter makes an offer of an address that has been taken.
func (s *Server) enter(c *client, addr netip.Addr, lent bool, now time.Time) *lease {
	l := &lease{key: c.key, lent: lent}
	l.Lease = s.describe(c, Lease{Network: s.cfg.Network, Addr: addr, State: Offered, Expires: now.Add(s.cfg.OfferTime)})
	s.book.add(l)
	return l
}

// describe fills in who the client is.
func (s *Server) describe(c *client, l Lease) Lease {
	l.MAC, l.Container, l.Port = c.mac, c.owner.Container, c.port
	l.ClientID, l.DUID, l.IAID = bytes.Clone(c.clientID), bytes.Clone(c.duid), c.iaid
	l.Hostname = s.hostname(c)
	return l
}

// hostname returns the client's name: what was reserved for it, what its container
// is called, what it calls itself.
func (s *Server) hostname(c *client) string {
	if r := s.reserved.of(c); r != nil && r.Hostname != "" {
		return r.Hostname
	}
	if c.owner.Hostname != "" {
		return c.owner.Hostname
	}
	return c.hostname
}

func (s *Server) extend(l *lease, expires time.Time) {
	to := l.Lease
	to.Expires = expires
	s.book.set(l, to)
}

// bind makes an offer, or a lease, the client's for a time. An error of OnLease
// leaves everything as it was.
func (s *Server) bind(l *lease, c *client, lifetime time.Duration, now time.Time) error {
	event, to := EventRenewed, s.describe(c, l.Lease)
	if l.State != Bound {
		event, to.Start = EventBound, now
	}
	to.State, to.Expires = Bound, now.Add(lifetime)
	if err := s.tell(to, event); err != nil {
		return err
	}
	s.book.set(l, to)
	s.memory.forget(l.Addr)
	return nil
}

// decline puts an address into quarantine that its client found in use.
func (s *Server) decline(l *lease, now time.Time) {
	s.book.anonymous(l)
	s.memory.forget(l.Addr)
	to := l.Lease
	to.State, to.Expires = Declined, now.Add(s.cfg.Quarantine)
	s.book.set(l, to)
	l.held = nil
	s.tell(to, EventDeclined)
}

// quarantine keeps an address that was just taken from the pool, and that somebody
// was found to use, from being given out. It is on no port's account.
func (s *Server) quarantine(addr netip.Addr, now time.Time) {
	s.stats.Conflicts++
	s.memory.forget(addr)
	l := &lease{lent: true, Lease: Lease{
		Network: s.cfg.Network, Addr: addr, State: Declined, Port: frame.NoPort,
		Expires: now.Add(s.cfg.Quarantine),
	}}
	s.book.add(l)
	s.tell(l.Lease, EventDeclined)
}

// end takes a lease, an offer or a quarantined address out of the book, and gives
// its address back. The client of a lease is remembered.
func (s *Server) end(l *lease, how State, now time.Time) {
	key, was := l.key, l.State
	s.book.remove(l)
	if l.lent {
		s.giveBack(l.Addr)
	}
	if was == Bound {
		s.memory.remember(key, l.Addr)
	}
	if was == Offered {
		return // nobody was told of it
	}
	to, event := l.Lease, EventReleased
	to.State, to.Expires = how, now
	if how == Expired {
		event = EventExpired
	}
	s.tell(to, event)
}

// tell calls OnLease. The caller may ignore its error where the change cannot be
// undone.
func (s *Server) tell(l Lease, e Event) error {
	s.stats.event(e)
	if s.cfg.OnLease == nil {
		return nil
	}
	err := s.cfg.OnLease(l, e)
	if err != nil {
		s.stats.NotSaved++
	}
	return err
}
