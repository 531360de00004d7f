package frame

import (
	"encoding/binary"
	"math/bits"
)

// The Internet checksum
//
// A sum here is the one's complement sum of 16-bit big-endian words, folded to 16
// bits and not inverted (RFC 1071); a checksum field on the wire holds the
// inverse, ^sum. A right packet sums to 0xffff with its checksum in it. The
// byte order of the adding does not matter as long as the result is turned at the
// end, so the loop loads words as the machine likes them.

// Checksum returns the sum of b on top of initial, which is the sum of what lies
// before b (a pseudo header, say) and has an even number of bytes. If b has an
// odd number of bytes, a zero byte is thought behind it. Invert the result to
// store it.
func Checksum(b []byte, initial uint32) uint16 {
	s := fold64(sum64(b))
	return Combine(bits.ReverseBytes16(s), Fold(initial))
}

// sum64 adds b up in little-endian words of 64 bits with end-around carry.
func sum64(b []byte) uint64 {
	var s, c uint64
	for len(b) >= 64 {
		w := b[:64:64]
		s, c = bits.Add64(s, le64(w[0:]), 0)
		s, c = bits.Add64(s, le64(w[8:]), c)
		s, c = bits.Add64(s, le64(w[16:]), c)
		s, c = bits.Add64(s, le64(w[24:]), c)
		s, c = bits.Add64(s, le64(w[32:]), c)
		s, c = bits.Add64(s, le64(w[40:]), c)
		s, c = bits.Add64(s, le64(w[48:]), c)
		s, c = bits.Add64(s, le64(w[56:]), c)
		s += c // cannot carry again: a chain that carries out never leaves all ones
		b = b[64:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, le64(b), 0)
		s += c
		b = b[8:]
	}
	s, c = bits.Add64(s, tail64(b), 0)
	return s + c
}

// tail64 returns the last bytes of a buffer, fewer than 8, as one word.
func tail64(b []byte) uint64 {
	var w uint64
	shift := 0
	if len(b) >= 4 {
		w, shift = uint64(binary.LittleEndian.Uint32(b)), 32
		b = b[4:]
	}
	if len(b) >= 2 {
		w |= uint64(binary.LittleEndian.Uint16(b)) << shift
		shift += 16
		b = b[2:]
	}
	if len(b) == 1 {
		w |= uint64(b[0]) << shift
	}
	return w
}

func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// fold64 reduces a sum of 64 bits to 16.
func fold64(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	return Fold(uint32(s))
}

// Fold reduces a sum of 32 bits to 16.
func Fold(s uint32) uint16 {
	s = s>>16 + s&0xffff
	return uint16(s>>16 + s)
}

// Combine returns the sum of two pieces of which the first has an even number of
// bytes.
func Combine(a, b uint16) uint16 { return Fold(uint32(a) + uint32(b)) }

// CombineAt returns the sum of two pieces of which the second, with sum b,
// begins at bytes into the whole: at an odd offset its bytes change places.
func CombineAt(a, b uint16, at int) uint16 {
	if at&1 != 0 {
		b = bits.ReverseBytes16(b)
	}
	return Combine(a, b)
}

// PseudoSum4 returns the sum of the IPv4 pseudo header for n bytes of transport
// header and payload (RFC 9293, section 3.1), not folded, as initial value for
// Checksum. Folded, it is what a partial checksum field holds.
func PseudoSum4(src, dst uint32, proto uint8, n int) uint32 {
	return sum32(src) + sum32(dst) + pseudoTail(proto, n)
}

// PseudoSum6 is PseudoSum4 for IPv6 (RFC 8200, section 8.1).
func PseudoSum6(src, dst [16]byte, proto uint8, n int) uint32 {
	return sum128(&src) + sum128(&dst) + pseudoTail(proto, n)
}

func pseudoTail(proto uint8, n int) uint32 { return uint32(proto) + sum32(uint32(n)) }

func sum32(v uint32) uint32 { return v>>16 + v&0xffff }

func sum128(v *[16]byte) uint32 {
	return sum32(be.Uint32(v[0:])) + sum32(be.Uint32(v[4:])) +
		sum32(be.Uint32(v[8:])) + sum32(be.Uint32(v[12:]))
}
