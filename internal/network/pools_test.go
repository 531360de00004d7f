package network

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
)

// How networks can be asked for, and what becomes of them.
func TestCreateNetwork(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.HostRoutes = func() []netnsx.Route {
			return []netnsx.Route{{Dst: netip.MustParsePrefix("10.1.0.0/16"), Link: "lan0"}, {Gateway: netip.MustParseAddr("10.1.0.1")}}
		}
		c.Upstreams = func() []netip.AddrPort {
			return []netip.AddrPort{netip.MustParseAddrPort("172.18.3.3:53"), netip.MustParseAddrPort("127.0.0.1:53")}
		}
	})
	r.network("taken", "10.60.0.0/24")
	no := false
	config := func(subnet, ranged, gateway string) func(*api.NetworkCreate) {
		return func(c *api.NetworkCreate) {
			c.IPAM.Config = append(c.IPAM.Config, api.IPAMConfig{Subnet: subnet, IPRange: ranged, Gateway: gateway})
		}
	}
	aux := func(name, addr string) func(*api.NetworkCreate) {
		return func(c *api.NetworkCreate) { c.IPAM.Config[0].AuxiliaryAddresses = map[string]string{name: addr} }
	}
	changes := func(all ...func(*api.NetworkCreate)) func(*api.NetworkCreate) {
		return func(c *api.NetworkCreate) {
			for _, change := range all {
				change(c)
			}
		}
	}
	for _, c := range []struct {
		what   string
		change func(*api.NetworkCreate)
		code   api.Code
		want   string // subnets and gateways
	}{
		// 172.17 is the network bridge's, 172.18 has a name server of the host.
		{"anything", func(*api.NetworkCreate) {}, "", "172.19.0.0/16 via 172.19.0.1"},
		{"both families", changes(ipv6, config("10.61.0.0/24", "", ""), config("fd61::/64", "", "")), "", "10.61.0.0/24 via 10.61.0.1 fd61::/64 via fd61::1"},
		{"IPv6 only", changes(ipv6, func(c *api.NetworkCreate) { c.EnableIPv4 = &no }, config("fd61::/64", "", "")), "", "fd61::/64 via fd61::1"},
		{"a range", config("10.61.0.0/24", "10.61.0.128/25", ""), "", "10.61.0.0/24 via 10.61.0.128"},
		{"a gateway", config("10.61.0.0/24", "", "10.61.0.254"), "", "10.61.0.0/24 via 10.61.0.254"},
		{"an auxiliary address", changes(config("10.61.0.0/24", "", ""), aux("x", "10.61.0.1")), "", "10.61.0.0/24 via 10.61.0.2"},
		{"isolated", changes(internal, option(optMode4, modeIsolated), config("10.61.0.0/24", "", "")), "", "10.61.0.0/24"},
		{"two hosts", config("10.61.0.0/31", "", ""), "", "10.61.0.0/31 via 10.61.0.0"},
		{"a small MTU", changes(option(optMTU, "68"), config("10.61.0.0/24", "", "")), "", "10.61.0.0/24 via 10.61.0.1"},
		{"over a route of the host, on purpose", changes(option(optOverlap, "true"), config("10.1.2.0/24", "", "")), "", "10.1.2.0/24 via 10.1.2.1"},

		{"over a route of the host", config("10.1.2.0/24", "", ""), api.SubnetOverlap, ""},
		{"over another", config("10.60.0.128/25", "", ""), api.SubnetOverlap, ""},
		{"around another", config("10.0.0.0/8", "", ""), api.SubnetOverlap, ""},
		{"host bits", config("10.61.0.1/24", "", ""), api.InvalidValue, ""},
		{"multicast", config("224.1.0.0/24", "", ""), api.InvalidValue, ""},
		{"loopback", config("127.1.0.0/24", "", ""), api.InvalidValue, ""},
		{"link-local", changes(ipv6, config("fe80::/64", "", "")), api.InvalidValue, ""},
		{"no prefix", config("10.61.0.0", "", ""), api.InvalidValue, ""},
		{"no subnet", config("", "10.61.0.0/25", "10.61.0.1"), api.InvalidValue, ""},
		{"a range elsewhere", config("10.61.0.0/24", "10.62.0.0/25", ""), api.InvalidValue, ""},
		{"no range", config("10.61.0.0/24", "x", ""), api.InvalidValue, ""},
		{"a gateway elsewhere", config("10.61.0.0/24", "", "10.62.0.1"), api.InvalidValue, ""},
		{"a gateway that is the network", config("10.61.0.0/24", "", "10.61.0.0"), api.InvalidValue, ""},
		{"no gateway", config("10.61.0.0/24", "", "x"), api.InvalidValue, ""},
		{"no auxiliary address", changes(config("10.61.0.0/24", "", ""), aux("x", "y")), api.InvalidValue, ""},
		{"two of a family", changes(config("10.61.0.0/24", "", ""), config("10.62.0.0/24", "", "")), api.InvalidValue, ""},
		{"IPv6 without it", config("fd61::/64", "", ""), api.InvalidValue, ""},
		{"IPv4 without it", changes(ipv6, func(c *api.NetworkCreate) { c.EnableIPv4 = &no }, config("10.61.0.0/24", "", "")), api.InvalidValue, ""},
		{"neither", func(c *api.NetworkCreate) { c.EnableIPv4 = &no }, api.InvalidValue, ""},
		{"the second overlaps", changes(ipv6, config("10.61.0.0/24", "", ""), config("::ffff:10.0.0.0/104", "", "")), api.InvalidValue, ""},
		{"another IPAM", func(c *api.NetworkCreate) { c.IPAM.Driver = "null" }, api.InvalidValue, ""},
		{"no such driver", func(c *api.NetworkCreate) { c.Driver = "overlay" }, api.UnknownDriver, ""},
		{"a bad option", option(optMTU, "x"), api.InvalidValue, ""},
		{"a name twice", func(c *api.NetworkCreate) { c.Name = "taken" }, api.NameExists, ""},
		{"predefined", func(c *api.NetworkCreate) { c.Name = "host" }, api.Predefined, ""},
		{"reserved", func(c *api.NetworkCreate) { c.Name = "container:x" }, api.Predefined, ""},
		{"no name", func(c *api.NetworkCreate) { c.Name = "" }, api.InvalidValue, ""},
		{"a name with a slash", func(c *api.NetworkCreate) { c.Name = "../x" }, api.InvalidValue, ""},
		{"a long name", func(c *api.NetworkCreate) { c.Name = strings.Repeat("n", 64) }, api.InvalidValue, ""},
		{"the longest name", func(c *api.NetworkCreate) { c.Name = strings.Repeat("n", 63) }, "", "172.19.0.0/16 via 172.19.0.1"},
	} {
		before := r.tables()
		req := api.NetworkCreate{Name: "net"}
		c.change(&req)
		made, err := r.CreateNetwork(req)
		wants(t, c.what, err, c.code)
		if err == nil {
			n, err := r.Network(made.ID)
			must(t, err)
			var got []string
			for _, p := range n.IPAM.Config {
				got = append(got, p.Subnet)
				if p.Gateway != "" {
					got = append(got, "via", p.Gateway)
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s: %q, want %q", c.what, s, c.want)
			}
			must(t, r.RemoveNetwork(made.ID))
		}
		if after := r.tables(); !slices.Equal(after, before) {
			t.Errorf("%s: left:\n%s\nbefore:\n%s", c.what, strings.Join(after, "\n"), strings.Join(before, "\n"))
		}
	}
	r.quiet()
}

// A network that is full says so, and an address that was given back is the next.
func TestPoolExhaustion(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.60.0.0/29", func(c *api.NetworkCreate) { c.IPAM.Config[0].IPRange = "10.60.0.0/30" })
	first := r.run("a", on("net")...) // the range has .0 to .3: the network, the gateway, two
	r.run("b", on("net")...)
	_, err := r.CreateContainer(api.ContainerCreate{Name: "c", Networks: on("net")})
	must(t, err)
	before := r.states()
	_, err = r.StartContainer("c", nil)
	wants(t, "a full range", err, api.PoolExhausted)
	if after := r.states(); !slices.Equal(after, before) {
		t.Errorf("left:\n%s", strings.Join(after, "\n"))
	}
	r.run("outside", api.EndpointConfig{Network: "net", IPv4: "10.60.0.6"})
	r.stop("a")
	if s := r.begin("c"); s.V4 != first.V4 {
		t.Errorf("got %v", s.V4)
	}
	_, err = r.StartContainer("a", nil)
	wants(t, "its address is another's", err, api.PoolExhausted)
}
