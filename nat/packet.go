package nat

import (
	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// shape is what a packet is to a NAT.
type shape uint8

const (
	shapeTCP shape = iota
	shapeUDP
	shapeQuery // ICMP with an identifier
	shapeError // ICMP about another packet
	shapeOther // only its addresses can be changed
)

// packet is what a NAT reads of a frame that goes d: its own end, which is translated,
// and the remote one.
type packet struct {
	f            *frame.Frame
	near, remote end
	kind         kind
	shape        shape
	tcp          uint8 // flags
	asks         bool  // a query that is no answer
	coverage     frame.Coverage
}

// read reads a parsed frame that is not a later fragment. What it does not accept ends
// with the reason.
func (p *packet) read(f *frame.Frame, d dir) frame.Reason {
	p.f, p.kind = f, kind(f.Proto)
	src, dst := p.addrs()
	if offload.Vnet(f.Vnet()).Partial() {
		p.coverage = frame.Partial
	}
	sport, dport, r := p.transport(d)
	p.near, p.remote = end{src, sport}, end{dst, dport}
	if d == in {
		p.near, p.remote = end{dst, dport}, end{src, sport}
	}
	return r
}

func (p *packet) addrs() (src, dst addr) {
	b := p.f.Bytes()[p.f.L3:]
	if p.f.Flags&frame.FlagIPv4 != 0 {
		ip := frame.IPv4(b)
		return addr4(ip.Src4()), addr4(ip.Dst4())
	}
	p.kind |= kindV6
	return addr16(b[8:24]), addr16(b[24:40])
}

// transport finds the ports. Those of a query are its identifier at the near end.
func (p *packet) transport(d dir) (src, dst uint16, r frame.Reason) {
	if p.kind.v6() && p.f.L4 != p.f.L3+frame.IPv6Len && !p.plain6() {
		return 0, 0, frame.DropIPv6
	}
	switch {
	case p.f.L4 == 0:
		return p.other()
	case p.kind.icmp():
		id, r := p.icmp()
		if d == in {
			return 0, id, r
		}
		return id, 0, r
	case p.kind.proto() == frame.ProtoUDP:
		p.shape = shapeUDP
	default:
		p.tcp = p.f.TCP().Flags()
	}
	b := p.f.Bytes()[p.f.L4:]
	return be.Uint16(b), be.Uint16(b[2:]), frame.Accepted
}

// plain6 reports whether the extension headers let an address be changed: a routing
// header that is not used up says that the destination is another.
func (p *packet) plain6() bool {
	h, ok := walk6(p.f.IPv6())
	return ok && !h.routed && !h.signed
}

// icmp tells queries from errors and returns a query's identifier. Its checksum is
// finished first, if a device was to do that: nobody makes such, but may say so.
func (p *packet) icmp() (id uint16, r frame.Reason) {
	if p.coverage == frame.Partial {
		offload.Complete(p.f)
		p.coverage = frame.Complete
	}
	m := p.f.ICMPv4() // the first eight bytes are the same in ICMPv6
	if p.kind.v6() {
		m = frame.ICMPv4(p.f.ICMPv6())
	}
	p.shape, p.asks = icmpShape(p.kind, m.Type())
	if p.shape == shapeOther {
		return 0, frame.DropUplinkProtocol
	}
	if p.shape == shapeError {
		return 0, frame.Accepted
	}
	return m.ID(), frame.Accepted
}

const (
	icmpTimestamp      = 13
	icmpTimestampReply = 14
)

// icmpShape says what an ICMP type is: shapeOther is what no NAT passes. Redirects are
// for the link that they were sent on.
func icmpShape(k kind, typ uint8) (s shape, asks bool) {
	if k.v6() {
		switch typ {
		case frame.ICMPv6EchoRequest, frame.ICMPv6EchoReply:
			return shapeQuery, typ == frame.ICMPv6EchoRequest
		case frame.ICMPv6Unreachable, frame.ICMPv6TooBig, frame.ICMPv6TimeExceeded, frame.ICMPv6Parameter:
			return shapeError, false
		}
		return shapeOther, false
	}
	switch typ {
	case frame.ICMPEchoRequest, frame.ICMPEchoReply, icmpTimestamp, icmpTimestampReply:
		return shapeQuery, typ == frame.ICMPEchoRequest || typ == icmpTimestamp
	case frame.ICMPUnreachable, frame.ICMPTimeExceeded, frame.ICMPParameter:
		return shapeError, false
	}
	return shapeOther, false
}

// other reads a protocol that the parse does not know. SCTP's ports tell its flows
// apart, but cannot be changed.
func (p *packet) other() (src, dst uint16, r frame.Reason) {
	p.shape = shapeOther
	switch p.kind.proto() {
	case frame.ProtoTCP, frame.ProtoUDP: // the header is cut off by a fragment
		return 0, 0, frame.DropNATFragment
	case frame.ProtoICMP, frame.ProtoICMPv6:
		if p.kind.icmp() {
			return 0, 0, frame.DropNATFragment
		}
		return 0, 0, frame.DropUplinkProtocol
	case protoIGMP, protoDCCP, protoUDPLite, protoAH:
		return 0, 0, frame.DropUplinkProtocol
	case protoSCTP:
		b := p.upper()
		if len(b) < 4 {
			return 0, 0, frame.DropTransport
		}
		return be.Uint16(b), be.Uint16(b[2:]), frame.Accepted
	}
	return 0, 0, frame.Accepted
}

// upper returns what follows the headers of IP.
func (p *packet) upper() []byte {
	if !p.kind.v6() {
		return p.f.IPv4().Payload()
	}
	ip := p.f.IPv6()
	h, ok := walk6(ip)
	if !ok {
		return nil
	}
	return ip[h.upper : frame.IPv6Len+ip.PayloadLen()]
}
