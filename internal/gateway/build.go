package gateway

import (
	"net/netip"
	"slices"

	"vswitch/internal/frame"
)

// maxDatagram is the longest UDP payload in IPv4, in bytes; one limit serves both
// versions.
const maxDatagram = 65535 - frame.IPv4Len - frame.UDPLen

// BuildUDP4 appends a whole Ethernet frame with an IPv4 datagram to buf and returns
// it, for services whose answers are made elsewhere. Both addresses are IPv4. It
// returns nil if the payload is longer than a datagram can be. The packet is not
// to be fragmented. The payload is copied and must not lie in buf's spare room.
func BuildUDP4(buf []byte, src, dst netip.AddrPort, srcMAC, dstMAC frame.MAC, payload []byte) []byte {
	return buildUDP(buf, src, dst, frame.EthernetFields{Dst: dstMAC, Src: srcMAC, EtherType: frame.TypeIPv4}, payload)
}

// BuildUDP6 is BuildUDP4 for IPv6. Zones of the addresses are left out.
func BuildUDP6(buf []byte, src, dst netip.AddrPort, srcMAC, dstMAC frame.MAC, payload []byte) []byte {
	return buildUDP(buf, src, dst, frame.EthernetFields{Dst: dstMAC, Src: srcMAC, EtherType: frame.TypeIPv6}, payload)
}

func buildUDP(buf []byte, src, dst netip.AddrPort, eth frame.EthernetFields, payload []byte) []byte {
	if len(payload) > maxDatagram {
		return nil
	}
	header := frame.IPv4Len
	if eth.EtherType == frame.TypeIPv6 {
		header = frame.IPv6Len
	}
	a := answer{src: src.Addr().WithZone(""), dst: dst.Addr().WithZone(""),
		proto: frame.ProtoUDP, hops: defaultHops, n: frame.UDPLen + len(payload)}
	at, n := len(buf), frame.EthernetLen+header+a.n
	buf = slices.Grow(buf, n)[:at+n]
	b := eth.Encode(buf[at:])
	if header == frame.IPv4Len {
		b = ipv4(b, a)
	} else {
		b = ipv6(b, a)
	}
	copy(b[frame.UDPLen:], payload)
	frame.UDPFields{SrcPort: src.Port(), DstPort: dst.Port()}.Encode(b, pseudo(a.src, a.dst, a.proto, a.n))
	return buf
}
