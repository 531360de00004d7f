package gateway

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"vswitch/internal/frame"
)

// Reassembly
//
// People send echo requests that are longer than the MTU, and nothing else to a
// gateway comes in fragments. So only those are put together, one at a time from a
// port, and only when their fragments come in the order in which a sender makes
// them: there is nothing to overlap or to fill, and the rest is thrown away.
const (
	// maxMessages may be under way at once in a whole router.
	maxMessages = 16
	// maxMessage is the longest that an IPv4 packet can carry, in bytes.
	maxMessage = 65535 - frame.IPv4Len
	// patience is how long the next fragment may take, in nanoseconds.
	patience = 2 * second

	extFragment    = 44
	fragmentHeader = 8
)

// piece is a fragment of an ICMP message.
type piece struct {
	id   uint32
	at   int // bytes
	more bool
	body []byte
}

// message is the beginning of an ICMP message.
type message struct {
	from     frame.PortID
	src, dst netip.Addr
	id       uint32
	data     []byte
	until    int64 // it is nothing any more from then on
}

type messages struct {
	mu  sync.Mutex
	all [maxMessages]message
}

// fragment takes a fragment that is for the gateway.
func (p *packet) fragment() frame.Reason {
	f, ok := p.piece()
	switch {
	case !ok || f.at == 0 && !p.asksEcho():
		return frame.DropNoService
	case f.more && len(f.body)%8 != 0 || f.at+len(f.body) > maxMessage:
		return frame.DropServiceMessage
	}
	whole, r := p.g.router.messages.add(p, f)
	if whole == nil {
		return r
	}
	return p.echoPieces(whole, f.id)
}

// piece reads the packet's fragment; not ok where it is not ICMP, or has other
// extension headers beside.
func (p *packet) piece() (f piece, ok bool) {
	if p.v4() {
		ip := p.f.IPv4()
		return piece{uint32(ip.ID()), ip.FragmentOffset(), ip.MoreFragments(), ip.Payload()}, p.icmp()
	}
	ip := p.f.IPv6()
	if ip.NextHeader() != extFragment {
		return f, false
	}
	b := ip.Payload()
	word := int(binary.BigEndian.Uint16(b[2:]))
	f = piece{binary.BigEndian.Uint32(b[4:]), word &^ 7, word&1 != 0, b[fragmentHeader:]}
	return f, b[0] == frame.ProtoICMPv6
}

// asksEcho reports whether an ICMP packet is an echo request.
func (p *packet) asksEcho() bool {
	switch {
	case p.f.L4 == 0:
		return false
	case p.v4():
		return p.f.ICMPv4().Type() == frame.ICMPEchoRequest
	}
	return p.f.ICMPv6().Type() == frame.ICMPv6EchoRequest
}

// add adds a fragment to its message and returns the whole, if it was the last.
func (m *messages) add(p *packet, f piece) (whole []byte, r frame.Reason) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, from := p.x.Now(), p.x.From()
	s := m.slot(from, now)
	if s == nil {
		return nil, frame.DropServiceBusy
	}
	if f.at == 0 {
		*s = message{from: from, src: p.src, dst: p.dst, id: f.id}
	} else if s.until <= now || s.src != p.src || s.dst != p.dst || s.id != f.id || f.at != len(s.data) {
		*s = message{}
		return nil, frame.DropServiceMessage
	}
	s.data, s.until = append(s.data, f.body...), now+patience
	p.copied(len(f.body))
	if !f.more {
		whole = s.data
		*s = message{}
	}
	return whole, frame.Consumed
}

// slot returns the port's message, or a free one; nil if there is none.
func (m *messages) slot(from frame.PortID, now int64) (free *message) {
	for i := range m.all {
		s := &m.all[i]
		switch {
		case s.until <= now:
			free = s
		case s.from == from:
			return s
		}
	}
	return free
}

// echoPieces sends a whole echo request back, in fragments for the network's MTU.
func (p *packet) echoPieces(m []byte, id uint32) frame.Reason {
	if frame.Checksum(m, pseudo(p.src, p.dst, p.f.Proto, len(m))) != 0xffff {
		return frame.DropServiceMessage
	}
	step := max((p.c.MTU-frame.IPv6Len-fragmentHeader)&^7, 8) // fits in IPv4 too
	if p.v4() {
		frame.ICMPv4(m).SetType(frame.ICMPEchoReply)
	} else {
		frame.ICMPv6(m).SetType(frame.ICMPv6EchoReply)
	}
	for at := 0; at < len(m); at += step {
		end := min(at+step, len(m))
		if !p.sendPiece(piece{id, at, end < len(m), m[at:end]}) {
			return frame.DropServiceBusy
		}
	}
	return frame.Consumed
}

// sendPiece sends one fragment of an answer, and reports whether it could.
func (p *packet) sendPiece(f piece) bool {
	a := answer{src: p.dst, dst: p.src, proto: p.f.Proto, hops: defaultHops, n: len(f.body), fragment: f}
	if !p.v4() {
		a.proto, a.n = extFragment, a.n+fragmentHeader
	}
	b := p.answer(a)
	if b == nil {
		return false
	}
	if !p.v4() {
		word := uint16(f.at)
		if f.more {
			word |= 1
		}
		binary.BigEndian.PutUint16(b, uint16(p.f.Proto)<<8)
		binary.BigEndian.PutUint16(b[2:], word)
		binary.BigEndian.PutUint32(b[4:], f.id)
		b = b[fragmentHeader:]
	}
	p.copied(copy(b, f.body))
	return true
}
