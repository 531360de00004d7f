package udp

import (
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/fragment"
)

// Reassembly
//
// A container cuts a datagram that is longer than its MTU: the host's socket needs it
// whole, and cuts it again. A fragment that comes twice is an overlap like any other, and
// ends the datagram.
const (
	// maxMessages datagrams are under way at once in a shard, maxOf of one sender.
	maxMessages = 16
	maxOf       = 4
	// waiting is how long a datagram may take, in nanoseconds. RFC 8200 has 60 s, which
	// is how long an attacker would hold a place.
	waiting = 2 * second
)

// message is a datagram under way. Its buffer is kept for the next.
type message struct {
	fragment.Datagram
	live     bool
	key      fragment.Key
	until    int64
	ttl, tos uint8
}

type fragments struct{ all []message }

// fragment takes a fragment, and sends the datagram with the last.
func (s *Shard) fragment(x uplink.Outbox, n *uplink.Net, f *frame.Frame) frame.Reason {
	p, ok := fragment.Read(n.ID, frame.ProtoUDP, f)
	if !ok {
		return frame.DropUplinkProtocol
	}
	m := s.fragments.message(&p, s.now)
	if m == nil || !m.add(&p) {
		return frame.DropNATFragment
	}
	x.Ledger().CopiedBytes.Add(uint64(len(p.Body)))
	u := frame.UDP(m.Whole())
	if u == nil {
		return frame.Consumed
	}
	m.live = false
	d := datagram{src: end{addr: m.key.Src}, dst: end{addr: m.key.Dst}, ttl: m.ttl, tos: m.tos}
	if !u.Valid() || u.Length() != len(u) || !d.header(u) {
		return frame.DropGatewayHeader
	}
	return s.out(x, n, &d)
}

// header reads a whole datagram, which may be fragmented again, and reports whether its
// checksum is right.
func (d *datagram) header(u frame.UDP) bool {
	d.src.port, d.dst.port = u.SrcPort(), u.DstPort()
	d.payload = u.Payload()
	d.size = len(d.payload)
	return d.sums(u)
}

// message returns the datagram of a fragment: the one under way, or a new one in a free
// place, in one whose time is over, or in the oldest of the same sender. It is nil when
// all belong to others.
func (t *fragments) message(p *fragment.Piece, now int64) *message {
	if t.all == nil {
		t.all = make([]message, maxMessages)
	}
	var free, oldest *message
	of := 0
	for i := range t.all {
		m := &t.all[i]
		switch {
		case !m.live || m.until <= now:
			free = m
			continue
		case m.key == p.Key:
			return m
		case !m.key.SameSender(&p.Key):
			continue
		}
		if of++; oldest == nil || m.until < oldest.until {
			oldest = m
		}
	}
	if free == nil || of >= maxOf {
		free = oldest
	}
	if free != nil {
		free.begin(p, now)
	}
	return free
}

func (m *message) begin(p *fragment.Piece, now int64) {
	m.Reset()
	m.live, m.key, m.until, m.ttl, m.tos = true, p.Key, now+waiting, p.Hops, p.TOS
}

// add puts a fragment in its place. It is false, and the datagram over, for one that
// does not fit.
func (m *message) add(p *fragment.Piece) bool {
	m.live = p.Fits(fragment.MaxLen) && m.Add(p) == fragment.Fresh
	return m.live
}

// drop forgets the datagrams that match.
func (t *fragments) drop(match func(m *message) bool) {
	for i := range t.all {
		if m := &t.all[i]; m.live && match(m) {
			m.live = false
		}
	}
}
