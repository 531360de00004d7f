package testnet

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// Ether makes an untagged frame of a type that no stack knows (IEEE 802, local
// experimental EtherType 1), with payload.
func Ether(dst, src frame.MAC, payload []byte) []byte {
	return serialize(ethernet(dst, src, layers.EthernetType(0x88b5)), gopacket.Payload(payload))
}

// Tagged makes a frame as Ether does, with 802.1Q tags, the outer one first.
func Tagged(dst, src frame.MAC, payload []byte, vids ...uint16) []byte {
	stack := []gopacket.SerializableLayer{ethernet(dst, src, layers.EthernetTypeDot1Q)}
	for i, vid := range vids {
		tag := &layers.Dot1Q{VLANIdentifier: vid, Type: layers.EthernetTypeDot1Q}
		if i == len(vids)-1 {
			tag.Type = 0x88b5
		}
		stack = append(stack, tag)
	}
	return serialize(append(stack, gopacket.Payload(payload))...)
}

// ARP makes an ARP request in which hw claims the address from.
func ARP(src, hw frame.MAC, from, to netip.Addr) []byte {
	return serialize(ethernet(frame.Broadcast, src, layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
		HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
		SourceHwAddress: hw.HardwareAddr(), SourceProtAddress: from.AsSlice(),
		DstHwAddress: make([]byte, 6), DstProtAddress: to.AsSlice(),
	})
}

// UDP makes a datagram, of IPv4 or IPv6, to the discard port (RFC 863).
func UDP(dst, src frame.MAC, from, to netip.Addr, payload []byte) []byte {
	udp := &layers.UDP{SrcPort: 4242, DstPort: 9}
	ip, kind := network(from, to, layers.IPProtocolUDP)
	udp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
	return serialize(ethernet(dst, src, kind), ip, udp, gopacket.Payload(payload))
}

// Advertisement makes a neighbour advertisement (RFC 4861, section 4.4) from the
// address from, which says that target is at hw.
func Advertisement(dst, src frame.MAC, from, to, target netip.Addr, hw frame.MAC) []byte {
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeNeighborAdvertisement, 0)}
	ip, kind := network(from, to, layers.IPProtocolICMPv6)
	icmp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
	return serialize(ethernet(dst, src, kind), ip, icmp, &layers.ICMPv6NeighborAdvertisement{
		Flags: 0x20, TargetAddress: target.AsSlice(), // override
		Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: hw.HardwareAddr()}},
	})
}

func ethernet(dst, src frame.MAC, kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{DstMAC: dst.HardwareAddr(), SrcMAC: src.HardwareAddr(), EthernetType: kind}
}

// network makes an IP header; hop limit 255 is what neighbour discovery demands.
func network(from, to netip.Addr, proto layers.IPProtocol) (gopacket.SerializableLayer, layers.EthernetType) {
	if from.Is4() {
		return &layers.IPv4{
			Version: 4, TTL: 255, Protocol: proto, SrcIP: net.IP(from.AsSlice()), DstIP: net.IP(to.AsSlice()),
		}, layers.EthernetTypeIPv4
	}
	return &layers.IPv6{
		Version: 6, HopLimit: 255, NextHeader: proto, SrcIP: net.IP(from.AsSlice()), DstIP: net.IP(to.AsSlice()),
	}, layers.EthernetTypeIPv6
}

// serialize panics on a stack of layers that makes no frame: an error of the test.
func serialize(stack ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, stack...); err != nil {
		panic(fmt.Sprintf("testnet: build a frame: %v", err))
	}
	return buf.Bytes()
}
