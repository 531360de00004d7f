package gateway

import "net/netip"

// Kinds of Route.
const (
	// KindConnected: the network's own subnet.
	KindConnected = "connected"
	// KindRouted: another network, which packets may enter.
	KindRouted = "routed"
	// KindIsolated: another network, which is closed to this one.
	KindIsolated = "isolated"
	// KindUplink: out of the switch.
	KindUplink = "uplink"
	// KindUnreachable: nowhere.
	KindUnreachable = "unreachable"
)

// Route is a line of a routing table, for people.
type Route struct {
	Dst  netip.Prefix
	Kind string
	// Note is the gateway's address in a connected subnet, the name of another
	// network, or why the rest is unreachable.
	Note string
}

// Neighbours lists what the gateway knows of its network, sorted by address.
func (g *Gateway) Neighbours() []Neighbour { return g.neighbours.list() }

// Routes lists where packets of the gateway's network go: its own subnets, those of
// the other networks of the router, and the rest.
func (g *Gateway) Routes() []Route {
	c := g.config.Load()
	var out []Route
	for _, l := range c.links {
		out = append(out, Route{l.subnet, KindConnected, l.addr.String()})
	}
	for dst, to := range g.router.table.Load().AllSorted() {
		if to.gateway != g && !to.local {
			out = append(out, c.routeTo(dst, to.gateway.config.Load()))
		}
	}
	return append(out, c.rest()...)
}

// routeTo describes another network. A network that is routed on one side only is
// reached by ICMP.
func (c *config) routeTo(dst netip.Prefix, to *config) Route {
	r := Route{dst, KindIsolated, to.Name}
	switch {
	case c.Internal || to.Internal || !to.routed(dst.Addr().Is6()):
	case c.routed(dst.Addr().Is6()):
		r.Kind = KindRouted
	default:
		r.Kind, r.Note = KindRouted, to.Name+", ICMP only"
	}
	return r
}

// rest describes the default routes of the versions that the network has.
func (c *config) rest() []Route {
	kind, note := KindUnreachable, "no way out"
	switch {
	case c.Internal:
		note = "the network is internal"
	case c.Uplink != nil:
		kind, note = KindUplink, c.UplinkName
	}
	var v4, v6 bool
	for _, l := range c.links {
		v4, v6 = v4 || l.addr.Is4(), v6 || l.addr.Is6()
	}
	var out []Route
	if v4 {
		out = append(out, Route{netip.PrefixFrom(netip.IPv4Unspecified(), 0), kind, note})
	}
	if v6 {
		out = append(out, Route{netip.PrefixFrom(netip.IPv6Unspecified(), 0), kind, note})
	}
	return out
}
