package gateway

import (
	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// local delivers a packet to the gateway itself.
func (p *packet) local() frame.Reason {
	switch {
	case p.f.Flags&frame.FlagFragment != 0 && p.f.Proto == frame.ProtoUDP:
		return p.unserved()
	case p.f.Flags&frame.FlagFragment != 0:
		return p.fragment()
	case p.f.L4 == 0:
		return p.foreign()
	case p.f.Proto == frame.ProtoUDP:
		return p.udp()
	case p.f.Proto == frame.ProtoTCP:
		return p.tcp()
	case p.v4():
		return p.icmp4()
	}
	return p.icmp6()
}

// foreign refuses a transport protocol that the gateway does not speak.
func (p *packet) foreign() frame.Reason {
	if p.v4() {
		return p.refuse(frame.DropNoService, protoUnreachable, 0)
	}
	if p.f.Proto == frame.ProtoNoNext { // RFC 8200, section 4.7
		return frame.DropNoService
	}
	return p.refuse(frame.DropNoService, protoUnreachable, nextHeaderAt(p.f.IPv6()))
}

// nextHeaderAt returns where a packet names what follows its extension headers,
// which the parse has walked.
func nextHeaderAt(ip frame.IPv6) uint32 {
	at, next, off := 6, ip.NextHeader(), frame.IPv6Len
	for off+8 <= len(ip) && (next == extHopByHop || next == extRouting || next == extDstOpts) {
		at, next = off, ip[off]
		off += 8 * (1 + int(ip[off+1]))
	}
	return uint32(at)
}

// udp hands a datagram to its service.
func (p *packet) udp() frame.Reason {
	u := p.f.UDP()
	switch {
	case u.Checksum() == 0 && !p.partial():
		if !p.v4() { // RFC 8200, section 8.1
			return frame.DropServiceMessage
		}
	case !p.sums(u[:u.Length()]):
		return frame.DropServiceMessage
	}
	s := p.c.UDP[u.DstPort()]
	switch {
	case s == nil:
		return p.unserved()
	case offload.Vnet(p.f.Vnet()).GSO(): // many datagrams in one
		return frame.DropServiceMessage
	}
	return p.ask(s)
}

// tcp hands a segment to its service. Only those that open a connection count
// against the limit: what follows is bounded by the window that the service gives.
func (p *packet) tcp() frame.Reason {
	t := p.f.TCP()
	if !p.sums(t) {
		return frame.DropServiceMessage
	}
	s := p.c.TCP[t.DstPort()]
	switch {
	case s == nil:
		return p.unserved()
	case t.Flags()&(frame.TCPSyn|frame.TCPAck) == frame.TCPSyn:
		return p.ask(s)
	}
	return s.Take(p.x.From(), p.f)
}

// ask hands a request to a service, if the port has not asked for too much.
func (p *packet) ask(s Service) frame.Reason {
	if !p.mayServe() {
		return frame.DropServiceLimit
	}
	return s.Take(p.x.From(), p.f)
}

// reset refuses a segment to a port that is closed (RFC 9293, section 3.5.2). It is
// not limited: it is never longer than what it answers.
func (p *packet) reset(t frame.TCP) frame.Reason {
	if t.Flags()&frame.TCPRst != 0 {
		return frame.DropNoService
	}
	b := p.answer(answer{src: p.dst, dst: p.src, proto: frame.ProtoTCP, hops: defaultHops, n: frame.TCPLen})
	if b == nil {
		return frame.DropNoService
	}
	rst := frame.TCPFields{SrcPort: t.DstPort(), DstPort: t.SrcPort(), Flags: frame.TCPRst}
	if t.Flags()&frame.TCPAck != 0 {
		rst.Seq = t.Ack()
	} else {
		rst.Ack = t.Seq() + segmentLen(t)
		rst.Flags |= frame.TCPAck
	}
	rst.Encode(b, pseudo(p.dst, p.src, frame.ProtoTCP, len(b)))
	return frame.DropNoService
}

// segmentLen returns how much of the sequence space a segment takes.
func segmentLen(t frame.TCP) uint32 {
	n := uint32(len(t.Payload()))
	if t.Flags()&frame.TCPSyn != 0 {
		n++
	}
	if t.Flags()&frame.TCPFin != 0 {
		n++
	}
	return n
}
