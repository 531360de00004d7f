package nat

import "vswitch/internal/frame"

// rewrite gives the packet's near end, its source on the way out and its destination on
// the way in, the address and port to. All checksums follow by RFC 1624.
func (p *packet) rewrite(d dir, to end) {
	if p.kind.v6() {
		p.rewrite6(d, to.a)
	} else {
		p.rewrite4(d, to.a)
	}
	if p.near.port != to.port {
		p.setPort(d, to.port)
	}
}

func (p *packet) rewrite4(d dir, to addr) {
	ip, old, new := p.f.IPv4(), p.near.a.num4(), to.num4()
	if d == out {
		ip.SetSrc4(new)
	} else {
		ip.SetDst4(new)
	}
	switch p.shape {
	case shapeTCP:
		p.f.TCP().ReplaceAddr4(old, new, p.coverage)
	case shapeUDP:
		p.f.UDP().ReplaceAddr4(old, new, p.coverage)
	}
}

func (p *packet) rewrite6(d dir, to addr) {
	ip, old, new := p.f.IPv6(), p.near.a.bytes16(), to.bytes16()
	if d == out {
		ip.SetSrc16(new)
	} else {
		ip.SetDst16(new)
	}
	switch p.shape {
	case shapeTCP:
		p.f.TCP().ReplaceAddr16(old, new, p.coverage)
	case shapeUDP:
		p.f.UDP().ReplaceAddr16(old, new, p.coverage)
	case shapeQuery:
		p.f.ICMPv6().ReplaceAddr16(old, new)
	}
}

// portSetter is what TCP and UDP have in common.
type portSetter interface {
	SetSrcPort(uint16, frame.Coverage)
	SetDstPort(uint16, frame.Coverage)
}

func setPort[T portSetter](t T, d dir, port uint16, c frame.Coverage) {
	if d == out {
		t.SetSrcPort(port, c)
	} else {
		t.SetDstPort(port, c)
	}
}

func (p *packet) setPort(d dir, port uint16) {
	switch p.shape {
	case shapeTCP:
		setPort(p.f.TCP(), d, port, p.coverage)
	case shapeUDP:
		setPort(p.f.UDP(), d, port, p.coverage)
	case shapeQuery:
		frame.ICMPv4(p.f.Bytes()[p.f.L4:]).SetID(port) // ICMPv6 has it at the same place
	}
}
