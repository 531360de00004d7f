package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"vswitch/internal/api"
	"vswitch/internal/dns"
	"vswitch/internal/netnsx"
	"vswitch/internal/sandbox"
)

// embedded is where Docker's DNS answers inside a container.
var embedded = netip.MustParseAddr("127.0.0.11")

// hosts are the lines of /etc/hosts: the user's, and each of the container's
// addresses with its host name.
func (m *Manager) hosts(b *box) []sandbox.Host {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []sandbox.Host
	extra, _ := b.rec.extraHosts() // read before, when the container was made
	for _, h := range extra {
		out = append(out, sandbox.Host{Addr: h.addr, Names: []string{h.name}})
	}
	for i := range b.rec.Endpoints {
		for _, p := range b.rec.Endpoints[i].addrs() {
			out = append(out, sandbox.Host{Addr: p.Addr(), Names: []string{b.rec.Hostname}})
		}
	}
	return out
}

// resolv is /etc/resolv.conf: the embedded server on networks of the user's, on the
// default bridge its gateway, on the host's network the host's own servers.
func (m *Manager) resolv(b *box) sandbox.Resolv {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := sandbox.Resolv{Search: b.rec.DNSSearch, Options: b.rec.DNSOptions}
	if len(r.Search) == 0 && m.cfg.Search != nil {
		r.Search = m.cfg.Search()
	}
	view, mode := m.viewOf(b)
	switch {
	case view.Names:
		r.Servers = []netip.Addr{embedded}
		if !slices.ContainsFunc(r.Options, func(o string) bool { return strings.HasPrefix(o, "ndots:") }) {
			r.Options = append(slices.Clone(r.Options), "ndots:0")
		}
	case mode == "host":
		r.Servers = m.hostServers()
	default:
		r.Servers = m.gatewaysOf(b)
	}
	if len(b.rec.DNS) > 0 && !view.Names {
		r.Servers = b.rec.DNS
	}
	return r
}

func (m *Manager) hostServers() []netip.Addr {
	var out []netip.Addr
	if m.cfg.Upstreams != nil {
		for _, a := range m.cfg.Upstreams() {
			out = append(out, a.Addr())
		}
	}
	return out
}

// gatewaysOf are the gateways of a container's networks. The caller holds mu.
func (m *Manager) gatewaysOf(b *box) []netip.Addr {
	var out []netip.Addr
	for _, e := range b.rec.Endpoints {
		if n := m.networks[e.Network]; n != nil && n.seg != nil {
			for _, g := range n.seg.addrs() {
				out = append(out, g.Addr())
			}
		}
	}
	return out
}

// viewOf says what names a container may ask for, and the mode of its network. The
// caller holds mu.
func (m *Manager) viewOf(b *box) (v dns.View, mode string) {
	v.Asker, v.Internal = b.rec.ID, true
	for _, o := range b.rec.DNSOptions {
		v.NDotsSet = v.NDotsSet || strings.HasPrefix(o, "ndots:")
	}
	for _, e := range b.rec.Endpoints {
		n := m.networks[e.Network]
		if n == nil {
			continue
		}
		if !n.driver.Addressed() {
			mode = n.rec.Name
			continue
		}
		v.Networks = append(v.Networks, n.rec.ID)
		v.Names = v.Names || !n.rec.Predefined
		v.Internal = v.Internal && n.rec.Internal
	}
	for _, a := range b.rec.DNS {
		v.Upstreams = append(v.Upstreams, netip.AddrPortFrom(a, 53))
	}
	if len(v.Upstreams) > 0 {
		v.Dial = m.dialler(b)
	}
	return v, mode
}

// dialler reaches the name servers that a container was given: one on its own
// networks from inside the container, any other as the host does. The caller holds
// mu.
func (m *Manager) dialler(b *box) dns.DialFunc {
	var near []netip.Prefix
	for _, e := range b.rec.Endpoints {
		if n := m.networks[e.Network]; n != nil {
			for _, p := range n.rec.Pools {
				near = append(near, p.Subnet)
			}
		}
	}
	ns := b.ns
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		dial := func() error {
			conn, err = new(net.Dialer).DialContext(ctx, network, address)
			return err
		}
		at, _ := netip.ParseAddrPort(address)
		if ns != nil && slices.ContainsFunc(near, func(p netip.Prefix) bool { return p.Contains(at.Addr()) }) {
			err = ns.Do(dial)
			return conn, err
		}
		err = dial()
		return conn, err
	}
}

