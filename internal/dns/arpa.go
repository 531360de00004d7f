package dns

import (
	"net/netip"
	"strings"
)

// The zones in which addresses are names: RFC 1035 section 3.5, RFC 3596
// section 2.5.
const (
	arpa4 = ".in-addr.arpa"
	arpa6 = ".ip6.arpa"
)

// fromArpa returns the address that a folded name without a final dot stands for.
// A name that is no whole address stands for none.
func fromArpa(name string) (netip.Addr, bool) {
	if octets, ok := strings.CutSuffix(name, arpa4); ok {
		return fromOctets(octets)
	}
	if nibbles, ok := strings.CutSuffix(name, arpa6); ok {
		return fromNibbles(nibbles)
	}
	return netip.Addr{}, false
}

// fromOctets reads four decimal numbers, the last one first.
func fromOctets(s string) (netip.Addr, bool) {
	part := strings.Split(s, ".")
	if len(part) != 4 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(part[3] + "." + part[2] + "." + part[1] + "." + part[0])
	return a, err == nil && a.Is4()
}

// fromNibbles reads 32 hexadecimal digits with dots between them, the last first.
func fromNibbles(s string) (netip.Addr, bool) {
	if len(s) != 63 {
		return netip.Addr{}, false
	}
	var a [16]byte
	for i := range 32 {
		digit := strings.IndexByte("0123456789abcdef", s[2*i])
		if digit < 0 || i < 31 && s[2*i+1] != '.' {
			return netip.Addr{}, false
		}
		a[15-i/2] |= byte(digit) << (4 * (i % 2))
	}
	return netip.AddrFrom16(a), true
}
