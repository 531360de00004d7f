package gateway

import (
	"encoding/binary"
	"net/netip"

	"vswitch/internal/frame"
)

// Neighbour discovery (RFC 4861) as ARP: the gateway answers for itself and for the
// neighbours that it knows.

const (
	// linkHops is the hop limit by which a message shows that no router passed it on
	// (RFC 4861, section 3.1).
	linkHops = 255
	// advertLen is a neighbour advertisement with the target's link-layer address.
	advertLen = frame.ICMPLen + 16 + 8

	flagRouter    = 1 << 31
	flagSolicited = 1 << 30
	flagOverride  = 1 << 29
)

// allNodes is ff02::1.
var allNodes = netip.IPv6LinkLocalAllNodes()

// ndp takes a message of neighbour discovery, sent to whom it may be.
func (p *packet) ndp(m frame.ICMPv6) frame.Reason {
	if p.hops() != linkHops || m.Code() != 0 || !m.NDPValid() ||
		p.f.Flags&frame.FlagFragment != 0 || !p.sums(m) { // fragments: RFC 6980
		return frame.DropServiceMessage
	}
	if p.src.IsMulticast() || p.src.IsLoopback() || p.src.Is4In6() {
		return frame.DropGatewaySource
	}
	switch m.Type() {
	case frame.ICMPv6NeighborSol:
		return p.solicited(m)
	case frame.ICMPv6RouterSol:
		return p.routerSolicited(m)
	}
	return frame.Consumed
}

// solicited answers a neighbour solicitation.
func (p *packet) solicited(m frame.ICMPv6) frame.Reason {
	addr := m.NDPTarget()
	asker, named := m.NDPLinkAddr(frame.NDPSourceLinkAddr)
	if !named {
		asker = p.f.Src
	}
	detects := p.src.IsUnspecified() // RFC 4862, section 5.4
	if addr.IsMulticast() || detects && (named || !solicitedNode(p.dst)) {
		return frame.DropServiceMessage // RFC 4861, section 7.1.1
	}
	mac, own, ok := p.claim(addr, asker)
	if !ok {
		return frame.Consumed
	}
	return p.advertise(addr, mac, own, detects)
}

// solicitedNode reports whether a is of ff02::1:ff00:0/104.
func solicitedNode(a netip.Addr) bool {
	b := a.As16()
	return [13]byte(b[:13]) == [13]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff}
}

// advertise says that addr is at mac. Who is about to take the address has none
// yet, so the answer is for all nodes; its frame goes to the asker only (RFC
// 6085). A proxy does not override what the asker knows (RFC 4861, section 7.2.8).
func (p *packet) advertise(addr netip.Addr, mac frame.MAC, own, detects bool) frame.Reason {
	to, flags := p.src, uint32(flagSolicited)
	if detects {
		to, flags = allNodes, 0
	}
	if own {
		flags |= flagRouter
	}
	if own || mac != p.c.MAC {
		flags |= flagOverride
	}
	b := p.answer(answer{src: addr, dst: to, proto: frame.ProtoICMPv6, hops: linkHops, n: advertLen})
	if b == nil {
		return frame.DropServiceBusy
	}
	target := addr.As16()
	copy(b[frame.ICMPLen:], target[:])
	option := b[frame.ICMPLen+len(target):]
	binary.BigEndian.PutUint16(option, frame.NDPTargetLinkAddr<<8|1) // 1 times 8 bytes
	mac.Put(option[2:])
	frame.ICMPFields{Type: frame.ICMPv6NeighborAdv, Rest: flags}.
		EncodeV6(b, pseudo(addr, to, frame.ProtoICMPv6, len(b)))
	return frame.Consumed
}

// routerSolicited hands a router solicitation to its service (RFC 4861, section
// 6.1.1).
func (p *packet) routerSolicited(m frame.ICMPv6) frame.Reason {
	if _, named := m.NDPLinkAddr(frame.NDPSourceLinkAddr); named && p.src.IsUnspecified() {
		return frame.DropServiceMessage
	}
	if p.c.RouterSolicit == nil {
		return frame.Consumed
	}
	return p.ask(p.c.RouterSolicit)
}
