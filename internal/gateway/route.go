package gateway

import (
	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// route decides about a checked unicast packet:
//
//	an address of a gateway, of any network    delivered here
//	this network                               back to it, unless ICC is off
//	another network of the router              dropped in silence, unless routed
//	anywhere else                              the uplink
//
// With Config.UplinkFirst the uplink also has the other networks and their gateways.
// That gateways are reached from all networks, and that isolation is silent, is
// what Docker's bridges do.
func (p *packet) route() frame.Reason {
	if p.dst.Is6() && p.dst.IsLinkLocalUnicast() {
		if p.dst == p.c.linkLocal {
			return p.local()
		}
		return p.back()
	}
	to, ok := p.t.Lookup(p.dst)
	switch {
	case !ok, p.c.UplinkFirst && to.gateway != p.g:
		return p.outside()
	case to.local:
		return p.local()
	case to.gateway == p.g:
		return p.back()
	}
	return p.across(to.gateway)
}

// back returns a packet to the network that it came from.
func (p *packet) back() frame.Reason {
	if p.c.NoICC {
		return frame.DropGatewayICC
	}
	return p.forward(p.g, p.c)
}

// across sends a packet to another network, where that is allowed.
func (p *packet) across(to *Gateway) frame.Reason {
	c := to.config.Load()
	switch {
	case !p.mayCross(c):
		return frame.DropGatewayIsolated
	case p.c.Internal:
		return p.refuse(frame.DropGatewayInternal, prohibited, 0)
	case p.stuck():
		return p.refuse(frame.DropGatewaySource, beyondScope, 0)
	}
	return p.forward(to, c)
}

// mayCross reports whether the packet may enter another network: everything passes
// between two routed ones, ICMP into a routed one from anywhere, and back come the
// answers and errors.
func (p *packet) mayCross(to *config) bool {
	v6 := p.dst.Is6()
	from := p.c.routed(v6)
	switch {
	case to.Internal:
		return false
	case to.routed(v6):
		return from || p.icmp()
	}
	return from && p.icmp() && p.answers()
}

// answers reports whether an ICMP message is an echo reply or an error, or a
// later fragment, which is of no use without its first.
func (p *packet) answers() bool {
	switch {
	case p.f.L4 == 0:
		return p.f.Flags&frame.FlagLaterFragment != 0
	case p.v4():
		return p.icmpError() || p.f.ICMPv4().Type() == frame.ICMPEchoReply
	}
	return p.icmpError() || p.f.ICMPv6().Type() == frame.ICMPv6EchoReply
}

// outside takes a packet to what is no network of the router.
func (p *packet) outside() frame.Reason {
	switch {
	case p.c.Internal:
		return p.refuse(frame.DropGatewayInternal, prohibited, 0)
	case p.c.Uplink == nil:
		return p.refuse(frame.DropNoRoute, netUnreachable, 0)
	case p.stuck():
		return p.refuse(frame.DropGatewaySource, beyondScope, 0)
	case p.hops() <= 1:
		return p.refuse(frame.DropTTL, hopsExceeded, 0)
	case p.c.UplinkMTU > 0 && packetLen(p.f) > p.c.UplinkMTU:
		return p.refuse(frame.DropTooBig, tooBig, uint32(p.c.UplinkMTU))
	}
	return outward
}

// forward sends a packet to a neighbour of to, whose configuration is c (RFC 1812,
// section 5.2.1). Only the headers are edited, in place.
func (p *packet) forward(to *Gateway, c *config) frame.Reason {
	switch {
	case c.broadcast(p.dst): // RFC 2644
		return frame.DropNeighbour
	case p.hops() <= 1:
		return p.refuse(frame.DropTTL, hopsExceeded, 0)
	case packetLen(p.f) > c.MTU:
		return p.refuse(frame.DropTooBig, tooBig, uint32(c.MTU))
	}
	mac, ok := to.neighbours.lookup(p.dst)
	switch {
	case !ok:
		return p.refuse(frame.DropNeighbour, hostUnreachable, 0)
	case !p.x.Owned(p.f): // flooded: whoever else gets it gets these bytes
		return frame.DropNoEgress
	}
	p.countDown()
	e := p.f.Ethernet()
	e.SetDst(mac)
	e.SetSrc(c.MAC)
	p.f.Dst, p.f.Src = mac, c.MAC
	p.x.Reenter(p.f, c.Port)
	return frame.Accepted
}

func (p *packet) countDown() {
	if p.v4() {
		ip := p.f.IPv4()
		ip.SetTTL(ip.TTL() - 1)
		return
	}
	ip := p.f.IPv6()
	ip.SetHopLimit(ip.HopLimit() - 1)
}

// packetLen returns the length of the longest packet that f is on a wire: its own,
// or that of a segment of a super-frame.
func packetLen(f *frame.Frame) int {
	h := offload.Vnet(f.Vnet())
	if !h.GSO() || f.L4 == 0 {
		return int(f.L3Len)
	}
	header := frame.UDPLen
	if f.Proto == frame.ProtoTCP {
		header = f.TCP().HeaderLen()
	}
	return min(int(f.L4-f.L3)+header+int(h.GSOSize()), int(f.L3Len))
}
