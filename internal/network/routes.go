package network

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
)

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
