package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"vswitch/internal/api"
	"vswitch/internal/tap"
	"vswitch/ipam"
	vswitch "vswitch/switch"
)

// An endpoint's life: its addresses are taken (assign), its device is made and
// plugged in (plugIn), its names and addresses are made known (publish); leaving
// undoes that backwards.

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

// plugIn makes an endpoint's device in the container's namespace and plugs it into
// its network's switch. After a restart it finds the device there.
func (m *Manager) plugIn(b *box, e *Endpoint) error {
	n := m.networkOf(e)
	if n == nil || n.seg == nil {
		return m.notOpen(b, e, n)
	}
	id := e.ID
	p, err := m.fabric.Plug(n.seg.sw, PlugConfig{
		Tap: tap.Config{
			NS: b.ns, Name: e.Ifname, MAC: e.MAC, MTU: n.seg.opts.mtu, Addrs: e.addrs(), Persist: true,
			Sysctls: m.sysctls(n, e),
		},
		Port:   n.seg.member(n, b.rec.Name, e),
		Failed: func(err error) { b.portFailed(id, err) },
	})
	if err != nil {
		return plugError(b, n, e, err)
	}
	if err := n.seg.sw.AddStatic(e.MAC, vswitch.DefaultVID, p.ID()); err != nil && !e.NoGuard {
		m.log.Warn("a container's address has no static entry", "container", b.rec.Name, "err", err)
	}
	b.edit(func() { b.plugs[id] = p })
	return nil
}

// sysctls settle IPv6 on an interface: off where it has no address, as Docker does,
// and without addresses of its own making where the network gave it one.
func (m *Manager) sysctls(n *Network, e *Endpoint) map[string]string {
	base := "net.ipv6.conf." + e.Ifname + "."
	v6 := n.rec.EnableIPv6
	out := map[string]string{base + "disable_ipv6": "1"}
	if v6 {
		out[base+"disable_ipv6"] = "0"
		out[base+"accept_ra"] = map[bool]string{true: "1", false: "0"}[e.DHCP != nil]
	}
	return out
}

func plugError(b *box, n *Network, e *Endpoint, err error) error {
	fail := func(code api.Code) *api.Error {
		return api.Errorf(code, err, "cannot connect container %q to network %q", b.rec.Name, n.rec.Name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(api.TunMissing)
	case errors.Is(err, fs.ErrPermission) && b.rec.Foreign != nil:
		return fail(api.NamespaceClosed)
	case errors.Is(err, fs.ErrPermission):
		return fail(api.TunClosed)
	case errors.Is(err, syscall.EBUSY), errors.Is(err, syscall.EEXIST), b.rec.Foreign != nil && errors.Is(err, syscall.EINVAL):
		return fail(api.InterfaceTaken).Because("the namespace has an interface %s", e.Ifname)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fail(api.OpenFiles)
	}
	return fail(api.Unexpected)
}

// portFailed notes that an endpoint's device is gone. It is called while others may
// hold op.
func (b *box) portFailed(endpoint string, err error) {
	b.edit(func() {
		for i := range b.rec.Endpoints {
			if e := &b.rec.Endpoints[i]; e.ID == endpoint {
				e.Error = "its interface is gone: " + api.Reason(err)
			}
		}
	})
	b.m.cfg.Found(api.Errorf(api.NamespaceGone, err, "container %q lost an interface", b.rec.Name))
}

// publish makes an endpoint's addresses and names known on its network.
func (m *Manager) publish(b *box, e *Endpoint) {
	n := m.networkOf(e)
	if n == nil || n.seg == nil {
		return
	}
	n.seg.reserve(b, e)
	for _, a := range e.known() {
		n.seg.know(a, e.MAC, "endpoint")
	}
	m.publishNames(b, e, n)
}

// networkOf is an endpoint's network, nil when it is gone.
func (m *Manager) networkOf(e *Endpoint) *Network {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.networks[e.Network]
}

// publishNames enters the container's names; the default bridge has none.
func (m *Manager) publishNames(b *box, e *Endpoint, n *Network) {
	if n.rec.Predefined {
		return
	}
	r := b.rec.dnsRecord(e, &n.rec)
	if len(r.Addrs) > 0 {
		m.zone.Set(r)
	}
}

// withdraw undoes publish.
func (m *Manager) withdraw(b *box, e *Endpoint) {
	m.zone.Remove(e.Network, e.ID)
	n := m.networkOf(e)
	if n == nil || n.seg == nil {
		return
	}
	for _, a := range e.known() {
		n.seg.forget(a)
	}
	n.seg.unreserve(e)
}

// unplug takes an endpoint off its network and deletes its device.
func (m *Manager) unplug(b *box, e *Endpoint) error {
	p := b.plugs[e.ID]
	if p == nil {
		return nil
	}
	b.edit(func() { delete(b.plugs, e.ID) })
	if err := p.Unplug(); err != nil {
		return fmt.Errorf("unplug %s of container %s: %w", e.Ifname, b.rec.Name, err)
	}
	return nil
}

// endpointsOf are pointers to a container's endpoints on networks that have
// addresses, in the order of joining.
func (m *Manager) endpointsOf(b *box) []*Endpoint {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*Endpoint
	for i := range b.rec.Endpoints {
		if n := m.networks[b.rec.Endpoints[i].Network]; n == nil || n.driver.Addressed() {
			out = append(out, &b.rec.Endpoints[i])
		}
	}
	return out
}

// modeOf is "host" or "none" for a container on that network alone, else "".
func (m *Manager) modeOf(r *Container) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range r.Endpoints {
		if n := m.networks[e.Network]; n != nil && !n.driver.Addressed() {
			return strings.Replace(n.driver.Name(), "null", "none", 1)
		}
	}
	return ""
}
