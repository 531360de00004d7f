package frame

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Addresses that the tests of this package use.
var (
	macA, macB = MAC(0x02_00_00_00_00_0a), MAC(0x02_00_00_00_00_0b)
	ip4A, ip4B = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	ip6A, ip6B = netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00:0:0:ffff::2")
)

// cat joins byte strings.
func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// ether is a frame around payload.
func ether(typ uint16, payload []byte, tags ...VLANFields) []byte {
	f := EthernetFields{Dst: macB, Src: macA, Tags: tags, EtherType: typ}
	b := make([]byte, f.Len()+len(payload))
	copy(f.Encode(b), payload)
	return b
}

// ip4 is an IPv4 packet around payload; edit may be nil.
func ip4(proto uint8, payload []byte, edit func(f *IPv4Fields)) []byte {
	f := IPv4Fields{Proto: proto, Src: ip4A, Dst: ip4B, ID: 0x1234}
	if edit != nil {
		edit(&f)
	}
	b := make([]byte, IPv4Len+len(payload))
	copy(b[IPv4Len:], payload)
	return f.Encode(b)
}

// ip6 is an IPv6 packet around payload.
func ip6(next uint8, payload []byte) []byte {
	b := make([]byte, IPv6Len+len(payload))
	copy(b[IPv6Len:], payload)
	return IPv6Fields{NextHeader: next, Src: ip6A, Dst: ip6B}.Encode(b)
}

// seg is a TCP segment with n bytes of payload and no options.
func seg(n int) []byte {
	b := make([]byte, TCPLen+n)
	f := TCPFields{SrcPort: 1000, DstPort: 80, Seq: 7, Ack: 8, Flags: TCPAck, Window: 512}
	return f.Encode(b, PseudoSum4(Addr4(ip4A), Addr4(ip4B), ProtoTCP, len(b)))
}

// dgram is a UDP datagram with n bytes of payload.
func dgram(n int) []byte {
	b := make([]byte, UDPLen+n)
	return UDPFields{SrcPort: 1000, DstPort: 53}.Encode(b,
		PseudoSum4(Addr4(ip4A), Addr4(ip4B), ProtoUDP, len(b)))
}

// serialize has gopacket write layers, lengths and checksums filled in.
func serialize(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, ls...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Layers for serialize.
func gpEther(typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{DstMAC: macB.HardwareAddr(), SrcMAC: macA.HardwareAddr(), EthernetType: typ}
}

func gpIPv4(proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 61, TOS: 0x2e, Id: 99, Protocol: proto,
		SrcIP: ip4A.AsSlice(), DstIP: ip4B.AsSlice()}
}

func gpIPv6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, TrafficClass: 0xb8, FlowLabel: 0x12345, HopLimit: 61,
		NextHeader: next, SrcIP: ip6A.AsSlice(), DstIP: ip6B.AsSlice()}
}
