package frame

import "net/netip"

// putAddr4 writes an IPv4 address into the first four bytes of b. It panics on
// an address of another family, which is an error of the caller.
func putAddr4(b []byte, a netip.Addr) {
	v := a.As4()
	copy(b[:4], v[:])
}

// putAddr16 writes an address into the first sixteen bytes of b, IPv4 as mapped.
func putAddr16(b []byte, a netip.Addr) {
	v := a.As16()
	copy(b[:16], v[:])
}

// Addr4 returns an IPv4 address as a number, first byte on the wire highest: the
// form that the views compare. It panics on an address of another family.
func Addr4(a netip.Addr) uint32 {
	v := a.As4()
	return be.Uint32(v[:])
}
