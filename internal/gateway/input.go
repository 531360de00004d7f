package gateway

import (
	"net/netip"

	"vswitch/internal/frame"
)

// Ports and groups of DHCP, whose clients do not know the gateway yet (RFC 2131,
// section 4.1; RFC 8415, section 7).
const (
	portDHCP   = 67
	portDHCPv6 = 547
)

var (
	limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	dhcpAgents       = netip.MustParseAddr("ff02::1:2")
	dhcpServers      = netip.MustParseAddr("ff05::1:3")
)

// IPv4 options that name a way (RFC 791, section 3.1).
const (
	optEnd    = 0
	optNop    = 1
	optLoose  = 131
	optStrict = 137
)

// ipv4 checks a packet's header and finds its way.
func (p *packet) ipv4() frame.Reason {
	ip := p.f.IPv4()
	p.src, p.dst = ip.Src(), ip.Dst()
	switch {
	case p.dst.IsMulticast():
		return frame.Consumed
	case p.dst == limitedBroadcast || p.c.broadcast(p.dst):
		return p.broadcast(ip)
	case p.f.Dst.Group():
		return frame.Consumed // RFC 1812, section 5.3.4
	case !ip.ChecksumOK() || !optionsFit(ip.Options()):
		return frame.DropGatewayHeader
	case !ordinary(p.dst):
		return frame.DropGatewayHeader
	case !p.sourceFits():
		return frame.DropGatewaySource
	}
	return p.route()
}

// optionsFit walks IPv4 options: their lengths are right, and none is a source
// route.
func optionsFit(b []byte) bool {
	for len(b) > 0 {
		n := 1
		switch b[0] {
		case optEnd:
			return true
		case optLoose, optStrict:
			return false
		case optNop:
		default:
			if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
				return false
			}
			n = int(b[1])
		}
		b = b[n:]
	}
	return true
}

// broadcast takes DHCP's requests; nothing else that is said to all is for a
// gateway.
func (p *packet) broadcast(ip frame.IPv4) frame.Reason {
	if !p.udpTo(portDHCP) {
		return frame.Consumed
	}
	switch {
	case !ip.ChecksumOK() || !optionsFit(ip.Options()):
		return frame.DropGatewayHeader
	case !p.src.IsUnspecified() && !p.sourceFits():
		return frame.DropGatewaySource
	}
	return p.udp()
}

// udpTo reports whether the packet is a whole datagram to a port that has a
// service.
func (p *packet) udpTo(port uint16) bool {
	return p.f.L4 != 0 && p.f.Proto == frame.ProtoUDP && p.f.Flags&frame.FlagFragment == 0 &&
		p.f.UDP().DstPort() == port && p.c.UDP[port] != nil
}

// ipv6 checks a packet's header and finds its way. Neighbour discovery is taken
// wherever it is sent: a station that checks whether a neighbour is still there
// sends it to the neighbour's address at the gateway's MAC, if that is what the
// gateway has named.
func (p *packet) ipv6() frame.Reason {
	ip := p.f.IPv6()
	p.src, p.dst = ip.Src(), ip.Dst()
	if m, ok := p.icmpv6(); ok && m.NDP() {
		return p.ndp(m)
	}
	switch {
	case p.dst.IsMulticast():
		return p.multicast()
	case p.f.Dst.Group():
		return frame.Consumed
	case !ordinary(p.dst) || sourceRouted(ip):
		return frame.DropGatewayHeader
	case !p.sourceFits():
		return frame.DropGatewaySource
	}
	return p.route()
}

func (p *packet) icmpv6() (m frame.ICMPv6, ok bool) {
	if p.f.L4 == 0 || p.f.Proto != frame.ProtoICMPv6 {
		return nil, false
	}
	return p.f.ICMPv6(), true
}

// multicast takes DHCPv6's requests. MLD reports end here too: there is no
// querier.
func (p *packet) multicast() frame.Reason {
	if p.dst != dhcpAgents && p.dst != dhcpServers || !p.udpTo(portDHCPv6) {
		return frame.Consumed
	}
	if !p.sourceFits() {
		return frame.DropGatewaySource
	}
	return p.udp()
}

// sourceFits reports whether the source is one that a station of the network can
// have (RFC 1812, section 5.3.7; RFC 2827). Link-local IPv6 ones are, for what
// stays on the link.
func (p *packet) sourceFits() bool {
	if !ordinary(p.src) || p.c.owns(p.src) || p.c.broadcast(p.src) {
		return false
	}
	return p.c.onLink(p.src) != nil || p.stuck()
}

// stuck reports whether the source is a link-local IPv6 address, which has no
// meaning on another link (RFC 4291, section 2.5.6).
func (p *packet) stuck() bool { return p.src.Is6() && p.src.IsLinkLocalUnicast() }

// IPv6 extension headers that may stand before a routing header (RFC 8200,
// section 4.1).
const (
	extHopByHop = 0
	extRouting  = 43
	extDstOpts  = 60
)

// sourceRouted reports whether an IPv6 packet has a routing header with segments
// left: it asks to be sent to somewhere else than its destination (RFC 5095).
func sourceRouted(ip frame.IPv6) bool {
	next, b := ip.NextHeader(), ip.Payload()
	for len(b) >= 8 && (next == extHopByHop || next == extDstOpts || next == extRouting) {
		if next == extRouting && b[3] != 0 {
			return true
		}
		n := 8 * (1 + int(b[1]))
		next, b = b[0], b[min(n, len(b)):]
	}
	return false
}
