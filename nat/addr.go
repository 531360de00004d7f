package nat

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"vswitch/internal/frame"
)

var be = binary.BigEndian

// addr is an IP address as two words, as it is compared and hashed; IPv4 in the form
// ::ffff:a.b.c.d. The zero value is no address.
type addr struct{ hi, lo uint64 }

const mapped = 0xffff << 32

func addr4(v uint32) addr { return addr{lo: mapped | uint64(v)} }

func addr16(b []byte) addr { return addr{be.Uint64(b[:8]), be.Uint64(b[8:16])} }

// addrOf turns an address around; an invalid one becomes the zero value.
func addrOf(a netip.Addr) addr {
	if !a.IsValid() {
		return addr{}
	}
	b := a.As16()
	return addr16(b[:])
}

// num4 returns an IPv4 address as the views of frame have it.
func (a addr) num4() uint32 { return uint32(a.lo) }

func (a addr) bytes16() (b [16]byte) {
	be.PutUint64(b[:8], a.hi)
	be.PutUint64(b[8:], a.lo)
	return b
}

// end is an address with a port, or with the identifier of an ICMP query.
type end struct {
	a    addr
	port uint16
}

func endOf(e netip.AddrPort) end { return end{addrOf(e.Addr()), e.Port()} }

// netip returns e for people, as an address of k's family.
func (e end) netip(k kind) netip.AddrPort {
	switch {
	case e.a == addr{}:
		return netip.AddrPortFrom(netip.Addr{}, e.port)
	case k.v6():
		return netip.AddrPortFrom(netip.AddrFrom16(e.a.bytes16()), e.port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(e.a.bytes16()).Unmap(), e.port)
}

// kind is a protocol with its family: an IPv6 packet whose addresses happen to be
// IPv4-mapped is of no flow of IPv4.
type kind uint16

const (
	kindV6   kind = 1 << 8
	kindMask      = 1<<9 - 1

	protoSCTP    = 132
	protoIGMP    = 2
	protoDCCP    = 33
	protoAH      = 51
	protoUDPLite = 136
)

func (k kind) proto() uint8 { return uint8(k) }
func (k kind) v6() bool     { return k&kindV6 != 0 }

// icmp reports whether k is ICMP in IPv4 or ICMPv6 in IPv6.
func (k kind) icmp() bool { return k == frame.ProtoICMP || k == kindV6|frame.ProtoICMPv6 }

// mapsPorts reports whether a port, or an identifier, of k can be changed.
func (k kind) mapsPorts() bool {
	return k.proto() == frame.ProtoTCP || k.proto() == frame.ProtoUDP || k.icmp()
}

// Salts keep apart the hashes of the different tables, and of the two ways.
const (
	saltFlow   = 0x9e3779b97f4a7c15 // plus the direction
	saltInside = 0xd1b54a32d192ed03
	saltOuter  = 0x8bb84b93962eacc9
	saltPeer   = 0x2545f4914f6cdd1d
)

// hash spreads two endpoints of a kind over 32 bits. It is what flow.Hash is, on the
// words that the packet was read into.
func (t *Table) hash(salt uint64, k kind, a, b end) uint32 {
	h := fold(a.a.hi^t.c.Seed, a.a.lo^salt)
	h ^= fold(b.a.hi^h, b.a.lo^saltPeer)
	h = fold(h^(uint64(a.port)<<32|uint64(b.port)<<16|uint64(k)), t.c.Seed^salt<<1)
	return uint32(h ^ h>>32)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// splitmix spreads a counter over 64 bits (the finaliser of Steele, Lea, Flood: "Fast
// splittable pseudorandom number generators", 2014).
func splitmix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
