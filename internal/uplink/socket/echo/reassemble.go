package echo

import (
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// Reassembly
//
// People send echo requests that are longer than the MTU. A socket takes messages, not
// fragments, so those are put together here, in any order (RFC 791, RFC 8200, section
// 4.5). What is kept is bounded: a few messages a shard, half of them at most of one
// container, for two seconds. A fragment that is there already is forgotten; one that
// overlaps another ends the message (RFC 5722).
const (
	maxMessages = 8
	maxOfOne    = maxMessages / 2
	patience    = 2 * second
	// maxMessage is the longest that a packet of IPv4 can carry, in bytes; it is for
	// IPv6, too.
	maxMessage = 65535 - frame.IPv4Len
	block      = 8 // bytes: fragments begin and, but for the last, end at its multiples
)

// part is a fragment's content.
type part struct {
	id   uint32
	at   int // bytes
	more bool
	body []byte
}

// message is what has come of a message. Its memory is kept for the next, until Expire.
type message struct {
	src, dst netip.Addr
	net      uint16
	id       uint32
	until    int64 // it is nothing any more from then on; 0: there is none
	total    int   // bytes, -1: the last fragment has not come
	got      int   // bytes
	end      int   // of what has come
	data     []byte
	have     [(maxMessage/block + 64) / 64]uint64 // blocks that have come
}

type messages [maxMessages]message

// fragment takes a fragment, and sends the message on that it completes.
func (s *Shard) fragment(x uplink.Outbox, n *uplink.Net, f *frame.Frame, q *request) frame.Reason {
	p, ok := partOf(f, q.v6)
	switch {
	case !ok:
		return frame.DropUplinkProtocol
	case len(p.body) == 0 || p.more && len(p.body)%block != 0 || p.at+len(p.body) > maxMessage:
		return frame.DropTransport
	}
	m := s.messages.slot(n.ID, q, p.id, s.now)
	if m == nil {
		return frame.DropUplinkBusy
	}
	if !m.add(&p) {
		m.until = 0
		return frame.DropNATFragment
	}
	x.Ledger().CopiedBytes.Add(uint64(len(p.body)))
	if m.got != m.total {
		return frame.Consumed
	}
	m.until = 0
	q.msg, q.form.whole = m.data[:m.total], false
	return s.ask(x, n, q)
}

// partOf reads a fragment of ICMP of the packet's family. It is not ok where an IPv6
// packet has other extension headers before the fragment header, or behind it.
func partOf(f *frame.Frame, v6 bool) (p part, ok bool) {
	if !v6 {
		ip := f.IPv4()
		return part{uint32(ip.ID()), ip.FragmentOffset(), ip.MoreFragments(), ip.Payload()}, f.Proto == frame.ProtoICMP
	}
	ip := f.IPv6()
	b := ip.Payload()
	if ip.NextHeader() != extFragment || len(b) < fragmentLen || b[0] != frame.ProtoICMPv6 {
		return p, false
	}
	word := int(be.Uint16(b[2:]))
	return part{be.Uint32(b[4:]), word &^ 7, word&1 != 0, b[fragmentLen:]}, true
}

// slot returns the message that a fragment belongs to, or a place for one; nil if there
// is none.
func (m *messages) slot(net uint16, q *request, id uint32, now int64) (free *message) {
	used := 0
	for i := range m {
		e := &m[i]
		switch {
		case e.until <= now:
			free = e
		case e.net == net && e.src == q.src && e.dst == q.dst && e.id == id:
			return e
		case e.net == net && e.src == q.src:
			used++
		}
	}
	if free == nil || used >= maxOfOne {
		return nil
	}
	*free = message{src: q.src, dst: q.dst, net: net, id: id, until: now + patience, total: -1, data: free.data}
	return free
}

// add adds a fragment, and reports whether the message is still sound.
func (m *message) add(p *part) bool {
	end := p.at + len(p.body)
	switch {
	case m.total >= 0 && (end > m.total || !p.more && end != m.total), !p.more && end < m.end:
		return false
	case !p.more:
		m.total = end
	}
	blocks := (len(p.body) + block - 1) / block
	if here := m.claim(p.at/block, blocks); here == blocks {
		return true // it was sent twice
	} else if here != 0 {
		return false
	}
	if m.data == nil {
		m.data = make([]byte, maxMessage)
	}
	m.got += copy(m.data[p.at:], p.body)
	m.end = max(m.end, end)
	return true
}

// claim marks n blocks as come, and returns how many had come before.
func (m *message) claim(at, n int) (here int) {
	for i := at; i < at+n; i++ {
		if bit := uint64(1) << (i % 64); m.have[i/64]&bit != 0 {
			here++
		} else {
			m.have[i/64] |= bit
		}
	}
	return here
}

// next returns the earlier of when, if ok, and the time at which a message ends.
func (m *messages) next(when int64, ok bool) (int64, bool) {
	for i := range m {
		if until := m[i].until; until != 0 && (!ok || until < when) {
			when, ok = until, true
		}
	}
	return when, ok
}

// drop forgets the messages that which says, and gives their memory back.
func (m *messages) drop(which func(*message) bool) {
	for i := range m {
		if which(&m[i]) {
			m[i] = message{}
		}
	}
}
