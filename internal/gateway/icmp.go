package gateway

import "vswitch/internal/frame"

// fault is an ICMP error, by the numbers of both versions (RFC 792, RFC 1812; RFC
// 4443).
type fault struct{ type4, code4, type6, code6 uint8 }

var (
	netUnreachable   = fault{frame.ICMPUnreachable, 0, frame.ICMPv6Unreachable, 0}
	hostUnreachable  = fault{frame.ICMPUnreachable, 1, frame.ICMPv6Unreachable, 3}
	protoUnreachable = fault{frame.ICMPUnreachable, 2, frame.ICMPv6Parameter, 1}
	portUnreachable  = fault{frame.ICMPUnreachable, 3, frame.ICMPv6Unreachable, 4}
	tooBig           = fault{frame.ICMPUnreachable, frame.ICMPCodeFragmentationNeeded, frame.ICMPv6TooBig, 0}
	prohibited       = fault{frame.ICMPUnreachable, 13, frame.ICMPv6Unreachable, 1}
	hopsExceeded     = fault{frame.ICMPTimeExceeded, 0, frame.ICMPv6TimeExceeded, 0}
	// beyondScope is about IPv6 sources only.
	beyondScope = fault{frame.ICMPUnreachable, 13, frame.ICMPv6Unreachable, 2}
)

// How long an error may be, the packet that it quotes included (RFC 1812, section
// 4.3.2.3; RFC 4443, section 2.4).
const (
	maxError4 = 576
	maxError6 = 1280
)

// refuse ends a packet with reason r and tells its sender why, where that is
// allowed. rest is the fault's own field: an MTU or a pointer.
func (p *packet) refuse(r frame.Reason, e fault, rest uint32) frame.Reason {
	if !p.mute && p.refusable() && p.mayComplain() {
		p.complain(e, rest)
	}
	return r
}

// refusable reports whether there may be an error about the packet: never about an
// error, a fragment that does not show what it is, or what was sent to more than
// one (RFC 1122, section 3.2.2). That the source is a single station was checked.
func (p *packet) refusable() bool {
	return p.f.Flags&frame.FlagLaterFragment == 0 && !p.f.Dst.Group() && !p.icmpError() &&
		!p.src.IsUnspecified() && !p.dst.IsMulticast() && p.dst != limitedBroadcast
}

// complain sends the error from the gateway's address on the sender's network.
func (p *packet) complain(e fault, rest uint32) {
	a := answer{src: p.c.speaker(p.src), dst: p.src, hops: defaultHops}
	icmp, quote := frame.ICMPFields{Type: e.type4, Code: e.code4, Rest: rest}, p.l3()
	if p.v4() {
		a.proto = frame.ProtoICMP
		quote = quote[:min(len(quote), maxError4-frame.IPv4Len-frame.ICMPLen)]
	} else {
		icmp.Type, icmp.Code = e.type6, e.code6
		a.proto = frame.ProtoICMPv6
		quote = quote[:min(len(quote), maxError6-frame.IPv6Len-frame.ICMPLen)]
	}
	a.n = frame.ICMPLen + len(quote)
	b := p.answer(a)
	if b == nil {
		return
	}
	p.copied(copy(b[frame.ICMPLen:], quote))
	if p.v4() {
		icmp.EncodeV4(b)
	} else {
		icmp.EncodeV6(b, pseudo(a.src, a.dst, a.proto, a.n))
	}
}
