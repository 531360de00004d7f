package network

import (
	"errors"
	"maps"
	"net/netip"

	"vswitch/internal/api"
	"vswitch/internal/frame"
	"vswitch/ipam"
	vswitch "vswitch/switch"
)

// leaveBy has a record name the network outside by its name, whatever the user called it
// by: the start of an ID may be another's one day.
func (r *Record) leaveBy(name string) {
	r.Options = maps.Clone(r.Options)
	r.Options[optUplink] = uplinkNetwork + ":" + name
}

// outerOf finds the network that is to be another's way out.
func (m *Manager) outerOf(r *Record, name string) (*Network, error) {
	bad := func(why string) error {
		return api.Errorf(api.UplinkNetwork, nil, "network %q cannot leave by network %q", r.Name, name).Because("%s", why)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if name == r.Name || name == r.ID {
		return nil, bad("that is itself")
	}
	n, err := m.network(name)
	switch {
	case err != nil:
		return nil, err
	case n.seg == nil || n.seg.gw == nil:
		return nil, bad("it has no gateway")
	}
	for _, p := range r.Pools {
		if n.rec.Pool(p.Subnet.Addr().Is6()) != nil {
			return n, nil
		}
	}
	return nil, bad("they have no family of addresses in common")
}

// groundOf is a network of ours as another's foot stands on it.
func (m *Manager) groundOf(outer *Network, inner string, addrs []netip.Prefix) ground {
	seg := outer.seg
	return ground{
		sw: seg.sw, mtu: seg.opts.mtu,
		port: vswitch.PortConfig{Name: "uplink of " + inner, Isolated: !seg.opts.icc},
		next: func(dst netip.Addr) (frame.MAC, bool) {
			c := seg.gw.Config()
			for _, p := range c.Addrs {
				if p.Masked().Contains(dst) && p.Addr() != dst {
					return seg.gw.Lookup(dst)
				}
			}
			return c.MAC, true
		},
		leave: func() error {
			var errs []error
			for _, a := range addrs {
				seg.exit.dropInside(a.Addr()) // whoever gets the address next has not opened them
				seg.forget(a.Addr())
				if pool := outer.pool(a.Addr().Is6()); pool != nil {
					errs = append(errs, pool.Release(a.Addr()))
				}
			}
			return errors.Join(errs...)
		},
	}
}

// legAddrs are the addresses of a network's foot in another one: those of before, or
// the next free ones, one a family that both have. They are kept in the record.
func (m *Manager) legAddrs(r *Record, outer *Network) ([]netip.Prefix, error) {
	was := r.Leg
	r.Leg = nil
	for _, p := range outer.rec.Pools {
		v6 := p.Subnet.Addr().Is6()
		pool := outer.pool(v6)
		if pool == nil || r.Pool(v6) == nil {
			continue
		}
		a, err := addrAgain(pool, was)
		if err != nil {
			for _, taken := range r.Leg {
				err = errors.Join(err, outer.pool(taken.Addr().Is6()).Release(taken.Addr()))
			}
			r.Leg = nil
			return nil, api.Errorf(api.PoolExhausted, err, "network %q has no address for a foot of network %q", outer.rec.Name, r.Name)
		}
		r.Leg = append(r.Leg, netip.PrefixFrom(a, p.Subnet.Bits()))
	}
	return r.Leg, nil
}

// addrAgain takes the address of before that is the pool's, or the next free one.
func addrAgain(pool *ipam.Pool, was []netip.Prefix) (netip.Addr, error) {
	for _, p := range was {
		if pool.Subnet().Contains(p.Addr()) && pool.Request(p.Addr()) == nil {
			return p.Addr(), nil
		}
	}
	return pool.Next()
}
