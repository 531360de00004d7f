package uplinktest

import (
	"encoding/binary"
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// Station is a container with one of its addresses. Its frames are as its kernel makes
// them for a TAP with offloads: checksums partial but ICMP's, whole super-frames.
type Station struct {
	Addr netip.Addr
	MAC  frame.MAC
}

// TCP builds a segment to a peer behind the gateway. Ports of h are filled in from port
// and to. A payload longer than gso bytes makes a super-frame, unless gso is 0.
func (s Station) TCP(port uint16, to netip.AddrPort, h frame.TCPFields, payload []byte, gso int) *frame.Frame {
	h.SrcPort, h.DstPort = port, to.Port()
	hdr := frame.TCPLen + len(h.Options)
	f, b := s.packet(to.Addr(), frame.ProtoTCP, hdr+len(payload))
	copy(b[hdr:], payload)
	h.Encode(b, 0)
	partial(f)
	if v := offload.Vnet(f.Vnet()); gso > 0 && len(payload) > gso {
		v.SetGSOSize(uint16(gso))
		v.SetGSOType(offload.GSOTCP4)
		if s.Addr.Is6() {
			v.SetGSOType(offload.GSOTCP6)
		}
	}
	return f
}

// UDP builds a datagram; gso as for TCP.
func (s Station) UDP(port uint16, to netip.AddrPort, payload []byte, gso int) *frame.Frame {
	f, b := s.packet(to.Addr(), frame.ProtoUDP, frame.UDPLen+len(payload))
	copy(b[frame.UDPLen:], payload)
	frame.UDPFields{SrcPort: port, DstPort: to.Port()}.Encode(b, 0)
	partial(f)
	if v := offload.Vnet(f.Vnet()); gso > 0 && len(payload) > gso {
		v.SetGSOSize(uint16(gso))
		v.SetGSOType(offload.GSOUDP)
	}
	return f
}

// Echo builds an ICMP or ICMPv6 echo request.
func (s Station) Echo(to netip.Addr, id, seq uint16, payload []byte) *frame.Frame {
	if s.Addr.Is4() {
		return s.ICMP(to, frame.ICMPFields{Type: frame.ICMPEchoRequest, Rest: uint32(id)<<16 | uint32(seq)}, payload)
	}
	return s.ICMP(to, frame.ICMPFields{Type: frame.ICMPv6EchoRequest, Rest: uint32(id)<<16 | uint32(seq)}, payload)
}

// ICMP builds any message of the station's family.
func (s Station) ICMP(to netip.Addr, h frame.ICMPFields, payload []byte) *frame.Frame {
	proto := uint8(frame.ProtoICMPv6)
	if s.Addr.Is4() {
		proto = frame.ProtoICMP
	}
	f, b := s.packet(to, proto, frame.ICMPLen+len(payload))
	copy(b[frame.ICMPLen:], payload)
	if s.Addr.Is4() {
		h.EncodeV4(b)
	} else {
		h.EncodeV6(b, pseudo(f))
	}
	f.Parse()
	return f
}

// extFragment and fragmentLen are the fragment header of IPv6.
const (
	extFragment = 44
	fragmentLen = 8
)

// Fragment builds a fragment of a datagram of proto: body is what it has from byte at on.
func (s Station) Fragment(to netip.Addr, proto uint8, id uint32, at int, more bool, body []byte) *frame.Frame {
	if s.Addr.Is4() {
		f, b := s.packet(to, proto, len(body))
		copy(b, body)
		frame.IPv4Fields{
			ID: uint16(id), MoreFragments: more, FragmentOffset: at, Proto: proto, Src: s.Addr, Dst: to,
		}.Encode(f.Bytes()[f.L3:])
		return Parse(f)
	}
	f, b := s.packet(to, extFragment, fragmentLen+len(body))
	word := uint16(at)
	if more {
		word |= 1
	}
	b[0] = proto
	binary.BigEndian.PutUint16(b[2:], word)
	binary.BigEndian.PutUint32(b[4:], id)
	copy(b[fragmentLen:], body)
	return Parse(f)
}

// packet makes a frame in a slot of its own, and returns the n bytes of its transport.
func (s Station) packet(to netip.Addr, proto uint8, n int) (f *frame.Frame, b []byte) {
	l3 := frame.IPv6Len
	if s.Addr.Is4() {
		l3 = frame.IPv4Len
	}
	f = &frame.Frame{Off: frame.Headroom, Len: frame.EthernetLen + l3 + n}
	f.Buf = make([]byte, frame.Headroom+f.Len)
	eth := frame.EthernetFields{Dst: GatewayMAC, Src: s.MAC, EtherType: frame.TypeIPv6}
	if s.Addr.Is4() {
		eth.EtherType = frame.TypeIPv4
		b = eth.Encode(f.Bytes())
		frame.IPv4Fields{DontFragment: true, Proto: proto, Src: s.Addr, Dst: to}.Encode(b)
	} else {
		b = eth.Encode(f.Bytes())
		frame.IPv6Fields{NextHeader: proto, Src: s.Addr, Dst: to}.Encode(b)
	}
	f.L3, f.L4, f.Proto = frame.EthernetLen, uint16(frame.EthernetLen+l3), proto
	return f, b[l3:]
}

// partial leaves the checksum to the device, and parses.
func partial(f *frame.Frame) {
	Parse(f)
	offload.Partial(f)
}

// Parse parses a frame anew after a test has edited it.
func Parse(f *frame.Frame) *frame.Frame {
	f.Parse()
	return f
}

// L4 returns the transport of a parsed frame, header and payload.
func L4(f *frame.Frame) []byte { return f.Bytes()[f.L4 : uint32(f.L3)+f.L3Len] }

// TCP returns the segment of a parsed frame.
func TCP(f *frame.Frame) frame.TCP { return frame.TCP(L4(f)) }

// Ends returns source and destination of a parsed frame.
func Ends(f *frame.Frame) (src, dst netip.AddrPort) {
	var a, b netip.Addr
	if l3 := f.Bytes()[f.L3:]; f.Flags&frame.FlagIPv4 != 0 {
		a, b = frame.IPv4(l3).Src(), frame.IPv4(l3).Dst()
	} else {
		a, b = frame.IPv6(l3).Src(), frame.IPv6(l3).Dst()
	}
	if f.Proto != frame.ProtoTCP && f.Proto != frame.ProtoUDP {
		return netip.AddrPortFrom(a, 0), netip.AddrPortFrom(b, 0)
	}
	t := frame.UDP(L4(f))
	return netip.AddrPortFrom(a, t.SrcPort()), netip.AddrPortFrom(b, t.DstPort())
}

func pseudo(f *frame.Frame) uint32 {
	n := f.Len - int(f.L4)
	if l3 := f.Bytes()[f.L3:]; l3[0]>>4 == 4 {
		return frame.IPv4(l3).PseudoSum(n)
	} else {
		return frame.IPv6(l3).PseudoSum(f.Proto, n)
	}
}

// GSOSize returns the length of a super-frame's segments, 0 for another frame.
func GSOSize(f *frame.Frame) uint16 { return offload.Vnet(f.Vnet()).GSOSize() }
