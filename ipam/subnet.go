package ipam

import (
	"fmt"
	"net/netip"

	"go4.org/netipx"
)

// special lists addresses that no network of containers can have: hosts do not
// send them to a neighbour, or do not send them at all (RFC 6890). Docker refuses
// only some of them, and those late. 169.254.0.0/16 is allowed, as there: it has no
// routers, but a network without a gateway may use it.
var special = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "addresses of no host"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback addresses"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast addresses"},
	{netip.MustParsePrefix("255.255.255.255/32"), "the broadcast address"},
	{netip.MustParsePrefix("::/127"), "the unspecified and the loopback address"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "IPv4 addresses"},
	{netip.MustParsePrefix("fe80::/10"), "link-local addresses, which every interface has already"},
	{netip.MustParsePrefix("ff00::/8"), "multicast addresses"},
}

// checkSubnet says why no network can have the subnet p: an error that wraps
// ErrSubnet, and a *HostBitsError where that is the reason.
func checkSubnet(p netip.Prefix) error {
	switch {
	case !p.IsValid():
		return fmt.Errorf("ipam: %w: it is empty or not a prefix", ErrSubnet)
	case p.Addr().Is4In6():
		return fmt.Errorf("ipam: %w: %v is IPv4 written as IPv6", ErrSubnet, p)
	case p != p.Masked():
		return fmt.Errorf("ipam: %w: %w", ErrSubnet, &HostBitsError{Prefix: p, Should: p.Masked()})
	case p.Bits() == 0:
		return fmt.Errorf("ipam: %w: %v is all addresses", ErrSubnet, p)
	}
	for _, s := range special {
		if s.prefix.Overlaps(p) {
			return fmt.Errorf("ipam: %w: %v has %s", ErrSubnet, p, s.what)
		}
	}
	return nil
}

// A reserved address of a subnet belongs to nobody.
type reserved struct {
	addr netip.Addr
	what string
}

// reservedOf returns the addresses of p that belong to nobody.
func reservedOf(p netip.Prefix) []reserved {
	switch host := p.Addr().BitLen() - p.Bits(); {
	case p.Addr().Is6():
		return []reserved{{p.Addr(), "subnet-router anycast"}}
	case host <= 1: // RFC 3021
		return nil
	}
	return []reserved{
		{p.Addr(), "network"},
		{netipx.PrefixLastIP(p), "broadcast"},
	}
}

// checkSize says whether p has room for one container, and for a gateway if there
// is one.
func checkSize(p netip.Prefix, noGateway bool) error {
	need, who := uint64(2), "a gateway and a container need 2"
	if noGateway {
		need, who = 1, "a container needs 1"
	}
	if have := size(p) - uint64(len(reservedOf(p))); have < need {
		return fmt.Errorf("ipam: %w: %v leaves %d addresses, %s", ErrSubnet, p, have, who)
	}
	return nil
}

// size returns how many addresses p has, at most 1<<64 - 1.
func size(p netip.Prefix) uint64 {
	host := p.Addr().BitLen() - p.Bits()
	if host >= 64 {
		return ^uint64(0)
	}
	return 1 << host
}
