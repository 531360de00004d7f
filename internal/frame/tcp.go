package frame

import "math/bits"

// TCPLen is the length of a TCP header without options, in bytes.
const TCPLen = 20

// TCP is a segment from its header on (RFC 9293). Setters with a Coverage keep
// the checksum right by RFC 1624; those without leave it alone, for stages that
// compute it as a whole.
type TCP []byte

// Offsets in the TCP header.
const (
	tcpSrc      = 0
	tcpDst      = 2
	tcpSeq      = 4
	tcpAck      = 8
	tcpOffset   = 12
	tcpFlags    = 13
	tcpWindow   = 14
	tcpChecksum = 16
)

// TCP flags, the low eight.
const (
	TCPFin = 1 << iota
	TCPSyn
	TCPRst
	TCPPsh
	TCPAck
	TCPUrg
	TCPEce
	TCPCwr
)

// Valid reports whether the header is there with its options; the other methods
// need it.
func (t TCP) Valid() bool {
	if len(t) < TCPLen {
		return false
	}
	n := t.HeaderLen()
	return n >= TCPLen && n <= len(t)
}

// SrcPort returns the source port.
func (t TCP) SrcPort() uint16 { return be.Uint16(t[tcpSrc : tcpSrc+2]) }

// DstPort returns the destination port.
func (t TCP) DstPort() uint16 { return be.Uint16(t[tcpDst : tcpDst+2]) }

// Seq returns the sequence number.
func (t TCP) Seq() uint32 { return be.Uint32(t[tcpSeq : tcpSeq+4]) }

// Ack returns the acknowledgement number.
func (t TCP) Ack() uint32 { return be.Uint32(t[tcpAck : tcpAck+4]) }

// HeaderLen returns the length of the header with its options, in bytes.
func (t TCP) HeaderLen() int { return int(t[tcpOffset]>>4) * 4 }

// Flags returns the low eight flags.
func (t TCP) Flags() uint8 { return t[tcpFlags] }

// Window returns the window field, not scaled.
func (t TCP) Window() uint16 { return be.Uint16(t[tcpWindow : tcpWindow+2]) }

// Checksum returns the checksum field.
func (t TCP) Checksum() uint16 { return be.Uint16(t[tcpChecksum : tcpChecksum+2]) }

// Payload returns what follows the header.
func (t TCP) Payload() []byte { return t[t.HeaderLen():] }

// SetSrcPort writes the source port.
func (t TCP) SetSrcPort(p uint16, c Coverage) { t.setWord(tcpSrc, p, c) }

// SetDstPort writes the destination port.
func (t TCP) SetDstPort(p uint16, c Coverage) { t.setWord(tcpDst, p, c) }

// ReplaceAddr4 keeps the checksum right after an address of the packet went from
// old to new.
func (t TCP) ReplaceAddr4(old, new uint32, c Coverage) {
	t.SetChecksum(c.replace4(t.Checksum(), old, new))
}

// ReplaceAddr16 is ReplaceAddr4 for IPv6.
func (t TCP) ReplaceAddr16(old, new [16]byte, c Coverage) {
	t.SetChecksum(c.replace16(t.Checksum(), old, new))
}

// SetSeq writes the sequence number; not the checksum.
func (t TCP) SetSeq(v uint32) { be.PutUint32(t[tcpSeq:], v) }

// SetAck writes the acknowledgement number; not the checksum.
func (t TCP) SetAck(v uint32) { be.PutUint32(t[tcpAck:], v) }

// SetFlags writes the low eight flags; not the checksum.
func (t TCP) SetFlags(v uint8) { t[tcpFlags] = v }

// SetWindow writes the window field; not the checksum.
func (t TCP) SetWindow(v uint16) { be.PutUint16(t[tcpWindow:], v) }

// SetChecksum writes the checksum field as it is given.
func (t TCP) SetChecksum(v uint16) { be.PutUint16(t[tcpChecksum:], v) }

// setWord writes a word at any offset; at an odd one its bytes lie swapped in the
// words of the sum.
func (t TCP) setWord(off int, v uint16, c Coverage) {
	field := t[off : off+2]
	old, new := be.Uint16(field), v
	if off&1 != 0 {
		old, new = bits.ReverseBytes16(old), bits.ReverseBytes16(new)
	}
	t.SetChecksum(c.replaceWord(t.Checksum(), old, new))
	be.PutUint16(field, v)
}
