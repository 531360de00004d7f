package gateway

import (
	"net"
	"net/netip"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// Builders of frames from the station that asks to the gateway. gopacket writes
// them, so that what the gateway reads is not this program's own.

func serialize(stack ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, stack...); err != nil {
		panic(err)
	}
	return slices.Clone(buf.Bytes())
}

func ether(dst frame.MAC, typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{DstMAC: dst.HardwareAddr(), SrcMAC: askMAC.HardwareAddr(), EthernetType: typ}
}

// packetTo makes a frame to a MAC with an IP header and what it carries.
func packetTo(mac frame.MAC, src, dst netip.Addr, hops uint8, proto layers.IPProtocol, stack ...gopacket.SerializableLayer) []byte {
	var all []gopacket.SerializableLayer
	if src.Is4() {
		all = append(all, ether(mac, layers.EthernetTypeIPv4), &layers.IPv4{
			Version: 4, TTL: hops, Protocol: proto, Id: 77, SrcIP: net.IP(src.AsSlice()), DstIP: net.IP(dst.AsSlice()),
		})
	} else {
		all = append(all, ether(mac, layers.EthernetTypeIPv6), &layers.IPv6{
			Version: 6, HopLimit: hops, NextHeader: proto, SrcIP: net.IP(src.AsSlice()), DstIP: net.IP(dst.AsSlice()),
		})
	}
	for _, l := range stack {
		if c, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			_ = c.SetNetworkLayerForChecksum(all[1].(gopacket.NetworkLayer)) // an IP layer fits
		}
	}
	return serialize(append(all, stack...)...)
}

func ping(src, dst netip.Addr, payload []byte) []byte { return pingHops(src, dst, 64, payload) }

func pingHops(src, dst netip.Addr, hops uint8, payload []byte) []byte {
	if src.Is4() {
		return packetTo(gwMAC, src, dst, hops, layers.IPProtocolICMPv4,
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 21, Seq: 3}, gopacket.Payload(payload))
	}
	return packetTo(gwMAC, src, dst, hops, layers.IPProtocolICMPv6,
		&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)},
		&layers.ICMPv6Echo{Identifier: 21, SeqNumber: 3}, gopacket.Payload(payload))
}

func udp(src, dst netip.Addr, port uint16, payload []byte) []byte {
	return udpTo(gwMAC, src, dst, port, payload)
}

func udpTo(mac frame.MAC, src, dst netip.Addr, port uint16, payload []byte) []byte {
	return packetTo(mac, src, dst, 64, layers.IPProtocolUDP,
		&layers.UDP{SrcPort: 4242, DstPort: layers.UDPPort(port)}, gopacket.Payload(payload))
}

func tcp(src, dst netip.Addr, port uint16, edit func(*layers.TCP), payload []byte) []byte {
	seg := &layers.TCP{SrcPort: 4242, DstPort: layers.TCPPort(port), Seq: 1000, Window: 512}
	edit(seg)
	return packetTo(gwMAC, src, dst, 64, layers.IPProtocolTCP, seg, gopacket.Payload(payload))
}

// poked returns a copy of b with other bytes from offset at on.
func poked(b []byte, at int, v ...byte) []byte {
	b = slices.Clone(b)
	copy(b[at:], v)
	return b
}
