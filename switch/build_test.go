package vswitch

import (
	"net/netip"

	"vswitch/internal/frame"
)

// Addresses that the tests use: stations A to D, of which A is the guarded one.
const (
	macA frame.MAC = 0x02_00_00_00_00_0a
	macB frame.MAC = 0x02_00_00_00_00_0b
	macC frame.MAC = 0x02_00_00_00_00_0c
	macD frame.MAC = 0x02_00_00_00_00_0d

	groupIP6 frame.MAC = 0x33_33_00_00_00_01
)

var (
	ip4A, ip4B = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	ip6A, ip6B = netip.MustParseAddr("fd00::a"), netip.MustParseAddr("fd00::b")
	any4, any6 = netip.IPv4Unspecified(), netip.IPv6Unspecified()
	allNodes   = netip.MustParseAddr("ff02::1")
)

// ether is a frame around payload.
func ether(dst, src frame.MAC, typ uint16, payload []byte, tags ...uint16) []byte {
	f := frame.EthernetFields{Dst: dst, Src: src, EtherType: typ}
	for _, tci := range tags {
		f.Tags = append(f.Tags, frame.VLANFields{TCI: tci})
	}
	b := make([]byte, f.Len()+len(payload))
	copy(f.Encode(b), payload)
	return b
}

// plain is a frame that carries nothing that a switch knows.
func plain(dst, src frame.MAC, tags ...uint16) []byte {
	return ether(dst, src, 0x88b5, make([]byte, 46), tags...)
}

func arp(src frame.MAC, op uint16, sha frame.MAC, spa netip.Addr) []byte {
	b := make([]byte, frame.ARPLen)
	frame.ARPFields{Op: op, SHA: sha, SPA: spa, TPA: ip4B}.Encode(b)
	return ether(frame.Broadcast, src, frame.TypeARP, b)
}

func ip4(src netip.Addr, proto uint8, payload []byte) []byte {
	b := make([]byte, frame.IPv4Len+len(payload))
	copy(b[frame.IPv4Len:], payload)
	return frame.IPv4Fields{Proto: proto, Src: src, Dst: ip4B}.Encode(b)
}

// ip6 is an IPv6 packet; before are extension headers, the first of type next.
func ip6(src netip.Addr, next uint8, before, payload []byte) []byte {
	b := make([]byte, frame.IPv6Len, frame.IPv6Len+len(before)+len(payload))
	b = append(append(b, before...), payload...)
	return frame.IPv6Fields{NextHeader: next, Src: src, Dst: allNodes}.Encode(b)
}

func udp(src, dst uint16) []byte {
	b := make([]byte, frame.UDPLen+8)
	return frame.UDPFields{SrcPort: src, DstPort: dst}.Encode(b, 0)
}

// icmp6 is a message of a type with its fixed part of n bytes, its target, if
// that has room, and options.
func icmp6(typ uint8, n int, target netip.Addr, options ...[]byte) []byte {
	b := make([]byte, n)
	b[0] = typ
	if n >= 24 {
		a := target.As16()
		copy(b[8:], a[:])
	}
	for _, o := range options {
		b = append(b, o...)
	}
	return b
}

// linkAddr is a link-layer option of neighbour discovery.
func linkAddr(kind uint8, m frame.MAC) []byte {
	return append([]byte{kind, 1}, m.HardwareAddr()...)
}

// Extension headers, 8 bytes each. hopByHop has the router alert of MLD;
// fragment6 is at offset units of 8 bytes.
func hopByHop(next uint8) []byte { return []byte{next, 0, 5, 2, 0, 0, 1, 0} }
func dstOpts(next uint8) []byte  { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }

func fragment6(next uint8, offset uint16, more bool) []byte {
	word := offset << 3
	if more {
		word |= 1
	}
	return []byte{next, 0, byte(word >> 8), byte(word), 0, 0, 0, 1}
}
