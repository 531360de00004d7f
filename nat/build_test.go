package nat

import (
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"vswitch/internal/frame"
)

// Packets for tests, made by gopacket.

var testMACs = [2][]byte{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}

// serialize makes an Ethernet frame of an IP packet between src and dst.
func serialize(src, dst netip.Addr, proto layers.IPProtocol, upper ...gopacket.SerializableLayer) []byte {
	eth := &layers.Ethernet{SrcMAC: testMACs[0], DstMAC: testMACs[1], EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer = &layers.IPv4{
		Version: 4, TTL: 64, Protocol: proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice(), Flags: layers.IPv4DontFragment,
	}
	if src.Is6() {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	}
	for _, l := range upper {
		if l, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			l.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
		}
	}
	buf := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{eth, ip}, upper...)
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true, FixLengths: true}, all...); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// at makes an endpoint.
func at(a string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(a), port)
}

func udp(src, dst netip.AddrPort, payload ...byte) []byte {
	u := &layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())}
	return serialize(src.Addr(), dst.Addr(), layers.IPProtocolUDP, u, gopacket.Payload(append([]byte("data"), payload...)))
}

func tcp(src, dst netip.AddrPort, flags uint8, payload ...byte) []byte {
	t := &layers.TCP{
		SrcPort: layers.TCPPort(src.Port()), DstPort: layers.TCPPort(dst.Port()), Seq: 1000, Ack: 2000, Window: 500,
		SYN: flags&frame.TCPSyn != 0, ACK: flags&frame.TCPAck != 0, FIN: flags&frame.TCPFin != 0, RST: flags&frame.TCPRst != 0,
	}
	if t.SYN {
		t.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{0x05, 0xb4}}}
	}
	return serialize(src.Addr(), dst.Addr(), layers.IPProtocolTCP, t, gopacket.Payload(payload))
}

func echo(src, dst string, id uint16, request bool, payload ...byte) []byte {
	a, b := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	data := gopacket.Payload(append([]byte("ping"), payload...))
	if a.Is6() {
		typ := uint8(frame.ICMPv6EchoReply)
		if request {
			typ = frame.ICMPv6EchoRequest
		}
		return serialize(a, b, layers.IPProtocolICMPv6,
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, 0)}, &layers.ICMPv6Echo{Identifier: id, SeqNumber: 1}, data)
	}
	typ := uint8(frame.ICMPEchoReply)
	if request {
		typ = frame.ICMPEchoRequest
	}
	return serialize(a, b, layers.IPProtocolICMPv4,
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, 0), Id: id, Seq: 1}, data)
}

// complain makes an ICMP error of a host about a frame, which it quotes up to n bytes.
func complain(from string, about []byte, typ, code uint8, n int) []byte {
	quote := packetOf(about)
	quote = quote[:min(len(quote), n)]
	a := netip.MustParseAddr(from)
	src, _ := ends(decode(about))
	if a.Is6() {
		return serialize(a, src.Addr(), layers.IPProtocolICMPv6,
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, code)}, gopacket.Payload(append([]byte{0, 0, 5, 0}, quote...)))
	}
	return serialize(a, src.Addr(), layers.IPProtocolICMPv4,
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code)}, gopacket.Payload(quote))
}

// packetOf returns a frame's IP packet, without Ethernet padding.
func packetOf(b []byte) []byte {
	f := slotOf(b)
	return b[f.L3 : uint32(f.L3)+f.L3Len]
}

// ipPacket makes a frame of any protocol.
func ipPacket(src, dst string, proto uint8, payload ...byte) []byte {
	return serialize(netip.MustParseAddr(src), netip.MustParseAddr(dst), layers.IPProtocol(proto), gopacket.Payload(payload))
}

// swap turns a packet that went out, as its receiver saw it, into an answer.
func swap(s *seen) (src, dst netip.AddrPort) { return s.dst, s.src }
