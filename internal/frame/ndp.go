package frame

import "net/netip"

// Neighbour discovery (RFC 4861) rides in ICMPv6. A port that may speak for its
// own addresses only must not claim another's in a message's target or in its
// link-layer options, so both are read here.

// NDP option types that carry a link-layer address (RFC 4861, section 4.6.1).
const (
	NDPSourceLinkAddr = 1
	NDPTargetLinkAddr = 2
)

// ndpLens has, by type from ICMPv6RouterSol on, where a message's options begin.
var ndpLens = [...]int{8, 16, 24, 24, 40}

// ndpTarget is where the target address of a solicitation, an advertisement and
// a redirect lies.
const ndpTarget = 8

// NDP reports whether the message is one of neighbour discovery by its type.
func (m ICMPv6) NDP() bool {
	return m.Type() >= ICMPv6RouterSol && m.Type() <= ICMPv6Redirect
}

// NDPValid reports whether a message of neighbour discovery has all of its fixed part
// and a well-formed list of options in which each link-layer option occurs once
// at most: of two, receivers differ in which they believe. The methods below
// need it.
func (m ICMPv6) NDPValid() bool {
	if !m.NDP() || len(m) < m.ndpLen() {
		return false
	}
	var seen [NDPTargetLinkAddr + 1]bool
	for b := m.ndpOptions(); len(b) > 0; {
		n := ndpOptionLen(b)
		if n == 0 {
			return false
		}
		if kind := b[0]; kind == NDPSourceLinkAddr || kind == NDPTargetLinkAddr {
			if seen[kind] {
				return false
			}
			seen[kind] = true
		}
		b = b[n:]
	}
	return true
}

// NDPHasTarget reports whether the message has a target address: neighbour
// solicitation, neighbour advertisement and redirect.
func (m ICMPv6) NDPHasTarget() bool { return m.Type() >= ICMPv6NeighborSol && m.NDP() }

// NDPTarget returns the target address of a message that has one.
func (m ICMPv6) NDPTarget() netip.Addr { return netip.AddrFrom16(m.NDPTarget16()) }

// NDPTarget16 returns the target address as bytes, for comparing.
func (m ICMPv6) NDPTarget16() [16]byte { return [16]byte(m[ndpTarget:]) }

// NDPLinkAddr returns the address in the first link-layer option of a kind,
// NDPSourceLinkAddr or NDPTargetLinkAddr.
func (m ICMPv6) NDPLinkAddr(kind uint8) (addr MAC, ok bool) {
	for b := m.ndpOptions(); len(b) > 0; {
		n := ndpOptionLen(b)
		if n == 0 {
			return 0, false
		}
		if b[0] == kind {
			return MACFrom(b[2:8]), true
		}
		b = b[n:]
	}
	return 0, false
}

func (m ICMPv6) ndpLen() int { return ndpLens[m.Type()-ICMPv6RouterSol] }

func (m ICMPv6) ndpOptions() []byte { return m[m.ndpLen():] }

// ndpOptionLen returns the length of the option at the beginning of b, in bytes;
// 0 if it is malformed (RFC 4861, section 4.6).
func ndpOptionLen(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	n := int(b[1]) * 8
	if n > len(b) {
		return 0
	}
	return n
}
