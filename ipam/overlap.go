package ipam

import (
	"net/netip"

	"go4.org/netipx"
)

// private has the blocks that a proposal is taken from (RFC 1918, RFC 4193).
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("fd00::/8"),
}

// counts reports whether t keeps a network from having a subnet. A default route
// does not: it covers everything and stands behind every other route.
func (t Taken) counts() bool { return t.Prefix.IsValid() && t.Prefix.Bits() > 0 }

// overlap returns an *OverlapError with the first of others that p overlaps, and a
// proposal that is clear of all in use and of avoid. It wants s.mu.
func (s *Space) overlap(p netip.Prefix, others, avoid []Taken) error {
	for _, t := range others {
		if t.counts() && t.Prefix.Overlaps(p) {
			return &OverlapError{Prefix: p, With: t, Free: propose(p, union(s.taken, avoid))}
		}
	}
	return nil
}

// propose returns a free private subnet of the size of p: the next one after p in
// the same block, else the lowest of all. Zero where there is none.
func propose(p netip.Prefix, busy *netipx.IPSet) netip.Prefix {
	var places []netipx.IPRange
	for _, block := range private {
		if block.Contains(p.Addr()) && p.Bits() >= block.Bits() {
			places = append(places, netipx.IPRangeFrom(p.Addr(), netipx.PrefixLastIP(block)))
		}
	}
	for _, block := range private {
		if block.Addr().BitLen() == p.Addr().BitLen() {
			places = append(places, netipx.RangeOfPrefix(block))
		}
	}
	for _, r := range places {
		if free, ok := lowest(r, p.Bits(), busy); ok {
			return free
		}
	}
	return netip.Prefix{}
}

// union returns the addresses of all lists.
func union(lists ...[]Taken) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, list := range lists {
		for _, t := range list {
			if t.counts() {
				b.AddPrefix(t.Prefix)
			}
		}
	}
	set, _ := b.IPSet() // fails for invalid prefixes only
	return set
}

// lowest returns the lowest subnet of the given number of bits that lies in r and
// has no address of busy.
func lowest(r netipx.IPRange, bits int, busy *netipx.IPSet) (netip.Prefix, bool) {
	var b netipx.IPSetBuilder
	b.AddRange(r)
	b.RemoveSet(busy)
	free, _ := b.IPSet() // fails for invalid ranges only
	for _, gap := range free.Ranges() {
		if p, ok := firstIn(gap, bits); ok {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// firstIn returns the lowest subnet of the given number of bits that lies in r.
func firstIn(r netipx.IPRange, bits int) (netip.Prefix, bool) {
	p := netip.PrefixFrom(r.From(), bits).Masked()
	if p.Addr() != r.From() { // it begins before r: take its neighbour
		p = netip.PrefixFrom(netipx.PrefixLastIP(p).Next(), bits)
	}
	return p, p.IsValid() && r.Contains(p.Addr()) && r.Contains(netipx.PrefixLastIP(p))
}
