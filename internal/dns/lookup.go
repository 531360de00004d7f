package dns

import (
	"net/netip"
	"slices"
	"strings"
)

// family tells addresses for A from those for AAAA.
type family func(netip.Addr) bool

var (
	v4 family = netip.Addr.Is4
	v6 family = netip.Addr.Is6
)

// resolve returns the addresses of a family that a folded name has on one of the
// networks, given by id. known without addresses: the name exists, but not in this
// family.
func (z *Zone) resolve(networks []string, name string, of family) (addrs []netip.Addr, known bool) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	asked := z.asked(networks)
	if addrs, known = find(asked, name, of); known {
		return addrs, true
	}
	// The shortest network name leaves the longest container name.
	slices.SortStableFunc(asked, func(a, b *network) int { return len(a.name) - len(b.name) })
	for len(asked) > 0 {
		same := 1
		for same < len(asked) && asked[same].name == asked[0].name {
			same++
		}
		if host, ok := below(name, asked[0].name); ok {
			if addrs, known = find(asked[:same], host, of); known {
				return addrs, true
			}
		}
		asked = asked[same:]
	}
	return nil, false
}

// asked returns those of the networks, given by id, that have names.
func (z *Zone) asked(networks []string) []*network {
	asked := make([]*network, 0, len(networks))
	for _, id := range networks {
		if n := z.networks[id]; n != nil {
			asked = append(asked, n)
		}
	}
	return asked
}

// find returns the addresses that a name has on the first network where it has
// any of the family.
func find(networks []*network, name string, of family) (addrs []netip.Addr, known bool) {
	for _, n := range networks {
		records := n.names[name]
		known = known || len(records) > 0
		for _, r := range records {
			for _, a := range r.Addrs {
				if of(a) {
					addrs = append(addrs, a)
				}
			}
		}
		if len(addrs) > 0 {
			return addrs, true
		}
	}
	return nil, known
}

// below returns what stands before a network's name: "web" of "web.net1".
func below(name, network string) (host string, ok bool) {
	host, ok = strings.CutSuffix(name, network)
	if !ok || network == "" {
		return "", false
	}
	host, ok = strings.CutSuffix(host, ".")
	return host, ok && host != ""
}

// reverse returns the full name of whoever has the address on one of the
// networks, without a final dot.
func (z *Zone) reverse(networks []string, addr netip.Addr) (name string, ok bool) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	for _, n := range z.asked(networks) {
		for _, r := range n.addrs[addr] {
			if len(r.Names) > 0 && r.NetworkName != "" {
				return r.Names[0] + "." + r.NetworkName, true
			}
		}
	}
	return "", false
}
