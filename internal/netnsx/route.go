package netnsx

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Route is an entry of the main routing table.
type Route struct {
	// Dst is where the route leads. The zero prefix is everywhere, in the family of
	// Gateway.
	Dst netip.Prefix
	// Gateway is the next hop; the zero address for what is on the link itself.
	Gateway netip.Addr
	// Link is the device; it may be empty when Gateway says enough.
	Link string
	// Src is the preferred source address, zero to let the kernel choose.
	Src netip.Addr
	// Metric orders routes to the same destination, lowest first; 0 is the default.
	Metric int
}

// String returns the route as `ip route` writes it.
func (r Route) String() string {
	s := "default"
	if r.Dst.IsValid() {
		s = r.Dst.String()
	}
	if r.Gateway.IsValid() {
		s += " via " + r.Gateway.String()
	}
	if r.Link != "" {
		s += " dev " + r.Link
	}
	return s
}

// AddRoute adds a route. EEXIST when there is one of the same destination and
// metric; ENETUNREACH when the gateway cannot be reached.
func (h *Handle) AddRoute(r Route) error {
	return h.onRoute("add the route", r, (*netlink.Handle).RouteAdd)
}

// SetRoute adds a route or replaces the one of the same destination and metric.
func (h *Handle) SetRoute(r Route) error {
	return h.onRoute("set the route", r, (*netlink.Handle).RouteReplace)
}

// DelRoute removes a route. ESRCH when there is none like it.
func (h *Handle) DelRoute(r Route) error {
	return h.onRoute("delete the route", r, (*netlink.Handle).RouteDel)
}

// AddDefault adds the default route of gateway's family.
func (h *Handle) AddDefault(link string, gateway netip.Addr) error {
	return h.AddRoute(Route{Gateway: gateway, Link: link})
}

// Routes lists the main table, IPv4 and IPv6. A route over several paths is
// listed once for each.
func (h *Handle) Routes() ([]Route, error) {
	var out []Route
	err := h.do("list the routes", "", func(nh *netlink.Handle) error {
		all, err := nh.RouteListFiltered(netlink.FAMILY_ALL,
			&netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return err
		}
		names, err := linkNames(nh)
		if err != nil {
			return err
		}
		out = out[:0]
		for _, r := range all {
			out = appendRoutes(out, r, names)
		}
		return nil
	})
	return out, err
}

func linkNames(nh *netlink.Handle) (map[int]string, error) {
	all, err := nh.LinkList()
	if err != nil {
		return nil, err
	}
	names := make(map[int]string, len(all))
	for _, l := range all {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	return names, nil
}

func appendRoutes(out []Route, r netlink.Route, names map[int]string) []Route {
	one := Route{
		Dst: prefixOf(r.Dst), Gateway: addrFrom(r.Gw), Link: names[r.LinkIndex],
		Src: addrFrom(r.Src), Metric: r.Priority,
	}
	if len(r.MultiPath) == 0 {
		return append(out, one)
	}
	for _, p := range r.MultiPath {
		one.Gateway, one.Link = addrFrom(p.Gw), names[p.LinkIndex]
		out = append(out, one)
	}
	return out
}

func (h *Handle) onRoute(op string, r Route, request func(*netlink.Handle, *netlink.Route) error) error {
	return h.do(op, r.String(), func(nh *netlink.Handle) error {
		nr, err := routeRequest(nh, r)
		if err != nil {
			return err
		}
		return request(nh, nr)
	})
}

func routeRequest(nh *netlink.Handle, r Route) (*netlink.Route, error) {
	dst := r.Dst
	if !dst.IsValid() {
		if !r.Gateway.IsValid() {
			return nil, unix.EINVAL
		}
		dst = everywhere(r.Gateway)
	}
	out := &netlink.Route{
		Dst: ipNet(dst.Masked()), Gw: r.Gateway.AsSlice(), Src: r.Src.AsSlice(), Priority: r.Metric,
	}
	if !r.Gateway.IsValid() && dst.Addr().Is4() {
		out.Scope = netlink.SCOPE_LINK
	}
	if r.Link == "" {
		return out, nil
	}
	l, err := nh.LinkByName(r.Link)
	if err != nil {
		return nil, err
	}
	out.LinkIndex = l.Attrs().Index
	return out, nil
}

// everywhere is the prefix of length 0 in the family of a.
func everywhere(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}
