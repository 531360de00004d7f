package gateway

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vswitch/internal/frame"
)

func TestConfigErrors(t *testing.T) {
	good := func() Config { return Config{Name: "n", MAC: 0x02_00_00_00_00_77} }
	for _, c := range []struct {
		name string
		edit func(*Config)
		want error
	}{
		{"nothing but a MAC", func(*Config) {}, nil},
		{"both versions", func(c *Config) { c.Addrs = prefixes("172.18.0.1/16", "fd00:7::1/64") }, nil},
		{"two addresses of a subnet", func(c *Config) { c.Addrs = prefixes("172.18.0.1/16", "172.18.0.2/16") }, nil},
		{"a pair", func(c *Config) { c.Addrs = prefixes("172.18.0.0/31") }, nil},
		{"a single address", func(c *Config) { c.Addrs = prefixes("172.18.0.7/32") }, nil},
		{"no MAC", func(c *Config) { c.MAC = 0 }, ErrMAC},
		{"a group", func(c *Config) { c.MAC = 0x01005e000001 }, ErrMAC},
		{"no MAC at all", func(c *Config) { c.MAC = 1 << 48 }, ErrMAC},
		{"the network's own address", func(c *Config) { c.Addrs = prefixes("172.18.0.0/16") }, ErrAddr},
		{"the broadcast address", func(c *Config) { c.Addrs = prefixes("172.18.255.255/16") }, ErrAddr},
		{"everything", func(c *Config) { c.Addrs = prefixes("172.18.0.1/0") }, ErrAddr},
		{"loopback", func(c *Config) { c.Addrs = prefixes("127.0.0.1/8") }, ErrAddr},
		{"a group", func(c *Config) { c.Addrs = prefixes("224.0.0.1/24") }, ErrAddr},
		{"link-local", func(c *Config) { c.Addrs = prefixes("fe80::1/64") }, ErrAddr},
		{"mapped", func(c *Config) { c.Addrs = []netip.Prefix{netip.PrefixFrom(ip("::ffff:10.0.0.1"), 120)} }, ErrAddr},
		{"none", func(c *Config) { c.Addrs = []netip.Prefix{{}} }, ErrAddr},
		{"another's subnet", func(c *Config) { c.Addrs = prefixes("10.0.0.9/24") }, ErrOverlap},
		{"part of another's", func(c *Config) { c.Addrs = prefixes("fd00:a::100/120") }, ErrOverlap},
		{"around another's", func(c *Config) { c.Addrs = prefixes("10.0.9.1/8") }, ErrOverlap},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			k := good()
			c.edit(&k)
			g, err := New(r.router, k)
			if !errors.Is(err, c.want) || (g == nil) != (c.want != nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestSet: a refused change changes nothing, an accepted one moves the network.
func TestSet(t *testing.T) {
	r := newRig(t, nil)
	c := r.b.Config()
	c.Addrs = prefixes("10.0.0.77/24")
	if err := r.b.Set(c); !errors.Is(err, ErrOverlap) {
		t.Fatalf("%v", err)
	}
	r.want(ping(ask4, b4, nil), frame.Consumed, 1)
	c.Addrs = prefixes("10.0.9.1/24")
	must(t, r.b.Set(c))
	r.want(ping(ask4, b4, nil), frame.DropNoRoute, 1)
	r.want(ping(ask4, ip("10.0.9.1"), nil), frame.Consumed, 1)
	r.b.Close()
	r.b.Close()
	r.want(ping(ask4, ip("10.0.9.1"), nil), frame.DropNoRoute, 1)
	r.gateway(Config{Name: "new", MAC: bMAC, Addrs: prefixes("10.0.9.1/24")})
	r.want(ping(ask4, ip("10.0.9.1"), nil), frame.Consumed, 1)
}

func TestRoutes(t *testing.T) {
	v4, v6 := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")
	own := []Route{
		{netip.MustParsePrefix("10.0.0.0/24"), KindConnected, "10.0.0.1"},
		{netip.MustParsePrefix("fd00:a::/64"), KindConnected, "fd00:a::1"},
	}
	others := func(kind, note string) []Route {
		return []Route{
			{netip.MustParsePrefix("10.0.1.0/24"), KindIsolated, "b"}, {netip.MustParsePrefix("10.0.2.0/24"), kind, note},
			{netip.MustParsePrefix("fd00:b::/64"), KindIsolated, "b"}, {netip.MustParsePrefix("fd00:c::/64"), kind, note},
		}
	}
	rest := func(kind, note string) []Route { return []Route{{v4, kind, note}, {v6, kind, note}} }
	for _, c := range []struct {
		name   string
		edit   func(*Config)
		others []Route
		rest   []Route
	}{
		{"ordinary", nil, others(KindRouted, "r, ICMP only"), rest(KindUnreachable, "no way out")},
		{"routed", routed, others(KindRouted, "r"), rest(KindUnreachable, "no way out")},
		{"internal", internal, others(KindIsolated, "r"), rest(KindUnreachable, "the network is internal")},
		{"uplink", up(refused), others(KindRouted, "r, ICMP only"), rest(KindUplink, "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := append(append(append([]Route{}, own...), c.others...), c.rest...)
			if d := cmp.Diff(want, newRig(t, c.edit).Routes(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
				t.Error(d)
			}
		})
	}
}
