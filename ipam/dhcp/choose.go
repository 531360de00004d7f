package dhcp

import (
	"net/netip"
	"time"

	"vswitch/internal/frame"
)

// freshTries bounds how many free addresses are looked at for one that nobody had
// lately.
const freshTries = 64

// choose takes an address for a client that has none: reserved, had before, asked
// for, fresh, and at last the one whose lease ended first. The zero address if none
// is left. lent says that the pool is to have it back.
func (s *Server) choose(c *client, hint netip.Addr, now time.Time) (addr netip.Addr, lent bool) {
	if r := s.reserved.of(c); r != nil && s.book.byAddr[r.Addr] == nil {
		return r.Addr, false
	}
	had := s.memory.of(c.key)
	switch {
	case had.IsValid() && s.take(c, had, now):
		return had, true
	case hint.IsValid() && !s.memory.others(hint, c.key) && s.take(c, hint, now):
		return hint, true
	}
	if addr := s.fresh(c, now); addr.IsValid() {
		return addr, true
	}
	for addr := range s.memory.oldest() {
		if addr.Is6() == c.v6 && s.take(c, addr, now) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// take takes an address from the pool. False: it is not one for clients, not free,
// or somebody uses it nevertheless.
func (s *Server) take(c *client, addr netip.Addr, now time.Time) bool {
	if addr.Is6() != c.v6 || !s.usable(addr) || s.book.byAddr[addr] != nil {
		return false
	}
	if s.pool(c.v6).Request(addr) != nil {
		return false
	}
	return !s.squatted(c, addr, now)
}

// squatted reports whether somebody else is known to use an address that was just
// taken, and puts it into quarantine in that case.
func (s *Server) squatted(c *client, addr netip.Addr, now time.Time) bool {
	if s.cfg.InUse == nil || !s.cfg.InUse(addr, c.mac) {
		return false
	}
	s.quarantine(addr, now)
	return true
}

// fresh takes the lowest address that no other client had lately.
func (s *Server) fresh(c *client, now time.Time) (found netip.Addr) {
	pool := s.pool(c.v6)
	var aside []netip.Addr
	for range freshTries {
		addr, err := pool.Next()
		if err != nil {
			break
		}
		if s.book.byAddr[addr] != nil {
			continue // the pool has forgotten a lease: it has it again now
		}
		if !s.usable(addr) || s.memory.others(addr, c.key) {
			aside = append(aside, addr)
			continue
		}
		if !s.squatted(c, addr, now) {
			found = addr
			break
		}
	}
	for _, addr := range aside {
		s.giveBack(addr)
	}
	return found
}

// giveBack returns an address to its pool.
func (s *Server) giveBack(addr netip.Addr) {
	if s.pool(addr.Is6()).Release(addr) != nil {
		s.stats.PoolErrors++
	}
}

// probing reports whether an offer must wait for a probe of its address, and begins
// one where it is due: the address was another client's. r is answered when the
// result is there, or asks again.
func (s *Server) probing(l *lease, r *request4) bool {
	switch {
	case l.held != nil && r.at.Sub(l.held.since) >= s.cfg.ProbeTime:
		l.held = nil
		s.memory.forget(l.Addr) // who would have answered, has not
	case l.held != nil:
		l.held.request = r
	case l.State == Offered && s.memory.others(l.Addr, l.key) && s.cfg.Probe != nil && s.cfg.Probe(l.Addr, l.MAC):
		l.held = &heldOffer{r, r.at}
		s.stats.Probes++
	}
	return l.held != nil
}

// Probed hands in the result of a probe that Config.Probe began: does somebody else
// have the address? It returns the answer to the client that waits, if there is one,
// and the port to which it goes. An address that is taken goes into quarantine and
// the client is offered another.
func (s *Server) Probed(now time.Time, addr netip.Addr, taken bool) (to frame.PortID, answers [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	l := s.book.byAddr[addr]
	if l == nil || l.held == nil {
		return frame.NoPort, nil
	}
	r := l.held.request
	l.held = nil
	if taken {
		s.stats.Conflicts++
		s.decline(l, now)
		s.disown(l)
	} else {
		s.memory.forget(addr)
	}
	r.at = now
	out, _ := s.discover(r)
	return r.client.port, frames(out)
}
