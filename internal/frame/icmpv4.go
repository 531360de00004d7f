package frame

// ICMPLen is the length of the part of the ICMP and ICMPv6 header that all messages
// have, in bytes: type, code, checksum and four bytes by type.
const ICMPLen = 8

// ICMPv4 is an ICMP message (RFC 792). All setters but SetChecksum keep the
// checksum right; it covers no pseudo header and is never partial.
type ICMPv4 []byte

// Offsets in the ICMP header.
const (
	icmpType     = 0
	icmpCode     = 1
	icmpChecksum = 2
	icmpRest     = 4
	icmpSeq      = 6
)

// ICMP types and codes that the switch writes or tells apart.
const (
	ICMPEchoReply    = 0
	ICMPUnreachable  = 3
	ICMPRedirect     = 5
	ICMPEchoRequest  = 8
	ICMPTimeExceeded = 11
	ICMPParameter    = 12

	ICMPCodeFragmentationNeeded = 4
)

// Valid reports whether the header is there; the other methods need it.
func (m ICMPv4) Valid() bool { return len(m) >= ICMPLen }

// Type returns the message's type.
func (m ICMPv4) Type() uint8 { return m[icmpType] }

// Code returns the message's code.
func (m ICMPv4) Code() uint8 { return m[icmpCode] }

// Checksum returns the checksum field.
func (m ICMPv4) Checksum() uint16 { return be.Uint16(m[icmpChecksum : icmpChecksum+2]) }

// Rest returns the four bytes whose meaning depends on the type.
func (m ICMPv4) Rest() uint32 { return be.Uint32(m[icmpRest : icmpRest+4]) }

// ID returns the identifier of an echo message.
func (m ICMPv4) ID() uint16 { return be.Uint16(m[icmpRest : icmpRest+2]) }

// Seq returns the sequence number of an echo message.
func (m ICMPv4) Seq() uint16 { return be.Uint16(m[icmpSeq : icmpSeq+2]) }

// MTU returns the next hop's MTU in a "fragmentation needed" (RFC 1191).
func (m ICMPv4) MTU() uint16 { return m.Seq() }

// Echo reports whether the message is an echo request or reply.
func (m ICMPv4) Echo() bool { return m.Type() == ICMPEchoRequest || m.Type() == ICMPEchoReply }

// Error reports whether the message carries the packet that it is about.
func (m ICMPv4) Error() bool {
	switch m.Type() {
	case ICMPUnreachable, ICMPRedirect, ICMPTimeExceeded, ICMPParameter:
		return true
	}
	return false
}

// Payload returns what follows the header: an echo's data, an error's packet.
func (m ICMPv4) Payload() []byte { return m[ICMPLen:] }

// SetType writes the type, as in turning a request into a reply.
func (m ICMPv4) SetType(t uint8) { setICMPWord(m, icmpType, uint16(t)<<8|uint16(m.Code())) }

// SetID writes the identifier of an echo message.
func (m ICMPv4) SetID(id uint16) { setICMPWord(m, icmpRest, id) }

// SetChecksum writes the checksum field as it is given.
func (m ICMPv4) SetChecksum(v uint16) { be.PutUint16(m[icmpChecksum:], v) }

// FillChecksum computes the checksum of the whole message anew.
func (m ICMPv4) FillChecksum() {
	m.SetChecksum(0)
	m.SetChecksum(^Checksum(m, 0))
}

// setICMPWord writes a word of an ICMP or ICMPv6 message and updates its
// checksum, which lies at the same place in both.
func setICMPWord(m []byte, off int, v uint16) {
	field, check := m[off:off+2], m[icmpChecksum:icmpChecksum+2]
	be.PutUint16(check, Update16(be.Uint16(check), be.Uint16(field), v))
	be.PutUint16(field, v)
}

// ICMPFields is the header of an ICMP or ICMPv6 message.
type ICMPFields struct {
	Type, Code uint8
	// Rest is what the type makes of it: identifier and sequence number, an MTU.
	Rest uint32
}

// EncodeV4 writes header and checksum into the beginning of b, which is the
// whole message with the payload in place behind ICMPLen bytes.
func (f ICMPFields) EncodeV4(b []byte) ICMPv4 {
	f.put(b, 0)
	return ICMPv4(b)
}

// EncodeV6 is EncodeV4 for ICMPv6; pseudo is the sum of the pseudo header for
// len(b) bytes.
func (f ICMPFields) EncodeV6(b []byte, pseudo uint32) ICMPv6 {
	f.put(b, pseudo)
	return ICMPv6(b)
}

func (f ICMPFields) put(b []byte, pseudo uint32) {
	b[icmpType], b[icmpCode] = f.Type, f.Code
	be.PutUint16(b[icmpChecksum:], 0)
	be.PutUint32(b[icmpRest:], f.Rest)
	be.PutUint16(b[icmpChecksum:], ^Checksum(b, pseudo))
}
