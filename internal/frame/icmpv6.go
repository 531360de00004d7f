package frame

// ICMPv6 is an ICMPv6 message (RFC 4443). All setters but SetChecksum keep the
// checksum right, which covers the pseudo header and is never partial.
type ICMPv6 []byte

// ICMPv6 types that the switch writes or tells apart.
const (
	ICMPv6Unreachable  = 1
	ICMPv6TooBig       = 2
	ICMPv6TimeExceeded = 3
	ICMPv6Parameter    = 4
	ICMPv6EchoRequest  = 128
	ICMPv6EchoReply    = 129
	ICMPv6MLDQuery     = 130
	ICMPv6MLDReport    = 131
	ICMPv6MLDDone      = 132
	ICMPv6RouterSol    = 133
	ICMPv6RouterAdv    = 134
	ICMPv6NeighborSol  = 135
	ICMPv6NeighborAdv  = 136
	ICMPv6Redirect     = 137
	ICMPv6MLDv2Report  = 143
)

// Valid reports whether the header is there; the other methods need it. RFC 4443
// gives every message four bytes at least, but all that are defined have eight
// and Linux takes no shorter ones.
func (m ICMPv6) Valid() bool { return len(m) >= ICMPLen }

// Type returns the message's type.
func (m ICMPv6) Type() uint8 { return m[icmpType] }

// Code returns the message's code.
func (m ICMPv6) Code() uint8 { return m[icmpCode] }

// Checksum returns the checksum field.
func (m ICMPv6) Checksum() uint16 { return be.Uint16(m[icmpChecksum : icmpChecksum+2]) }

// Rest returns the four bytes whose meaning depends on the type; in a "packet
// too big" they are the MTU.
func (m ICMPv6) Rest() uint32 { return be.Uint32(m[icmpRest : icmpRest+4]) }

// ID returns the identifier of an echo message.
func (m ICMPv6) ID() uint16 { return be.Uint16(m[icmpRest : icmpRest+2]) }

// Seq returns the sequence number of an echo message.
func (m ICMPv6) Seq() uint16 { return be.Uint16(m[icmpSeq : icmpSeq+2]) }

// Echo reports whether the message is an echo request or reply.
func (m ICMPv6) Echo() bool { return m.Type() == ICMPv6EchoRequest || m.Type() == ICMPv6EchoReply }

// Error reports whether the message carries the packet that it is about.
func (m ICMPv6) Error() bool { return m.Type() < ICMPv6EchoRequest }

// Payload returns what follows the header: an echo's data, an error's packet.
func (m ICMPv6) Payload() []byte { return m[ICMPLen:] }

// SetType writes the type, as in turning a request into a reply.
func (m ICMPv6) SetType(t uint8) { setICMPWord(m, icmpType, uint16(t)<<8|uint16(m.Code())) }

// SetID writes the identifier of an echo message.
func (m ICMPv6) SetID(id uint16) { setICMPWord(m, icmpRest, id) }

// ReplaceAddr16 keeps the checksum right after an address of the packet went
// from old to new.
func (m ICMPv6) ReplaceAddr16(old, new [16]byte) {
	m.SetChecksum(Update128(m.Checksum(), old, new))
}

// SetChecksum writes the checksum field as it is given.
func (m ICMPv6) SetChecksum(v uint16) { be.PutUint16(m[icmpChecksum:], v) }

// FillChecksum computes the checksum of the whole message anew, on top of the
// sum of its pseudo header.
func (m ICMPv6) FillChecksum(pseudo uint32) {
	m.SetChecksum(0)
	m.SetChecksum(^Checksum(m, pseudo))
}
