package network

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"vswitch/internal/api"
	"vswitch/internal/tap"
	vswitch "vswitch/switch"
)

// An endpoint's life: its addresses are taken (assign), its device is made and
// plugged in (plugIn), its names and addresses are made known (publish); leaving
// undoes that backwards.

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
		n.seg.exit.dropInside(a)
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
