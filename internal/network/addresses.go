package network

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"

	"vswitch/internal/api"
	"vswitch/ipam"
)

// assign gives an endpoint its addresses, hardware address and interface name. What
// it had before and is still free it gets again where it was asked for.
func (m *Manager) assign(b *box, e *Endpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.networks[e.Network]
	if n == nil || n.seg == nil {
		return m.notOpen(b, e, n)
	}
	var err error
	if e.DHCP == nil {
		if e.IPv4, err = m.take(b, n, e.Fixed4, e.IPv4, false); err != nil {
			return err
		}
		if e.IPv6, err = m.take(b, n, e.Fixed6, e.IPv6, true); err != nil {
			m.giveBack(n, e)
			return err
		}
	}
	if !e.FixedMAC {
		e.MAC = ipam.MACFor(macSource(b, e))
	}
	if holder := m.macHolder(n, b, e); holder != "" {
		m.giveBack(n, e)
		return api.Errorf(api.MACTaken, nil, "cannot connect container %q to network %q", b.rec.Name, n.rec.Name).
			Because("%s is the address of %s", e.MAC, holder)
	}
	if e.Ifname == "" {
		e.Ifname = b.nextIfname(n.seg.opts.ifPrefix)
	}
	return nil
}

func (m *Manager) notOpen(b *box, e *Endpoint, n *Network) error {
	if n == nil {
		return api.Errorf(api.UnknownName, nil, "cannot connect container %q", b.rec.Name).
			Because("its network %s is not there any more", shortID(e.Network))
	}
	return api.Errorf(api.Unexpected, n.fault, "cannot connect container %q to network %q", b.rec.Name, n.rec.Name)
}

// macSource is what an endpoint's hardware address is made of: its IPv4 address as
// Docker does, else the IPv6 one, and before DHCP gave one, something that is the
// container's own.
func macSource(b *box, e *Endpoint) netip.Addr {
	for _, p := range e.addrs() {
		return p.Addr()
	}
	var own [16]byte
	copy(own[:], e.ID)
	return netip.AddrFrom16(own)
}

// take takes an address out of a network's pool: the fixed one, or the next. A fixed
// one is kept while the container does not run.
func (m *Manager) take(b *box, n *Network, fixed netip.Addr, had netip.Prefix, v6 bool) (netip.Prefix, error) {
	p := n.pool(v6)
	switch {
	case p == nil:
		return netip.Prefix{}, nil
	case fixed.IsValid() && had.Addr() == fixed:
		return had, nil
	}
	a, err := fixed, error(nil)
	if fixed.IsValid() {
		err = p.Request(fixed)
	} else {
		a, err = p.Next()
	}
	if err != nil {
		return netip.Prefix{}, m.addressError(b, n, a, err)
	}
	return netip.PrefixFrom(a, p.Subnet().Bits()), nil
}

// addressError says why a container does not get an address, and who has it.
func (m *Manager) addressError(b *box, n *Network, a netip.Addr, err error) error {
	fail := func(code api.Code) *api.Error {
		return api.Errorf(code, err, "cannot connect container %q to network %q", b.rec.Name, n.rec.Name)
	}
	switch {
	case errors.Is(err, ipam.ErrExhausted):
		return fail(api.PoolExhausted).Because("no free address is left in %s", n.rec.Pools[0].Subnet)
	case errors.Is(err, ipam.ErrTaken):
		if holder := m.addressHolder(n, a); holder != "" {
			return fail(api.AddressTaken).Because("%s is the address of %s", a, holder)
		}
		return fail(api.AddressTaken).Because("%s is in use", a)
	case errors.Is(err, ipam.ErrOutside):
		return fail(api.AddressOutside)
	}
	return fail(api.InvalidValue)
}

func (m *Manager) addressHolder(n *Network, a netip.Addr) string {
	for _, p := range n.rec.Pools {
		if p.Gateway == a {
			return "the gateway"
		}
		for name, aux := range p.Aux {
			if aux == a {
				return "the auxiliary address " + name
			}
		}
	}
	for _, o := range m.containers {
		if e := o.rec.endpoint(n.rec.ID); e != nil && slices.ContainsFunc(e.addrs(), func(p netip.Prefix) bool { return p.Addr() == a }) {
			return "container " + strconv.Quote(o.rec.Name)
		}
	}
	return ""
}

// macHolder names who else on the network has the endpoint's hardware address. A
// container has it from the moment on in which its interface has a name.
func (m *Manager) macHolder(n *Network, b *box, e *Endpoint) string {
	if n.seg.services != nil && n.seg.services.mac == e.MAC {
		return "the gateway"
	}
	for id := range n.users {
		o := m.containers[id]
		if o == nil || o == b {
			continue
		}
		if other := o.rec.endpoint(n.rec.ID); other != nil && other.MAC == e.MAC && other.Ifname != "" {
			return "container " + strconv.Quote(o.rec.Name)
		}
	}
	return ""
}

// nextIfname is the lowest name of that kind that the container does not have.
func (b *box) nextIfname(prefix string) string {
	for i := 0; ; i++ {
		name := prefix + strconv.Itoa(i)
		if !slices.ContainsFunc(b.rec.Endpoints, func(e Endpoint) bool { return e.Ifname == name }) {
			return name
		}
	}
}

// giveBack returns an endpoint's addresses to the pools. The caller holds mu.
func (m *Manager) giveBack(n *Network, e *Endpoint) {
	for _, p := range e.addrs() {
		pool := n.pool(p.Addr().Is6())
		if pool != nil && (e.DHCP == nil || p.Addr().Is6()) {
			_ = pool.Release(p.Addr()) // it was taken; a DHCP lease is the server's to give back
		}
	}
	e.IPv4, e.IPv6 = netip.Prefix{}, netip.Prefix{}
}
