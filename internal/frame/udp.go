package frame

// UDPLen is the length of a UDP header, in bytes.
const UDPLen = 8

// UDP is a datagram from its header on (RFC 768). Setters with a Coverage keep
// the checksum right by RFC 1624; a checksum of zero means that there is none
// and stays, and one that would become zero is stored as 0xffff.
type UDP []byte

// Offsets in the UDP header.
const (
	udpSrc      = 0
	udpDst      = 2
	udpLength   = 4
	udpChecksum = 6
)

// Valid reports whether the header and as much as its length says is there; the
// other methods need it. A super-frame's length speaks of the whole.
func (u UDP) Valid() bool { return u.validFirst() && u.Length() <= len(u) }

// validFirst is Valid for a first fragment, which has only some of the payload.
func (u UDP) validFirst() bool { return len(u) >= UDPLen && u.Length() >= UDPLen }

// SrcPort returns the source port.
func (u UDP) SrcPort() uint16 { return be.Uint16(u[udpSrc : udpSrc+2]) }

// DstPort returns the destination port.
func (u UDP) DstPort() uint16 { return be.Uint16(u[udpDst : udpDst+2]) }

// Length returns the length of header and payload, in bytes.
func (u UDP) Length() int { return int(be.Uint16(u[udpLength : udpLength+2])) }

// Checksum returns the checksum field.
func (u UDP) Checksum() uint16 { return be.Uint16(u[udpChecksum : udpChecksum+2]) }

// Payload returns what the datagram carries by its own length; not to be asked of
// a first fragment, which has less.
func (u UDP) Payload() []byte { return u[UDPLen:u.Length()] }

// SetSrcPort writes the source port.
func (u UDP) SetSrcPort(p uint16, c Coverage) { u.setWord(udpSrc, p, c) }

// SetDstPort writes the destination port.
func (u UDP) SetDstPort(p uint16, c Coverage) { u.setWord(udpDst, p, c) }

// ReplaceAddr4 keeps the checksum right after an address of the packet went from
// old to new.
func (u UDP) ReplaceAddr4(old, new uint32, c Coverage) {
	if u.summed(c) {
		u.SetChecksum(nonZero(c.replace4(u.Checksum(), old, new)))
	}
}

// ReplaceAddr16 is ReplaceAddr4 for IPv6.
func (u UDP) ReplaceAddr16(old, new [16]byte, c Coverage) {
	if u.summed(c) {
		u.SetChecksum(nonZero(c.replace16(u.Checksum(), old, new)))
	}
}

// SetLength writes the length of header and payload, in bytes; not the checksum.
func (u UDP) SetLength(n int) { be.PutUint16(u[udpLength:], uint16(n)) }

// SetChecksum writes the checksum field as it is given.
func (u UDP) SetChecksum(v uint16) { be.PutUint16(u[udpChecksum:], v) }

func (u UDP) setWord(off int, v uint16, c Coverage) {
	field := u[off : off+2]
	if u.summed(c) {
		u.SetChecksum(nonZero(c.replaceWord(u.Checksum(), be.Uint16(field), v)))
	}
	be.PutUint16(field, v)
}

// summed reports whether the checksum field holds a sum at all.
func (u UDP) summed(c Coverage) bool { return c == Partial || u.Checksum() != 0 }

// nonZero keeps a sum that came out as zero from meaning "no checksum": 0xffff
// is the other zero of one's complement.
func nonZero(v uint16) uint16 {
	if v == 0 {
		return 0xffff
	}
	return v
}

// UDPFields is a UDP header.
type UDPFields struct {
	SrcPort, DstPort uint16
}

// Encode writes header and checksum into the beginning of b, which is the whole
// datagram with the payload in place behind UDPLen bytes. pseudo is the sum of
// the pseudo header for len(b) bytes.
func (f UDPFields) Encode(b []byte, pseudo uint32) UDP {
	u := UDP(b)
	be.PutUint16(u[udpSrc:], f.SrcPort)
	be.PutUint16(u[udpDst:], f.DstPort)
	u.SetLength(len(b))
	u.SetChecksum(0)
	u.SetChecksum(nonZero(^Checksum(b, pseudo)))
	return u
}
