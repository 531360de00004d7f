package frame

import "net/netip"

// LinkLocalAddr returns the IPv6 link-local address that a station makes of its MAC
// address (RFC 4291, appendix A).
func LinkLocalAddr(m MAC) netip.Addr {
	hw := m.HardwareAddr()
	return netip.AddrFrom16([16]byte{
		0: 0xfe, 1: 0x80, 8: hw[0] ^ 2, 9: hw[1], 10: hw[2], 11: 0xff, 12: 0xfe, 13: hw[3], 14: hw[4], 15: hw[5],
	})
}

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
