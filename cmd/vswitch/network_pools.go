package main

import (
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"vswitch/internal/api"
)

// poolFlags are Docker's flags for a network's addresses. A range, gateway or aux
// address belongs to the subnet that it lies in.
type poolFlags struct {
	subnets, ranges, gateways, aux []string
}

func (p *poolFlags) add(f *pflag.FlagSet) {
	f.StringSliceVar(&p.subnets, "subnet", nil, "`prefix` of the network's addresses; one IPv4, one IPv6 or more")
	f.StringSliceVar(&p.ranges, "ip-range", nil, "`prefix` inside the subnet to give addresses out of")
	f.StringSliceVar(&p.gateways, "gateway", nil, "the gateway's `address` in the subnet")
	f.StringSliceVar(&p.aux, "aux-address", nil, "`name=address` to keep for others")
}

// pool is one subnet on the way to its api.IPAMConfig.
type pool struct {
	subnet netip.Prefix
	config api.IPAMConfig
}

// config makes one entry a subnet, in the order of the command line, and says
// whether one of them is of IPv6.
func (p *poolFlags) config() (all []api.IPAMConfig, v6 bool, err error) {
	pools, err := p.pools()
	if err != nil {
		return nil, false, err
	}
	for _, r := range p.ranges {
		if err := place(pools, "--ip-range", r, prefixAddr, func(c *api.IPAMConfig) *string { return &c.IPRange }); err != nil {
			return nil, false, err
		}
	}
	for _, g := range p.gateways {
		if err := place(pools, "--gateway", g, netip.ParseAddr, func(c *api.IPAMConfig) *string { return &c.Gateway }); err != nil {
			return nil, false, err
		}
	}
	if err := p.reserve(pools); err != nil {
		return nil, false, err
	}
	for _, one := range pools {
		all = append(all, one.config)
		v6 = v6 || one.subnet.Addr().Is6()
	}
	return all, v6, nil
}

func (p *poolFlags) pools() (pools []*pool, err error) {
	for _, s := range p.subnets {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, invalidFlag("--subnet", s, nil).Because("it is no prefix").WithFix("for example:  --subnet 10.5.0.0/16")
		}
		for _, other := range pools {
			if other.subnet.Overlaps(prefix) {
				return nil, invalidFlag("--subnet", s, nil).Because("it overlaps %s, which is given too", other.config.Subnet).
					WithFix("give subnets that do not overlap")
			}
		}
		pools = append(pools, &pool{prefix, api.IPAMConfig{Subnet: s}})
	}
	return pools, nil
}

// prefixAddr is where a prefix begins.
func prefixAddr(s string) (netip.Addr, error) {
	p, err := netip.ParsePrefix(s)
	return p.Addr(), err
}

// place writes value into the pool whose subnet it lies in.
func place(pools []*pool, flag, value string, parse func(string) (netip.Addr, error), field func(*api.IPAMConfig) *string) error {
	addr, err := parse(value)
	if err != nil {
		return invalidFlag(flag, value, nil).Because("%s", err).WithFix("see:  vswitch network create --help")
	}
	one := poolOf(pools, addr)
	if one == nil {
		return invalidFlag(flag, value, nil).Because("no --subnet that is given has this address").
			WithFix("give the subnet too:  --subnet PREFIX")
	}
	where := field(&one.config)
	if *where != "" {
		return invalidFlag(flag, value, nil).Because("the subnet %s has %s already", one.config.Subnet, *where).
			WithFix("give %s once for each subnet", flag)
	}
	*where = value
	return nil
}

func poolOf(pools []*pool, addr netip.Addr) *pool {
	for _, one := range pools {
		if one.subnet.Contains(addr) {
			return one
		}
	}
	return nil
}

// reserve writes the aux addresses into their pools.
func (p *poolFlags) reserve(pools []*pool) error {
	for _, a := range p.aux {
		name, text, ok := strings.Cut(a, "=")
		addr, err := netip.ParseAddr(text)
		if !ok || name == "" || err != nil {
			return invalidFlag("--aux-address", a, nil).Because("it is not name=address").
				WithFix("for example:  --aux-address router=10.5.0.254")
		}
		one := poolOf(pools, addr)
		if one == nil {
			return invalidFlag("--aux-address", a, nil).Because("no --subnet that is given has this address").
				WithFix("give the subnet too:  --subnet PREFIX")
		}
		if one.config.AuxiliaryAddresses == nil {
			one.config.AuxiliaryAddresses = make(map[string]string)
		}
		one.config.AuxiliaryAddresses[name] = text
	}
	return nil
}
