package gateway

import (
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// packet is a frame on its way through the gateway, with what its steps need. The
// steps are methods that return the reason of the frame's end, or frame.Accepted
// when it went on to another network.
type packet struct {
	g *Gateway
	c *config
	t *table
	x Outbox
	f *frame.Frame
	// src and dst are those of an IP packet.
	src, dst netip.Addr
	// mute says that nobody is told of errors.
	mute bool
}

// serve tells apart what a gateway has to do with.
func (p *packet) serve() frame.Reason {
	f := p.f
	switch {
	case f.Src == 0 || f.Src.Group() || f.Src == p.c.MAC:
		return frame.DropGatewaySource
	case f.Dst != p.c.MAC && !f.Dst.Group():
		return frame.Consumed // flooded on the search for another station
	case f.Tags != 0:
		return frame.DropGatewayHeader
	case f.Flags&frame.FlagARP != 0:
		return p.arp()
	case f.Flags&frame.FlagIPv4 != 0:
		return p.ipv4()
	case f.Flags&frame.FlagIPv6 != 0:
		return p.ipv6()
	case f.Dst.Group():
		return frame.Consumed
	}
	return frame.DropNoService
}

// v4 reports whether the packet is IPv4; if not, it is IPv6.
func (p *packet) v4() bool { return p.f.Flags&frame.FlagIPv4 != 0 }

// l3 returns the IP packet without padding.
func (p *packet) l3() []byte {
	if p.v4() {
		return p.f.IPv4()
	}
	return p.f.IPv6()
}

// partial reports whether the sender left the checksum to the device: it was
// never on a wire and is right.
func (p *packet) partial() bool { return offload.Vnet(p.f.Vnet()).Partial() }

// sums reports whether the transport checksum over b, which is all of the
// transport, is right or partial.
func (p *packet) sums(b []byte) bool {
	return p.partial() || frame.Checksum(b, pseudo(p.src, p.dst, p.f.Proto, len(b))) == 0xffff
}

// icmp reports whether the packet is ICMP of its IP version.
func (p *packet) icmp() bool {
	if p.v4() {
		return p.f.Proto == frame.ProtoICMP
	}
	return p.f.Proto == frame.ProtoICMPv6
}

// icmpError reports whether the packet is an ICMP message about another, a redirect
// included, or one that does not show what it is.
func (p *packet) icmpError() bool {
	switch {
	case !p.icmp():
		return false
	case p.f.L4 == 0:
		return true
	case p.v4():
		return p.f.ICMPv4().Error()
	}
	m := p.f.ICMPv6()
	return m.Error() || m.Type() == frame.ICMPv6Redirect
}

// hops returns what is left of the packet's time to live.
func (p *packet) hops() uint8 {
	if p.v4() {
		return p.f.IPv4().TTL()
	}
	return p.f.IPv6().HopLimit()
}

// pseudo returns the sum of the pseudo header; for ICMP in IPv4, which has none, 0.
func pseudo(src, dst netip.Addr, proto uint8, n int) uint32 {
	switch {
	case src.Is6():
		return frame.PseudoSum6(src.As16(), dst.As16(), proto, n)
	case proto == frame.ProtoICMP:
		return 0
	}
	return frame.PseudoSum4(frame.Addr4(src), frame.Addr4(dst), proto, n)
}
