package gateway

import "vswitch/internal/frame"

// icmp4 answers echo requests (RFC 792). Other messages are noted by nobody.
func (p *packet) icmp4() frame.Reason {
	m := p.f.ICMPv4()
	switch {
	case !p.sums(m):
		return frame.DropServiceMessage
	case m.Type() == frame.ICMPEchoRequest:
		return p.echo(m, frame.ICMPEchoReply, p.f.IPv4().TOS())
	case m.Type() == frame.ICMPEchoReply || m.Error():
		return frame.Consumed
	}
	return frame.DropNoService
}

// icmp6 is icmp4 for ICMPv6 (RFC 4443, section 4).
func (p *packet) icmp6() frame.Reason {
	m := p.f.ICMPv6()
	switch {
	case !p.sums(m):
		return frame.DropServiceMessage
	case m.Type() == frame.ICMPv6EchoRequest:
		return p.echo(m, frame.ICMPv6EchoReply, p.f.IPv6().TrafficClass())
	case m.Type() == frame.ICMPv6EchoReply || m.Error():
		return frame.Consumed
	}
	return frame.DropNoService
}

// echo sends an echo request back. The checksum is made anew, because a partial
// one says nothing about the message; a finished one was verified.
func (p *packet) echo(m []byte, typ, tos uint8) frame.Reason {
	b := p.answer(answer{src: p.dst, dst: p.src, proto: p.f.Proto, tos: tos, hops: defaultHops, n: len(m)})
	if b == nil {
		return frame.DropServiceBusy
	}
	p.copied(copy(b, m))
	b[0] = typ
	if p.v4() {
		frame.ICMPv4(b).FillChecksum()
	} else {
		frame.ICMPv6(b).FillChecksum(pseudo(p.dst, p.src, p.f.Proto, len(b)))
	}
	return frame.Consumed
}
