package dhcp

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"vswitch/internal/frame"
)

// Server serves one network. All methods may be called from any goroutine.
type Server struct {
	cfg Config

	mu       sync.Mutex
	book     book
	memory   memory
	reserved reservations
	ra       advertiser
	stats    Stats
}

// New makes a server. It sends nothing by itself.
func New(cfg Config) (*Server, error) {
	cfg.fill()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("dhcp: serve network %s: %w", cfg.Network, err)
	}
	return &Server{
		cfg:      cfg,
		book:     newBook(),
		memory:   newMemory(cfg.Limits.Memory),
		reserved: newReservations(),
	}, nil
}

// ErrConflict is what Restore and Reserve wrap when an address is somebody else's.
var ErrConflict = errors.New("the address is not free")

// Expire ends the leases, offers and quarantines whose time is over.
func (s *Server) Expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
}

func (s *Server) expire(now time.Time) {
	for l := s.book.over(now); l != nil; l = s.book.over(now) {
		s.end(l, Expired, now)
	}
}

// NextExpiry returns when Expire will have something to end; the zero time if there
// is nothing.
func (s *Server) NextExpiry() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.book.next(); l != nil {
		return l.Expires
	}
	return time.Time{}
}

// Leases returns offers, leases, quarantined addresses and the reservations whose
// clients are not there, ordered by address, IPv4 first.
func (s *Server) Leases(now time.Time) []Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.reserved.idle(s.cfg.Network, s.book.byAddr)
	for _, l := range s.book.byAddr {
		if now.Before(l.Expires) {
			out = append(out, l.Lease)
		}
	}
	slices.SortFunc(out, func(a, b Lease) int { return a.Addr.Compare(b.Addr) })
	return out
}

// ReleasePort ends the leases of a port that is gone.
func (s *Server) ReleasePort(now time.Time, port frame.PortID) {
	s.releaseIf(now, func(l *lease) bool { return l.Port == port && port != frame.NoPort })
}

// ReleaseContainer ends the leases of a container that is gone, also those that were
// restored and have no port yet.
func (s *Server) ReleaseContainer(now time.Time, name string) {
	s.releaseIf(now, func(l *lease) bool { return l.Container == name && name != "" })
}

func (s *Server) releaseIf(now time.Time, gone func(*lease) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var leases []*lease
	for _, l := range s.book.byAddr {
		if gone(l) {
			leases = append(leases, l)
		}
	}
	slices.SortFunc(leases, func(a, b *lease) int { return a.Addr.Compare(b.Addr) })
	for _, l := range leases {
		if l.State == Declined {
			s.disown(l)
		} else {
			s.end(l, Released, now)
		}
	}
}

// disown takes a quarantined address off the account of its port, whose number may
// be used again.
func (s *Server) disown(l *lease) {
	to := l.Lease
	to.Port = frame.NoPort
	s.book.set(l, to)
}

// Restore takes leases over that an earlier server saved: those that OnLease was
// told are bound, renewed or declined. Their addresses are taken from the pool, or
// are those of reservations made before; their ports are not known. What is over is
// remembered, so that its client gets its address again. OnLease is not told.
//
// A lease whose address is not free, or that is not of this network, is left out and
// reported; the error wraps ErrConflict for each of the former.
func (s *Server) Restore(leases []Lease, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	leases = slices.Clone(leases)
	slices.SortStableFunc(leases, func(a, b Lease) int {
		return cmp.Or(a.Expires.Compare(b.Expires), a.Addr.Compare(b.Addr))
	})
	var errs []error
	for _, l := range leases {
		if err := s.restore(l, now); err != nil {
			errs = append(errs, fmt.Errorf("dhcp: restore lease %v of network %s: %w", l.Addr, s.cfg.Network, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Server) restore(l Lease, now time.Time) error {
	key := keyOf(&l)
	switch {
	case !s.usable(l.Addr):
		return errors.New("not an address of the network")
	case l.State == Released, l.State == Expired, l.State == Bound && !now.Before(l.Expires):
		s.memory.remember(key, l.Addr)
		return nil
	case l.State != Bound && l.State != Declined, !now.Before(l.Expires):
		return nil
	case l.State == Declined:
		key = ""
	}
	if s.book.byAddr[l.Addr] != nil || s.book.byKey[key] != nil {
		return ErrConflict
	}
	lent, err := s.takeStored(&l)
	if err != nil {
		return err
	}
	l.Network, l.Port = s.cfg.Network, frame.NoPort
	s.book.add(&lease{Lease: l, key: key, lent: lent})
	return nil
}

// takeStored takes the address of a stored lease, unless it is reserved for the
// lease's client.
func (s *Server) takeStored(l *Lease) (lent bool, err error) {
	if r := s.reserved.at(l.Addr); r != nil {
		if !r.matches(l.MAC, l.ClientID, l.DUID) {
			return false, ErrConflict
		}
		return false, nil
	}
	if err := s.pool(l.V6()).Request(l.Addr); err != nil {
		return false, fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return true, nil
}

// pool returns the pool of a family; nil if there is none.
func (s *Server) pool(v6 bool) Pool {
	if v6 {
		return s.cfg.Pool6
	}
	return s.cfg.Pool
}

// usable reports whether an address is one that a client can have.
func (s *Server) usable(a netip.Addr) bool {
	c := &s.cfg
	switch {
	case a.Is4():
		return c.Subnet.Contains(a) && a != c.ServerAddr && a != c.Router && !edge(c.Subnet, a)
	case a.Is6() && a.Zone() == "":
		return c.Pool6 != nil && c.Prefix6.Contains(a) && a != c.Prefix6.Addr()
	}
	return false
}

// edge reports whether a is the subnet's own address or its broadcast address; a
// subnet of two addresses has neither (RFC 3021).
func edge(p netip.Prefix, a netip.Addr) bool {
	return p.Bits() < 31 && (a == p.Addr() || a == broadcast(p))
}

// broadcast returns the last address of an IPv4 subnet.
func broadcast(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for i := range a {
		a[i] |= ^mask(p)[i]
	}
	return netip.AddrFrom4(a)
}

// mask returns the network mask of an IPv4 subnet.
func mask(p netip.Prefix) [4]byte {
	m := ^uint32(0) << (32 - p.Bits())
	return [4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}
}
