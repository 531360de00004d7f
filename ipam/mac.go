package ipam

import (
	"hash/fnv"
	"net/netip"

	"vswitch/internal/frame"
)

// MACFor returns the hardware address of a container with the address a: 02:42 and
// the four bytes of an IPv4 address, as Docker's bridges had it up to version 27.
// The first byte says that it is locally administered and no group's (IEEE 802,
// 8.2). For an IPv6 address, four bytes of a hash (FNV-1a) take their place; they
// are the same every time, and two addresses of one network share them by chance
// once in 2^32 pairs. Without an address the result is zero.
func MACFor(a netip.Addr) frame.MAC {
	const prefix frame.MAC = 0x0242_0000_0000
	switch a = a.Unmap(); {
	case a.Is4():
		b := a.As4()
		return frame.MACFrom([]byte{0x02, 0x42, b[0], b[1], b[2], b[3]})
	case a.Is6():
		h, b := fnv.New32a(), a.As16()
		h.Write(b[:])
		return prefix | frame.MAC(h.Sum32())
	}
	return 0
}
