package gateway

import "vswitch/internal/frame"

// outward marks a packet that goes to the uplink with the others of its run. It is no
// reason, and is never booked.
const outward = frame.Reasons

// unserved takes what came to a gateway's address, for no service. Where there is a way
// out, it may belong to a connection with a client that the gateway stands for, or be
// for a published port: the uplink says.
func (p *packet) unserved() frame.Reason {
	if p.c.Uplink != nil && !p.stuck() {
		return outward
	}
	return p.closed()
}

// closed refuses a packet to a port that nothing listens on.
func (p *packet) closed() frame.Reason {
	switch {
	case p.f.L4 == 0 || p.f.Flags&frame.FlagFragment != 0:
	case p.f.Proto == frame.ProtoTCP:
		return p.reset(p.f.TCP())
	case p.f.Proto == frame.ProtoUDP:
		return p.refuse(frame.DropNoService, portUnreachable, 0)
	}
	return frame.DropNoService
}

// leave gives a run to the uplink, books how its packets ended and tells the senders.
func (p *packet) leave(run []*frame.Frame) {
	p.c.Uplink.Take(p.x, run)
	ledger := p.x.Ledger()
	for _, f := range run {
		r := f.Drop
		f.Drop = frame.Accepted // the frame itself went well
		if r == frame.Accepted {
			continue
		}
		if r != frame.Consumed {
			p.f = f
			p.turnedAway(r)
		}
		ledger.End(r)
	}
}

// turnedAway tells the sender of a packet that the uplink did not take.
func (p *packet) turnedAway(r frame.Reason) {
	if p.v4() {
		ip := p.f.IPv4()
		p.src, p.dst = ip.Src(), ip.Dst()
	} else {
		ip := p.f.IPv6()
		p.src, p.dst = ip.Src(), ip.Dst()
	}
	switch r {
	case frame.DropNoService:
		p.closed()
	case frame.DropUplinkProtocol:
		p.refuse(r, prohibited, 0)
	case frame.DropUplinkLoopback, frame.DropUplinkSockets, frame.DropUplinkLimit:
		if p.f.Proto != frame.ProtoTCP { // which was reset already
			p.refuse(r, prohibited, 0)
		}
	case frame.DropUplinkUnreachable, frame.DropNATPorts, frame.DropNATLimit:
		p.refuse(r, hostUnreachable, 0)
	case frame.DropNoRoute:
		p.refuse(r, netUnreachable, 0)
	}
}

// Deliver sends a packet that came from another network, through a NAT, to the station
// of g's network that it is for. It counts the hops down, and has the frame enter by
// x.Reenter: then it returns frame.Accepted, and otherwise why the packet ends there.
// The sender is told nothing. f must be owned; it carries no VLAN tag.
func (g *Gateway) Deliver(x Outbox, f *frame.Frame) frame.Reason {
	p := packet{g: g, c: g.config.Load(), t: g.router.table.Load(), x: x, f: f, mute: true}
	if p.v4() {
		p.dst = f.IPv4().Dst()
	} else {
		p.dst = f.IPv6().Dst()
	}
	return p.forward(g, p.c)
}