// dnsRecord is what DNS knows about an endpoint.
func (c *Container) dnsRecord(e *Endpoint, n *Record) dns.Record {
	r := dns.Record{Network: n.ID, NetworkName: n.Name, Endpoint: e.ID, Names: c.names(e)}
	for _, p := range e.addrs() {
		r.Addrs = append(r.Addrs, p.Addr())
	}
	return r
}

// setRoutes gives a running container its default routes: one a family, through
// the gateway of the network that comes first.
func (m *Manager) setRoutes(b *box) error {
	if b.ns == nil || b.hostNet() {
		return nil
	}
	fail := func(err error) error {
		return api.Errorf(api.Unexpected, err, "cannot set the routes of container %q", b.rec.Name)
	}
	h, err := b.ns.Netlink()
	if err != nil {
		return fail(err)
	}
	defer h.Close()
	for _, v6 := range []bool{false, true} {
		if err := b.setDefault(h, m.defaultRoute(b, v6), v6); err != nil {
			return fail(err)
		}
	}
	return nil
}

// setDefault makes the wanted default route of a family the only one. In a namespace
// that somebody else made, a route of theirs stays, and ours gives way to it.
func (b *box) setDefault(h *netnsx.Handle, want netnsx.Route, v6 bool) error {
	routes, err := defaultRoutes(h, v6)
	if err != nil {
		return err
	}
	theirs := func(r netnsx.Route) bool {
		return b.rec.Foreign != nil && !slices.ContainsFunc(b.rec.Endpoints, func(e Endpoint) bool { return e.Ifname == r.Link })
	}
	if want.Link != "" && !slices.ContainsFunc(routes, theirs) {
		if err := h.SetRoute(want); err != nil {
			return err
		}
	}
	for _, r := range routes {
		if r.Gateway == want.Gateway && r.Link == want.Link || theirs(r) {
			continue
		}
		if err := h.DelRoute(r); err != nil && !errors.Is(err, syscall.ESRCH) { // the wanted one may have replaced it
			return err
		}
	}
	return nil
}

// defaultRoutes lists the default routes of a family; not those through a router's
// link-local address, which the kernel keeps by the router's advertisements.
func defaultRoutes(h *netnsx.Handle, v6 bool) ([]netnsx.Route, error) {
	routes, err := h.Routes()
	return slices.DeleteFunc(routes, func(r netnsx.Route) bool {
		whole := !r.Dst.IsValid() || r.Dst.Bits() == 0
		return !whole || r.Gateway.Is6() != v6 || !r.Gateway.IsValid() || r.Gateway.IsLinkLocalUnicast()
	}), err
}

// defaultRoute chooses the network that a container's default route leads to, as
// Docker does: the highest priority, then more families with a gateway, then the
// network's name. An internal network has no way out.
func (m *Manager) defaultRoute(b *box, v6 bool) netnsx.Route {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, gateway := m.defaultEndpoint(b, v6)
	if e == nil {
		return netnsx.Route{}
	}
	return netnsx.Route{Gateway: gateway, Link: e.Ifname}
}

// defaultEndpoint is the endpoint that the default route of a family leads by, and
// the gateway there. The caller holds mu.
func (m *Manager) defaultEndpoint(b *box, v6 bool) (best *Endpoint, gateway netip.Addr) {
	var bestNet *Network
	for i := range b.rec.Endpoints {
		e := &b.rec.Endpoints[i]
		n := m.networks[e.Network]
		if n == nil || n.rec.Internal || e.Ifname == "" {
			continue
		}
		g := gatewayFor(n, e, v6)
		if g.IsValid() && (best == nil || before(e, n, best, bestNet)) {
			best, bestNet, gateway = e, n, g
		}
	}
	return best, gateway
}

// gatewayFor is the gateway of a family that an endpoint has, invalid for none.
func gatewayFor(n *Network, e *Endpoint, v6 bool) netip.Addr {
	switch {
	case e.DHCP != nil && v6:
		return netip.Addr{} // the router advertises itself
	case e.DHCP != nil:
		return e.DHCP.Router
	}
	p := n.rec.Pool(v6)
	if p == nil {
		return netip.Addr{}
	}
	if aux, ok := p.Aux["DefaultGatewayIPv4"]; ok && !v6 {
		return aux
	}
	return p.Gateway
}

// before orders two endpoints for the default route.
func before(a *Endpoint, an *Network, b *Endpoint, bn *Network) bool {
	if a.GwPriority != b.GwPriority {
		return a.GwPriority > b.GwPriority
	}
	if x, y := len(an.rec.gateways()), len(bn.rec.gateways()); x != y {
		return x > y
	}
	return an.rec.Name < bn.rec.Name
}
