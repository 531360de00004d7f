package udp

import (
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// Reassembly
//
// A container cuts a datagram that is longer than its MTU: the host's socket needs it
// whole, and cuts it again. Fragments come in any order. The first overlap ends a
// datagram (RFC 5722; for IPv4 there is no use for one either), and so does a fragment
// that contradicts where the datagram ends.
const (
	// maxMessages datagrams are under way at once in a shard, maxOf of one sender.
	maxMessages = 16
	maxOf       = 4
	// maxDatagram is the longest that IP carries, in bytes, UDP header included.
	maxDatagram = 65535
	// waiting is how long a datagram may take, in nanoseconds. RFC 8200 has 60 s, which
	// is how long an attacker would hold a place.
	waiting = 2 * second
	// unit is what offsets count in, in bytes.
	unit = 8
)

// message is a datagram under way. Its buffer is kept for the next.
type message struct {
	live     bool
	net      uint16
	src, dst [16]byte
	id       uint32
	until    int64
	total    int // its length; 0: the last fragment has not come
	got      int
	ttl, tos uint8
	have     [maxDatagram/unit/64 + 1]uint64 // a bit a unit
	data     []byte
}

type fragments struct{ all []message }

// piece is a fragment.
type piece struct {
	src, dst [16]byte
	id       uint32
	at       int
	more     bool
	body     []byte
	ttl, tos uint8
}

// fragment takes a fragment, and sends the datagram with the last.
func (s *Shard) fragment(x uplink.Outbox, n *uplink.Net, f *frame.Frame) frame.Reason {
	var p piece
	if !p.read(f) {
		return frame.DropUplinkProtocol
	}
	m := s.fragments.message(n.ID, &p, s.now)
	if m == nil || !m.add(&p) {
		return frame.DropNATFragment
	}
	x.Ledger().CopiedBytes.Add(uint64(len(p.body)))
	if m.got != m.total {
		return frame.Consumed
	}
	m.live = false
	d := datagram{src: end{addr: m.src}, dst: end{addr: m.dst}, ttl: m.ttl, tos: m.tos}
	u := frame.UDP(m.data[:m.total])
	if !u.Valid() || u.Length() != m.total || !d.header(u) {
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

// read takes a fragment apart. It is false for one that is not of UDP, or in which other
// extension headers come before the fragment header: those would have to be kept.
func (p *piece) read(f *frame.Frame) bool {
	if f.Flags&frame.FlagIPv4 != 0 {
		ip := f.IPv4()
		*p = piece{
			ip.Src().As16(), ip.Dst().As16(), uint32(ip.ID()),
			ip.FragmentOffset(), ip.MoreFragments(), ip.Payload(), ip.TTL(), ip.TOS(),
		}
		return ip.Proto() == frame.ProtoUDP
	}
	ip := f.IPv6()
	b := ip.Payload()
	if ip.NextHeader() != extFragment || len(b) < fragmentLen || b[0] != frame.ProtoUDP {
		return false
	}
	word := be.Uint16(b[2:])
	*p = piece{
		ip.Src16(), ip.Dst16(), be.Uint32(b[4:]),
		int(word &^ 7), word&1 != 0, b[fragmentLen:], ip.HopLimit(), ip.TrafficClass(),
	}
	return true
}

// message returns the datagram of a fragment: the one under way, or a new one in a free
// place, in one whose time is over, or in the oldest of the same sender. It is nil when
// all belong to others.
func (t *fragments) message(net uint16, p *piece, now int64) *message {
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
		case m.net != net || m.src != p.src:
			continue
		case m.dst == p.dst && m.id == p.id:
			return m
		}
		if of++; oldest == nil || m.until < oldest.until {
			oldest = m
		}
	}
	if free == nil || of >= maxOf {
		free = oldest
	}
	if free != nil {
		free.begin(net, p, now)
	}
	return free
}

func (m *message) begin(net uint16, p *piece, now int64) {
	data := m.data
	if data == nil {
		data = make([]byte, maxDatagram)
	}
	*m = message{live: true, net: net, src: p.src, dst: p.dst, id: p.id, until: now + waiting, ttl: p.ttl, tos: p.tos, data: data}
}

// add puts a fragment in its place. It is false, and the datagram over, for one that
// does not fit.
func (m *message) add(p *piece) bool {
	last := p.at + len(p.body)
	switch {
	case len(p.body) == 0, last > maxDatagram, p.more && len(p.body)%unit != 0,
		m.total != 0 && (last > m.total || !p.more && last != m.total),
		m.total == 0 && !p.more && m.beyond(last),
		!m.claim(p.at/unit, (last+unit-1)/unit):
		m.live = false
		return false
	}
	if !p.more {
		m.total = last
	}
	m.got += copy(m.data[p.at:], p.body)
	return true
}

// beyond reports whether anything has come that lies behind an end of last bytes.
func (m *message) beyond(last int) bool {
	for u := (last + unit - 1) / unit; u < len(m.have)*64; u++ {
		if m.have[u/64]&(1<<(u%64)) != 0 {
			return true
		}
	}
	return false
}

// claim marks units from to to, and reports whether none of them was there.
func (m *message) claim(from, to int) bool {
	for u := from; u < to; u++ {
		if m.have[u/64]&(1<<(u%64)) != 0 {
			return false
		}
		m.have[u/64] |= 1 << (u % 64)
	}
	return true
}

// drop forgets the datagrams that match.
func (t *fragments) drop(match func(m *message) bool) {
	for i := range t.all {
		if m := &t.all[i]; m.live && match(m) {
			m.live = false
		}
	}
}
