package dhcp

import (
	"bytes"
	"net/netip"

	"vswitch/internal/frame"
)

// UDP ports (RFC 2131, section 4.1; RFC 8415, section 7.2).
const (
	serverPort4 = 67
	clientPort4 = 68
	clientPort6 = 546
	serverPort6 = 547
)

// minMTU6 is the least MTU of a link with IPv6 (RFC 8200, section 5).
const minMTU6 = 1280

// datagram is a UDP request taken out of its frame.
type datagram struct {
	mac      frame.MAC
	src, dst netip.Addr
	payload  []byte // its own
}

// unwrap takes a datagram to a port out of a frame, tagged or not. False: it is
// something else, in pieces, longer than the network's MTU, or a checksum is wrong.
func (s *Server) unwrap(b []byte, flag uint8, port uint16) (d datagram, ok bool) {
	var info frame.Info
	if frame.Parse(b, &info) != frame.Accepted || info.Flags&(flag|frame.FlagFragment) != flag ||
		info.L4 == 0 || info.Proto != frame.ProtoUDP || int(info.L3Len) > s.cfg.MTU {
		return d, false
	}
	packet := b[info.L3:][:info.L3Len]
	u := frame.UDP(b[info.L4 : uint32(info.L3)+info.L3Len])
	if !u.Valid() || u.DstPort() != port || info.Src.Group() {
		return d, false
	}
	d.mac, d.payload = info.Src, bytes.Clone(u.Payload())
	if flag == frame.FlagIPv4 {
		ip := frame.IPv4(packet)
		d.src, d.dst = ip.Src(), ip.Dst()
		return d, ip.ChecksumOK() && summed(u, ip.PseudoSum(u.Length()), true)
	}
	ip := frame.IPv6(packet)
	d.src, d.dst = ip.Src(), ip.Dst()
	return d, summed(u, ip.PseudoSum(frame.ProtoUDP, u.Length()), false)
}

// summed reports whether a datagram's checksum is right, or is the sum of the pseudo
// header that a device with checksum offload leaves, or is not there where it need
// not be.
func summed(u frame.UDP, pseudo uint32, optional bool) bool {
	switch u.Checksum() {
	case 0:
		return optional
	case frame.Fold(pseudo):
		return true
	}
	return frame.Checksum(u[:u.Length()], pseudo) == 0xffff
}

// reply4 builds the frame of a DHCPv4 answer.
func (s *Server) reply4(mac frame.MAC, dst netip.Addr, payload []byte) []byte {
	b, packet := s.ether(mac, frame.TypeIPv4, frame.IPv4Len+frame.UDPLen+len(payload))
	u := packet[frame.IPv4Len:]
	copy(u[frame.UDPLen:], payload)
	ip := frame.IPv4Fields{DontFragment: true, Proto: frame.ProtoUDP, Src: s.cfg.ServerAddr, Dst: dst}.Encode(packet)
	frame.UDPFields{SrcPort: serverPort4, DstPort: clientPort4}.Encode(u, ip.PseudoSum(len(u)))
	return b
}

// reply6 builds the frame of a DHCPv6 answer.
func (s *Server) reply6(mac frame.MAC, dst netip.Addr, payload []byte) []byte {
	b, packet := s.ether(mac, frame.TypeIPv6, frame.IPv6Len+frame.UDPLen+len(payload))
	u := packet[frame.IPv6Len:]
	copy(u[frame.UDPLen:], payload)
	ip := frame.IPv6Fields{NextHeader: frame.ProtoUDP, Src: s.cfg.LinkLocal, Dst: dst}.Encode(packet)
	frame.UDPFields{SrcPort: serverPort6, DstPort: clientPort6}.Encode(u, ip.PseudoSum(frame.ProtoUDP, len(u)))
	return b
}

// neighbour builds the frame of a message of neighbour discovery, whose hop limit
// proves that no router has passed it on (RFC 4861, section 6.1.2).
func (s *Server) neighbour(mac frame.MAC, dst netip.Addr, kind uint8, rest uint32, payload []byte) []byte {
	b, packet := s.ether(mac, frame.TypeIPv6, frame.IPv6Len+frame.ICMPLen+len(payload))
	m := packet[frame.IPv6Len:]
	copy(m[frame.ICMPLen:], payload)
	ip := frame.IPv6Fields{NextHeader: frame.ProtoICMPv6, HopLimit: 255, Src: s.cfg.LinkLocal, Dst: dst}.Encode(packet)
	frame.ICMPFields{Type: kind, Rest: rest}.EncodeV6(m, ip.PseudoSum(frame.ProtoICMPv6, len(m)))
	return b
}

// ether makes a frame from the gateway with room for a packet.
func (s *Server) ether(dst frame.MAC, etherType uint16, n int) (b, packet []byte) {
	b = make([]byte, frame.EthernetLen+n)
	return b, frame.EthernetFields{Dst: dst, Src: s.cfg.ServerMAC, EtherType: etherType}.Encode(b)
}

// frames makes the list that the Serve calls return.
func frames(b []byte) [][]byte {
	if b == nil {
		return nil
	}
	return [][]byte{b}
}
