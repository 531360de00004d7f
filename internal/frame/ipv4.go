package frame

import "net/netip"

// IPv4Len is the length of an IPv4 header without options, in bytes.
const IPv4Len = 20

// IPv4 is a packet from its IPv4 header on (RFC 791). All setters but
// SetChecksum keep the header checksum right by RFC 1624; those of addresses do
// not touch the transport checksum, see TCP.ReplaceAddr4 and its like.
type IPv4 []byte

// Offsets in the IPv4 header.
const (
	ipv4TOS      = 1
	ipv4Total    = 2
	ipv4ID       = 4
	ipv4Fragment = 6
	ipv4TTL      = 8
	ipv4Proto    = 9
	ipv4Checksum = 10
	ipv4Src      = 12
	ipv4Dst      = 16
)

// Fields of the fragment word.
const (
	ipv4DF     = 0x4000
	ipv4MF     = 0x2000
	ipv4Offset = 0x1fff
)

// Valid reports whether version and lengths are right and the bytes have all of
// the packet; the other methods need it. It does not look at the checksum.
func (p IPv4) Valid() bool {
	if len(p) < IPv4Len {
		return false
	}
	hdr, total := p.HeaderLen(), p.TotalLen()
	return p[0]>>4 == 4 && hdr >= IPv4Len && total >= hdr && total <= len(p)
}

// HeaderLen returns the length of the header with its options, in bytes.
func (p IPv4) HeaderLen() int { return int(p[0]&0x0f) * 4 }

// TOS returns DSCP and ECN.
func (p IPv4) TOS() uint8 { return p[ipv4TOS] }

// TotalLen returns the length of header and payload, in bytes.
func (p IPv4) TotalLen() int { return int(be.Uint16(p[ipv4Total : ipv4Total+2])) }

// ID returns the identification, which the fragments of a packet share.
func (p IPv4) ID() uint16 { return be.Uint16(p[ipv4ID : ipv4ID+2]) }

// DontFragment reports the DF flag.
func (p IPv4) DontFragment() bool { return p[ipv4Fragment]&(ipv4DF>>8) != 0 }

// MoreFragments reports the MF flag.
func (p IPv4) MoreFragments() bool { return p[ipv4Fragment]&(ipv4MF>>8) != 0 }

// FragmentOffset returns where the payload belongs in the whole, in bytes.
func (p IPv4) FragmentOffset() int { return int(p.fragment()&ipv4Offset) * 8 }

// fragment returns MF and the offset: not zero in a fragment.
func (p IPv4) fragment() uint16 {
	return be.Uint16(p[ipv4Fragment:ipv4Fragment+2]) & (ipv4MF | ipv4Offset)
}

// TTL returns the hops that are left.
func (p IPv4) TTL() uint8 { return p[ipv4TTL] }

// Proto returns the transport protocol.
func (p IPv4) Proto() uint8 { return p[ipv4Proto] }

// Checksum returns the stored header checksum.
func (p IPv4) Checksum() uint16 { return be.Uint16(p[ipv4Checksum : ipv4Checksum+2]) }

// ChecksumOK reports whether the stored header checksum is right.
func (p IPv4) ChecksumOK() bool { return Checksum(p[:p.HeaderLen()], 0) == 0xffff }

// Src returns the source address.
func (p IPv4) Src() netip.Addr { return netip.AddrFrom4([4]byte(p[ipv4Src:])) }

// Dst returns the destination address.
func (p IPv4) Dst() netip.Addr { return netip.AddrFrom4([4]byte(p[ipv4Dst:])) }

// Src4 returns the source address as a number, for comparing.
func (p IPv4) Src4() uint32 { return be.Uint32(p[ipv4Src : ipv4Src+4]) }

// Dst4 returns the destination address as a number, for comparing.
func (p IPv4) Dst4() uint32 { return be.Uint32(p[ipv4Dst : ipv4Dst+4]) }

// Options returns the header's options, which may be empty.
func (p IPv4) Options() []byte { return p[IPv4Len:p.HeaderLen()] }

// Payload returns what the packet carries, without Ethernet padding.
func (p IPv4) Payload() []byte { return p[p.HeaderLen():p.TotalLen()] }

// PseudoSum returns the sum of the pseudo header for n bytes of transport.
func (p IPv4) PseudoSum(n int) uint32 {
	return PseudoSum4(p.Src4(), p.Dst4(), p.Proto(), n)
}
