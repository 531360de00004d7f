package offload

import (
	"encoding/binary"

	"vswitch/internal/frame"
)

var be = binary.BigEndian

// Complete finishes a checksum that the sender left to the device, in place, and
// clears NeedsCsum: what a port without offloads needs. Padding behind the packet
// is not summed. It reports whether the frame's checksum is now finished; the one
// that stays unfinished is that of a UDP super-frame, which has as many
// checksums as segments and which a TAP takes in no other way. The frame has
// passed Check; a TCP super-frame stays one.
func Complete(f *frame.Frame) bool {
	h := Vnet(f.Vnet())
	if !h.Partial() {
		return true
	}
	if h.GSOType() == GSOUDP {
		return false
	}
	start, off, end := int(h.CsumStart()), int(h.CsumOffset()), f.Len
	if f.L4 != 0 {
		end = packetEnd(f)
	}
	b := f.Bytes()[start:end]
	sum := ^frame.Checksum(b, 0)
	if f.Proto == frame.ProtoUDP && f.L4 != 0 {
		sum = nonZero(sum)
	}
	be.PutUint16(b[off:], sum)
	h.SetFlags(h.Flags() &^ NeedsCsum)
	h.SetCsumStart(0)
	h.SetCsumOffset(0)
	return true
}

// Partial is the reverse of Complete for a whole TCP or UDP packet: it puts the
// pseudo-header sum into the checksum field and sets NeedsCsum, so that the
// receiver does not verify. It reports whether it could. The caller vouches for
// the payload: call it after Verify, or on a frame made here.
func Partial(f *frame.Frame) bool {
	h := Vnet(f.Vnet())
	if h.Partial() {
		return true
	}
	if headersEnd(f) == 0 {
		return false
	}
	t, off := transport(f), csumOffset(f.Proto)
	be.PutUint16(t[off:], frame.Fold(pseudoSum(f, len(t))))
	h.markPartial(f.L4, off)
	return true
}

// Verify reports whether f is a whole TCP or UDP packet with a right and finished
// checksum. It reads the payload. A UDP datagram without checksum has none that
// could be right.
func Verify(f *frame.Frame) bool {
	if headersEnd(f) == 0 || Vnet(f.Vnet()).Partial() {
		return false
	}
	return sumsUp(f)
}

// sumsUp is Verify for a frame known to be whole TCP or UDP and not partial.
func sumsUp(f *frame.Frame) bool {
	t := transport(f)
	if f.Proto == frame.ProtoUDP && frame.UDP(t).Checksum() == 0 {
		return false
	}
	return frame.Checksum(t, pseudoSum(f, len(t))) == 0xffff
}

// nonZero stores a UDP sum of zero as 0xffff; zero means "none" (RFC 768).
func nonZero(sum uint16) uint16 {
	if sum == 0 {
		return 0xffff
	}
	return sum
}
