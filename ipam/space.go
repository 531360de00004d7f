package ipam

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"go4.org/netipx"
)

// SpaceConfig says which subnets a Space chooses from.
type SpaceConfig struct {
	// Pools are the predefined blocks. Without one of IPv4 they are LocalPools, and
	// without one of IPv6 the block that ULA derives from ID.
	Pools []Predefined
	ID    string // names this switch; kept as long as its networks
}

// Taken is a subnet that belongs to somebody.
type Taken struct {
	Prefix netip.Prefix
	By     string // the owner, as in "network web" or "route of the host via eth0"
}

// Space is the subnets of a switch's networks. It is safe for concurrent use.
type Space struct {
	pools []Predefined // ascending

	mu    sync.Mutex
	taken []Taken
}

// NewSpace makes a space in which nothing is taken. The error wraps ErrSubnet: a
// predefined block cannot be used, or overlaps another.
func NewSpace(c SpaceConfig) (*Space, error) {
	pools := slices.Clone(c.Pools)
	has := func(v4 bool) bool {
		return slices.ContainsFunc(c.Pools, func(d Predefined) bool { return d.Base.Addr().Is4() == v4 })
	}
	if !has(true) {
		pools = append(pools, LocalPools()...)
	}
	if !has(false) {
		pools = append(pools, ULA(c.ID))
	}
	pools, err := ordered(pools)
	if err != nil {
		return nil, err
	}
	return &Space{pools: pools}, nil
}

// Allocate gives the owner by the lowest predefined IPv4 subnet that overlaps neither
// one in use nor avoid: the host's on-link routes and name servers. A default route
// in avoid does not count. The error wraps ErrNoSubnet.
func (s *Space) Allocate(by string, avoid []Taken) (netip.Prefix, error) {
	return s.allocate(true, by, avoid)
}

// Allocate6 is Allocate for IPv6.
func (s *Space) Allocate6(by string, avoid []Taken) (netip.Prefix, error) {
	return s.allocate(false, by, avoid)
}

func (s *Space) allocate(v4 bool, by string, avoid []Taken) (netip.Prefix, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := union(s.taken, avoid)
	for _, d := range s.pools {
		if d.Base.Addr().Is4() != v4 {
			continue
		}
		if p, ok := lowest(netipx.RangeOfPrefix(d.Base), d.Bits, busy); ok {
			s.taken = append(s.taken, Taken{Prefix: p, By: by})
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("ipam: %s: %w", by, ErrNoSubnet)
}

// Claim takes the subnet p, which a user gave, for the owner by. The error is an
// *OverlapError where p overlaps a subnet in use; its proposal is clear of avoid as
// well. Otherwise it wraps ErrSubnet, and a *HostBitsError where that is the
// reason. As with Docker, avoid does not stand in the way of p itself: ask
// CheckHost.
func (s *Space) Claim(p netip.Prefix, by string, avoid ...Taken) error {
	if err := checkSubnet(p); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.overlap(p, s.taken, avoid); err != nil {
		return err
	}
	s.taken = append(s.taken, Taken{Prefix: p, By: by})
	return nil
}

// CheckHost returns an *OverlapError if p overlaps one of avoid, what the host uses,
// a default route excepted. Docker accepts such a subnet when the user gives it;
// then the containers cannot reach what it hides. Whether that is an error or a
// warning is the caller's choice.
func (s *Space) CheckHost(p netip.Prefix, avoid []Taken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overlap(p, avoid, avoid)
}

// Release makes the subnet p free. One that is not in use stays so.
func (s *Space) Release(p netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = slices.DeleteFunc(s.taken, func(t Taken) bool { return t.Prefix == p })
}

// InUse returns the subnets in use, in the order in which they were taken.
func (s *Space) InUse() []Taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}
