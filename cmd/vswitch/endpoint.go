package main

import (
	"net"
	"net/netip"

	"github.com/spf13/pflag"

	"vswitch/internal/api"
)

// endpointFlags say how a container joins a network: run, attach and network
// connect have them.
type endpointFlags struct {
	ip, ip6, mac  string
	aliases       []string
	dhcp, noGuard bool
}

// aliasOf has the second names of flags, which Docker uses elsewhere.
var aliasOf = map[string]string{"mac-address": "mac", "network-alias": "alias", "net-alias": "alias", "net": "network"}

func (e *endpointFlags) add(f *pflag.FlagSet) {
	f.StringVar(&e.ip, "ip", "", "IPv4 `address`, without its prefix length")
	f.StringVar(&e.ip6, "ip6", "", "IPv6 `address`, without its prefix length")
	f.StringVar(&e.mac, "mac", "", "hardware `address` (also --mac-address)")
	f.StringSliceVar(&e.aliases, "alias", nil, "one more `name` on the network (also --network-alias)")
	f.BoolVar(&e.dhcp, "dhcp", false, "no address: the container asks by DHCP")
	f.BoolVar(&e.noGuard, "no-guard", false, "let the container send from any address")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if short, ok := aliasOf[name]; ok {
			name = short
		}
		return pflag.NormalizedName(name)
	})
}

// config makes the endpoint on the network, and refuses what is no address.
func (e *endpointFlags) config(network string) (api.EndpointConfig, error) {
	c := api.EndpointConfig{
		Network: network, IPv4: e.ip, IPv6: e.ip6, MAC: e.mac, Aliases: e.aliases,
		DHCP: e.dhcp, NoGuard: e.noGuard,
	}
	return c, checkEndpoint(c, "--ip", "--ip6", "--mac")
}

// checkEndpoint refuses addresses that are none. The flags are named in the error.
func checkEndpoint(c api.EndpointConfig, ip, ip6, mac string) error {
	if a, err := netip.ParseAddr(c.IPv4); c.IPv4 != "" && (err != nil || !a.Is4()) {
		return invalidFlag(ip, c.IPv4, nil).Because("it is no IPv4 address").WithFix("for example:  --ip 10.5.0.9")
	}
	if a, err := netip.ParseAddr(c.IPv6); c.IPv6 != "" && (err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "") {
		return invalidFlag(ip6, c.IPv6, nil).Because("it is no IPv6 address").WithFix("for example:  --ip6 fd00:5::9")
	}
	if c.MAC == "" {
		return nil
	}
	m, err := net.ParseMAC(c.MAC)
	if err != nil || len(m) != 6 || m[0]&1 != 0 {
		return invalidFlag(mac, c.MAC, nil).Because("it is no hardware address of one station").
			WithFix("for example:  --mac 02:42:0a:05:00:09")
	}
	return nil
}
