package ipam

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestSubnetsThatCannotBeUsed(t *testing.T) {
	tests := []struct{ subnet, text string }{
		{"0.0.0.0/0", "all addresses"},
		{"::/0", "all addresses"},
		{"10.1.2.3/24", "it should be 10.1.2.0/24"},
		{"fd00::1/64", "it should be fd00::/64"},
		{"0.0.0.0/8", "no host"},
		{"127.5.0.0/16", "loopback"},
		{"126.0.0.0/7", "loopback"},
		{"224.0.0.0/24", "multicast"},
		{"240.0.0.0/4", "broadcast"},
		{"::/64", "loopback"},
		{"fe80::/64", "link-local"},
		{"ff02::/16", "multicast"},
		{"::ffff:10.0.0.0/120", "IPv4 written as IPv6"},
		{"::fffe:0:0/95", "IPv4 addresses"},
		{"10.0.0.1/32", "leaves 1 addresses, a gateway and a container need 2"},
		{"fd00::/127", "need 2"},
		{"fd00::/128", "need 2"},
	}
	for _, tt := range tests {
		_, err := NewPool(PoolConfig{Subnet: prefix(tt.subnet)})
		if !errors.Is(err, ErrSubnet) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v; want ErrSubnet with %q", tt.subnet, err, tt.text)
		}
	}
	if _, err := NewPool(PoolConfig{}); !errors.Is(err, ErrSubnet) {
		t.Errorf("no subnet: %v", err)
	}
	if _, err := NewPool(PoolConfig{Subnet: prefix("fd00::/128"), NoGateway: true}); !errors.Is(err, ErrSubnet) {
		t.Errorf("a single IPv6 address: %v", err)
	}
}

func TestConfigsThatCannotBeUsed(t *testing.T) {
	subnet := prefix("10.1.0.0/24")
	with := func(change func(c *PoolConfig)) PoolConfig {
		c := PoolConfig{Subnet: subnet}
		change(&c)
		return c
	}
	ranged := func(s string) PoolConfig { return with(func(c *PoolConfig) { c.Range = prefix(s) }) }
	gateway := func(s string) PoolConfig { return with(func(c *PoolConfig) { c.Gateway = addr(s) }) }
	aux := func(addrs ...string) PoolConfig {
		return with(func(c *PoolConfig) {
			c.Gateway, c.Aux = addr("10.1.0.1"), map[string]netip.Addr{}
			for i, a := range addrs {
				c.Aux[string(rune('a'+i))] = addr(a)
			}
		})
	}
	tests := []struct {
		c    PoolConfig
		want error
		text string
	}{
		{ranged("10.1.0.0/23"), ErrRange, "not in the subnet"},
		{ranged("10.2.0.0/25"), ErrRange, "not in the subnet"},
		{ranged("fd00::/120"), ErrRange, "not in the subnet"},
		{ranged("10.1.0.5/25"), ErrRange, "should be 10.1.0.0/25"},
		{with(func(c *PoolConfig) { c.Range = netip.PrefixFrom(subnet.Addr(), 40) }), ErrRange, "not a prefix"},
		{ranged("10.1.0.0/32"), ErrGateway, "no free address"},
		{gateway("10.2.0.1"), ErrGateway, "not in 10.1.0.0/24"},
		{gateway("fd00::1"), ErrGateway, "not in"},
		{gateway("::ffff:10.1.0.1"), ErrGateway, "written as IPv6"},
		{gateway("10.1.0.0"), ErrGateway, "network address"},
		{gateway("10.1.0.255"), ErrGateway, "broadcast address"},
		{with(func(c *PoolConfig) { c.Gateway, c.NoGateway = addr("10.1.0.1"), true }), ErrGateway, "without one"},
		{aux("10.2.0.9"), ErrAux, `"a": 10.2.0.9 is not in`},
		{aux("10.1.0.255"), ErrAux, "broadcast"},
		{aux("10.1.0.1"), ErrAux, "is the gateway"},
		{aux("10.1.0.9", "10.1.0.9"), ErrAux, `"b": 10.1.0.9`},
		{with(func(c *PoolConfig) { c.Aux = map[string]netip.Addr{"a": {}} }), ErrAux, `"a"`},
	}
	for _, tt := range tests {
		_, err := NewPool(tt.c)
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%+v: %v; want %v with %q", tt.c, err, tt.want, tt.text)
		}
	}
}

// Who made a typing error in a prefix is told the right one, by type.
func TestHostBitsAreTyped(t *testing.T) {
	_, fromSubnet := NewPool(PoolConfig{Subnet: prefix("10.1.2.3/16")})
	_, fromRange := NewPool(PoolConfig{Subnet: prefix("10.1.0.0/16"), Range: prefix("10.1.2.3/24")})
	fromClaim := newSpace(t, SpaceConfig{}).Claim(prefix("fd00::9/64"), "network web")
	for err, want := range map[error]string{fromSubnet: "10.1.0.0/16", fromRange: "10.1.2.0/24", fromClaim: "fd00::/64"} {
		if e, ok := errors.AsType[*HostBitsError](err); !ok || e.Should != prefix(want) {
			t.Errorf("%v: got %+v, want %s", err, e, want)
		}
	}
}
