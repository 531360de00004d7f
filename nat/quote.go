package nat

import "vswitch/internal/frame"

// quote is the beginning of a packet inside an ICMP error. What lies behind its end by
// its own header, extensions of the error (RFC 4884), is no part of it.
type quote struct {
	b        []byte // from its IP header on
	kind     kind
	upper    int // where its transport header begins
	src, dst end
}

// quoted is how many bytes of the transport header an error has to quote (RFC 792).
const quoted = 8

// readQuote reads a quote; not ok where it is too short, damaged, not a first fragment,
// or of what no flow can be: another error, say.
func readQuote(b []byte, v6 bool) (q quote, ok bool) {
	if v6 {
		ok = q.read6(b)
	} else {
		ok = q.read4(b)
	}
	return q, ok && q.ports()
}

func (q *quote) read4(b []byte) bool {
	if len(b) < frame.IPv4Len {
		return false
	}
	p := frame.IPv4(b)
	n := p.HeaderLen()
	if b[0]>>4 != 4 || n < frame.IPv4Len || n > len(b) || p.TotalLen() < n || !p.ChecksumOK() || p.FragmentOffset() != 0 {
		return false
	}
	q.b, q.kind, q.upper = b[:min(len(b), p.TotalLen())], kind(p.Proto()), n
	q.src.a, q.dst.a = addr4(p.Src4()), addr4(p.Dst4())
	return true
}

func (q *quote) read6(b []byte) bool {
	if len(b) < frame.IPv6Len || b[0]>>4 != 6 {
		return false
	}
	b = b[:min(len(b), frame.IPv6Len+frame.IPv6(b).PayloadLen())]
	h, ok := walk6(b)
	if !ok || h.later || h.routed || h.signed {
		return false
	}
	q.b, q.kind, q.upper = b, kindV6|kind(h.proto), h.upper
	q.src.a, q.dst.a = addr16(b[8:24]), addr16(b[24:40])
	return true
}

// ports reads the ports of the quoted packet, as packet.transport does.
func (q *quote) ports() bool {
	b := q.b[q.upper:]
	if q.kind.mapsPorts() || q.kind.proto() == protoSCTP {
		if len(b) < quoted {
			return false
		}
	}
	switch {
	case q.kind.icmp():
		s, asks := icmpShape(q.kind, b[0])
		if s != shapeQuery {
			return false
		}
		q.setID(asks, be.Uint16(b[4:]))
	case q.kind.mapsPorts(), q.kind.proto() == protoSCTP:
		q.src.port, q.dst.port = be.Uint16(b), be.Uint16(b[2:])
	}
	return true
}

// setID gives the identifier to the end that asked: a flow of queries begins inside.
func (q *quote) setID(asks bool, id uint16) {
	if asks {
		q.src.port = id
	} else {
		q.dst.port = id
	}
}

// replace puts to in place of the quoted source, or destination, and keeps the quoted
// checksums what they would have been, where they are there.
func (q *quote) replace(source bool, to end) {
	old := q.dst
	if source {
		old = q.src
	}
	q.replaceAddr(source, old.a, to.a)
	if !q.kind.mapsPorts() {
		return
	}
	off := 2
	switch {
	case q.kind.icmp():
		off = 4
	case source:
		off = 0
	}
	q.sum(func(c uint16) uint16 { return frame.Update16(c, old.port, to.port) })
	be.PutUint16(q.b[q.upper+off:], to.port)
}

func (q *quote) replaceAddr(source bool, old, to addr) {
	if q.kind.v6() {
		p := frame.IPv6(q.b)
		if source {
			p.SetSrc16(to.bytes16())
		} else {
			p.SetDst16(to.bytes16())
		}
		q.sum(func(c uint16) uint16 { return frame.Update128(c, old.bytes16(), to.bytes16()) })
		return
	}
	p := frame.IPv4(q.b)
	if source {
		p.SetSrc4(to.num4())
	} else {
		p.SetDst4(to.num4())
	}
	if !q.kind.icmp() {
		q.sum(func(c uint16) uint16 { return frame.Update32(c, old.num4(), to.num4()) })
	}
}

// sum updates the quoted transport checksum.
func (q *quote) sum(update func(uint16) uint16) {
	off := 2
	switch q.kind.proto() {
	case frame.ProtoTCP:
		off = 16
	case frame.ProtoUDP:
		off = 6
	default:
		if !q.kind.icmp() {
			return
		}
	}
	at := q.upper + off
	if at+2 > len(q.b) {
		return
	}
	old := be.Uint16(q.b[at:])
	if q.kind.proto() == frame.ProtoUDP && old == 0 {
		return // there is none
	}
	c := update(old)
	if q.kind.proto() == frame.ProtoUDP && c == 0 {
		c = 0xffff
	}
	be.PutUint16(q.b[at:], c)
}
