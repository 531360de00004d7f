package network

import (
	"errors"
	"net/netip"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
	"vswitch/ipam"
)

// choosePools settles the subnets of a new network: those that the user gave are
// claimed, missing ones are the next that are free.
func (m *Manager) choosePools(n *Network) (err error) {
	defer func() {
		if err != nil {
			m.releasePools(n)
		}
	}()
	o, err := readOptions(n.rec.Options)
	if err != nil {
		return err
	}
	asked := n.rec.Pools
	n.rec.Pools = nil
	host := m.hostUse()
	for _, p := range asked {
		if err := m.claim(n, p, host, o.overlap); err != nil {
			return err
		}
	}
	for _, v6 := range []bool{false, true} {
		wanted := n.rec.EnableIPv4
		if v6 {
			wanted = n.rec.EnableIPv6
		}
		if wanted && n.rec.Pool(v6) == nil {
			if err := m.allocate(n, v6, host); err != nil {
				return err
			}
		}
	}
	return m.openPools(n, o)
}

func (m *Manager) releasePools(n *Network) {
	for _, p := range n.rec.Pools {
		m.space.Release(p.Subnet)
	}
	n.rec.Pools = nil
}

// claim takes a subnet that the user gave.
func (m *Manager) claim(n *Network, p PoolRecord, host []ipam.Taken, overlap bool) error {
	by := "network " + n.rec.Name
	if !overlap {
		if err := m.space.CheckHost(p.Subnet, host); err != nil {
			return subnetError(n.rec.Name, err)
		}
	}
	if err := m.space.Claim(p.Subnet, by); err != nil {
		return subnetError(n.rec.Name, err)
	}
	n.rec.Pools = append(n.rec.Pools, p)
	return nil
}

func (m *Manager) allocate(n *Network, v6 bool, host []ipam.Taken) error {
	by, choose := "network "+n.rec.Name, m.space.Allocate
	if v6 {
		choose = m.space.Allocate6
	}
	subnet, err := choose(by, host)
	if err != nil {
		return subnetError(n.rec.Name, err)
	}
	n.rec.Pools = append(n.rec.Pools, PoolRecord{Subnet: subnet})
	return nil
}

// openPools makes the pools of a network's subnets and settles the gateways.
func (m *Manager) openPools(n *Network, o options) error {
	for i := range n.rec.Pools {
		r := &n.rec.Pools[i]
		v6 := r.Subnet.Addr().Is6()
		p, err := ipam.NewPool(ipam.PoolConfig{
			Subnet: r.Subnet, Range: r.Range, Gateway: r.Gateway, Aux: r.Aux,
			NoGateway: o.isolatedMode(),
		})
		if err != nil {
			return poolError(n.rec.Name, err)
		}
		r.Gateway = p.Gateway()
		if v6 {
			n.pool6 = p
		} else {
			n.pool4 = p
		}
	}
	return nil
}

// hostUse is what the host's routes and name servers use: a network's subnet that
// overlaps it would hide it from the containers.
func (m *Manager) hostUse() []ipam.Taken {
	var out []ipam.Taken
	if m.cfg.HostRoutes != nil {
		for _, r := range m.cfg.HostRoutes() {
			if r.Dst.IsValid() && r.Dst.Bits() > 0 {
				by := "a route of the host (" + r.String() + ")"
				out = append(out, ipam.Taken{Prefix: r.Dst.Masked(), By: by})
			}
		}
	}
	if m.cfg.Upstreams != nil {
		for _, a := range m.cfg.Upstreams() {
			if a := a.Addr().Unmap().WithZone(""); !a.IsLoopback() {
				out = append(out, ipam.Taken{Prefix: netip.PrefixFrom(a, a.BitLen()), By: "a name server of the host (" + a.String() + ")"})
			}
		}
	}
	return out
}

// HostRoutes lists the routes of the process's own network namespace; none where
// they cannot be read.
func HostRoutes() []netnsx.Route {
	ns, err := netnsx.Current()
	if err != nil {
		return nil
	}
	defer ns.Close()
	h, err := ns.Netlink()
	if err != nil {
		return nil
	}
	defer h.Close()
	routes, _ := h.Routes()
	return routes
}

// subnetError says why a network cannot have a subnet, in the user's words.
func subnetError(network string, err error) error {
	what := "cannot create network %q"
	if o, ok := errors.AsType[*ipam.OverlapError](err); ok {
		e := api.Errorf(api.SubnetOverlap, err, what, network).Because("%s overlaps %s of %s", o.Prefix, o.With.Prefix, o.With.By)
		if o.Free.IsValid() {
			return e.WithFix("this one is free:  --subnet %s", o.Free)
		}
		return e
	}
	if h, ok := errors.AsType[*ipam.HostBitsError](err); ok {
		return api.Errorf(api.InvalidValue, err, what, network).Because("the subnet has bits set behind its length").
			WithFix("it should be:  --subnet %s", h.Should)
	}
	if errors.Is(err, ipam.ErrNoSubnet) {
		return api.Errorf(api.NoSubnetFree, err, what, network)
	}
	return api.Errorf(api.InvalidValue, err, what, network)
}

// poolError says why a pool cannot be as it was asked for.
func poolError(network string, err error) error {
	return api.Errorf(api.InvalidValue, err, "cannot create network %q", network)
}
