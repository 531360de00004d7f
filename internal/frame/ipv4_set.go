package frame

import "net/netip"

// SetSrc writes the source address, which is IPv4.
func (p IPv4) SetSrc(a netip.Addr) { p.SetSrc4(Addr4(a)) }

// SetDst writes the destination address, which is IPv4.
func (p IPv4) SetDst(a netip.Addr) { p.SetDst4(Addr4(a)) }

// SetSrc4 writes the source address.
func (p IPv4) SetSrc4(a uint32) { p.set32(ipv4Src, a) }

// SetDst4 writes the destination address.
func (p IPv4) SetDst4(a uint32) { p.set32(ipv4Dst, a) }

// SetTOS writes DSCP and ECN.
func (p IPv4) SetTOS(v uint8) { p.set16(0, uint16(p[0])<<8|uint16(v)) }

// SetTotalLen writes the length of header and payload, in bytes.
func (p IPv4) SetTotalLen(n int) { p.set16(ipv4Total, uint16(n)) }

// SetID writes the identification.
func (p IPv4) SetID(id uint16) { p.set16(ipv4ID, id) }

// SetTTL writes the hops that are left.
func (p IPv4) SetTTL(ttl uint8) { p.set16(ipv4TTL, uint16(ttl)<<8|uint16(p.Proto())) }

// SetChecksum writes the header checksum as it is given.
func (p IPv4) SetChecksum(c uint16) { be.PutUint16(p[ipv4Checksum:], c) }

// FillChecksum computes the header checksum anew.
func (p IPv4) FillChecksum() {
	p.SetChecksum(0)
	p.SetChecksum(^Checksum(p[:p.HeaderLen()], 0))
}

func (p IPv4) set16(off int, v uint16) {
	field := p[off : off+2]
	p.SetChecksum(Update16(p.Checksum(), be.Uint16(field), v))
	be.PutUint16(field, v)
}

func (p IPv4) set32(off int, v uint32) {
	field := p[off : off+4]
	p.SetChecksum(Update32(p.Checksum(), be.Uint32(field), v))
	be.PutUint32(field, v)
}

// IPv4Fields is an IPv4 header without options. Src and Dst are IPv4.
type IPv4Fields struct {
	TOS           uint8
	ID            uint16
	DontFragment  bool
	MoreFragments bool
	// FragmentOffset is in bytes, a multiple of 8.
	FragmentOffset int
	// TTL 0 means 64.
	TTL      uint8
	Proto    uint8
	Src, Dst netip.Addr
}

// Encode writes the header into the first IPv4Len bytes of b, which is the whole
// packet, payload included: its length becomes the total length.
func (f IPv4Fields) Encode(b []byte) IPv4 {
	p := IPv4(b)
	p[0], p[ipv4TOS] = 0x45, f.TOS
	be.PutUint16(p[ipv4Total:], uint16(len(b)))
	be.PutUint16(p[ipv4ID:], f.ID)
	be.PutUint16(p[ipv4Fragment:], f.fragment())
	p[ipv4TTL], p[ipv4Proto] = orDefault(f.TTL, 64), f.Proto
	putAddr4(p[ipv4Src:], f.Src)
	putAddr4(p[ipv4Dst:], f.Dst)
	p.FillChecksum()
	return p
}

func (f IPv4Fields) fragment() uint16 {
	word := uint16(f.FragmentOffset / 8)
	if f.DontFragment {
		word |= ipv4DF
	}
	if f.MoreFragments {
		word |= ipv4MF
	}
	return word
}

func orDefault(v, def uint8) uint8 {
	if v == 0 {
		return def
	}
	return v
}
