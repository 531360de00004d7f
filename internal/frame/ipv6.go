package frame

import "net/netip"

// IPv6Len is the length of the fixed IPv6 header, in bytes.
const IPv6Len = 40

// IPv6 is a packet from its IPv6 header on (RFC 8200). The header has no
// checksum; setting an address does not touch the transport checksum, see
// TCP.ReplaceAddr16 and its like.
type IPv6 []byte

// Offsets in the IPv6 header.
const (
	ipv6Payload  = 4
	ipv6Next     = 6
	ipv6HopLimit = 7
	ipv6Src      = 8
	ipv6Dst      = 24
)

// Valid reports whether the version is right and the bytes have all of the
// packet; the other methods need it.
func (p IPv6) Valid() bool {
	return len(p) >= IPv6Len && p[0]>>4 == 6 && p.PayloadLen() <= len(p)-IPv6Len
}

// TrafficClass returns DSCP and ECN.
func (p IPv6) TrafficClass() uint8 { return p[0]<<4 | p[1]>>4 }

// FlowLabel returns the flow label, 20 bits.
func (p IPv6) FlowLabel() uint32 { return be.Uint32(p[0:4]) & 0xfffff }

// PayloadLen returns the length of what follows the fixed header, in bytes.
func (p IPv6) PayloadLen() int { return int(be.Uint16(p[ipv6Payload : ipv6Payload+2])) }

// NextHeader returns the type of what follows the fixed header.
func (p IPv6) NextHeader() uint8 { return p[ipv6Next] }

// HopLimit returns the hops that are left.
func (p IPv6) HopLimit() uint8 { return p[ipv6HopLimit] }

// Src returns the source address.
func (p IPv6) Src() netip.Addr { return netip.AddrFrom16(p.Src16()) }

// Dst returns the destination address.
func (p IPv6) Dst() netip.Addr { return netip.AddrFrom16(p.Dst16()) }

// Src16 returns the source address as bytes, for comparing.
func (p IPv6) Src16() [16]byte { return [16]byte(p[ipv6Src:]) }

// Dst16 returns the destination address as bytes, for comparing.
func (p IPv6) Dst16() [16]byte { return [16]byte(p[ipv6Dst:]) }

// Payload returns what follows the fixed header, without Ethernet padding.
func (p IPv6) Payload() []byte { return p[IPv6Len : IPv6Len+p.PayloadLen()] }

// PseudoSum returns the sum of the pseudo header for n bytes of transport proto.
// With a routing header that has segments left, the destination in it is not the
// packet's (RFC 8200, section 8.1) and this sum is of no use.
func (p IPv6) PseudoSum(proto uint8, n int) uint32 {
	return uint32(Checksum(p[ipv6Src:IPv6Len], 0)) + pseudoTail(proto, n)
}

// SetTrafficClass writes DSCP and ECN.
func (p IPv6) SetTrafficClass(v uint8) {
	p[0] = p[0]&0xf0 | v>>4
	p[1] = p[1]&0x0f | v<<4
}

// SetPayloadLen writes the length of what follows the fixed header, in bytes.
func (p IPv6) SetPayloadLen(n int) { be.PutUint16(p[ipv6Payload:], uint16(n)) }

// SetHopLimit writes the hops that are left.
func (p IPv6) SetHopLimit(v uint8) { p[ipv6HopLimit] = v }

// SetSrc writes the source address.
func (p IPv6) SetSrc(a netip.Addr) { putAddr16(p[ipv6Src:], a) }

// SetDst writes the destination address.
func (p IPv6) SetDst(a netip.Addr) { putAddr16(p[ipv6Dst:], a) }

// SetSrc16 writes the source address.
func (p IPv6) SetSrc16(a [16]byte) { copy(p[ipv6Src:ipv6Dst], a[:]) }

// SetDst16 writes the destination address.
func (p IPv6) SetDst16(a [16]byte) { copy(p[ipv6Dst:IPv6Len], a[:]) }

// IPv6Fields is an IPv6 header without extension headers.
type IPv6Fields struct {
	TrafficClass uint8
	FlowLabel    uint32
	NextHeader   uint8
	// HopLimit 0 means 64.
	HopLimit uint8
	Src, Dst netip.Addr
}

// Encode writes the header into the first IPv6Len bytes of b, which is the whole
// packet, payload included: what follows the header becomes the payload length.
func (f IPv6Fields) Encode(b []byte) IPv6 {
	p := IPv6(b)
	be.PutUint32(p, 6<<28|uint32(f.TrafficClass)<<20|f.FlowLabel&0xfffff)
	p.SetPayloadLen(len(b) - IPv6Len)
	p[ipv6Next] = f.NextHeader
	p.SetHopLimit(orDefault(f.HopLimit, 64))
	p.SetSrc(f.Src)
	p.SetDst(f.Dst)
	return p
}
