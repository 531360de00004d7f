package flow

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Hash returns a hash of a flow's addresses, ports and protocol. seed is a secret of
// the process: who does not know it cannot choose flows that collide. Addresses of both
// families go in; an IPv4 address and its IPv6-mapped form are the same.
func Hash(seed uint64, src, dst netip.Addr, srcPort, dstPort uint16, proto uint8) uint32 {
	return hash(seed, src.As16(), dst.As16(), uint64(srcPort)<<32|uint64(dstPort)<<16|uint64(proto))
}

func hash(seed uint64, a, b [16]byte, rest uint64) uint32 {
	h := fold(word(a[:8])^seed, word(a[8:])^0x9e3779b97f4a7c15)
	h ^= fold(word(b[:8])^h, word(b[8:])^0xd1b54a32d192ed03)
	h = fold(h^rest, seed^0x8bb84b93962eacc9)
	return uint32(h ^ h>>32)
}

func word(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
