package nat

import (
	"sync"
	"sync/atomic"

	"vswitch/internal/flow"
	"vswitch/internal/frame"
)

// Bounds of what is kept of packets in fragments.
const (
	// maxDatagrams may be under way at once, perSender of them from one address: then
	// its oldest is forgotten for its newest.
	maxDatagrams = 1024
	perSender    = maxDatagrams / 4
	// maxKept bounds the bytes that wait for a first fragment.
	maxKept = 4 << 20
	// keptPerDatagram bounds those of one packet.
	keptPerDatagram = 1 << 16
	// reassembly is how long the fragments of a packet may take (RFC 791 begins with
	// 15 seconds).
	reassembly = 15 * second
)

// fate is what has become of a packet's first fragment.
type fate uint8

const (
	waiting fate = iota // it has not come
	passing             // it has been translated
	refused             // it has ended, and so do the others
)

// datagram is a packet in fragments.
type datagram struct {
	key        datagramKey
	hash       uint32
	since      int64
	fate       fate
	src, dst   addr // after translation
	have       [units / 64]uint64
	got, total int // units; total is 0 until the last fragment has come
	kept       []kept
	bytes      int
	next, prev uint32 // by age
}

// kept is the copy of a fragment.
type kept struct {
	b  []byte // from the Ethernet header on
	l3 uint16
	v6 bool
	in bool // it goes inside
}

// fragments is all packets in fragments, under a lock of its own. That lock is never held
// together with the table's.
type fragments struct {
	ready atomic.Int32 // fragments to be released

	mu       sync.Mutex
	index    flow.Index
	all      []*datagram
	free     []uint32
	age      queue // oldest first
	senders  map[addr]int
	bytes    int // of all kept, those to be released too
	released []kept
	lost     uint64
}

func (s *fragments) init() { s.age, s.senders = queue{none, none}, make(map[addr]int) }

// hash needs no secret: a walk is at most as long as the table, which is small.
func (k *datagramKey) hash() uint32 {
	h := fold(k.src.hi^k.dst.lo^saltFlow, k.src.lo^saltInside)
	h ^= fold(k.dst.hi^h, uint64(k.id)<<16|uint64(k.proto)<<8|uint64(k.op)^saltOuter)
	return uint32(h ^ h>>32)
}

// find returns the number of a packet, or none.
func (s *fragments) find(k *datagramKey) uint32 {
	for c := s.index.Find(k.hash()); ; {
		id := c.Next()
		if id == flow.None || s.all[id].key == *k {
			return id
		}
	}
}

// open returns the packet that a fragment is of, new if it is the first of it to come.
func (s *fragments) open(now int64, k *datagramKey) *datagram {
	if id := s.find(k); id != none {
		return s.all[id]
	}
	s.fit(k.src)
	var id uint32
	if n := len(s.free); n > 0 {
		id, s.free = s.free[n-1], s.free[:n-1]
	} else {
		id = uint32(len(s.all))
		s.all = append(s.all, new(datagram))
	}
	d := s.all[id]
	*d = datagram{key: *k, hash: k.hash(), since: now, prev: s.age.last, next: none, kept: d.kept[:0]}
	if d.prev == none {
		s.age.first = id
	} else {
		s.all[d.prev].next = id
	}
	s.age.last = id
	s.index.Add(d.hash, id)
	s.senders[k.src]++
	return d
}

// fit makes room for one more packet from a sender.
func (s *fragments) fit(src addr) {
	if s.senders[src] >= perSender {
		for id := s.age.first; id != none; id = s.all[id].next {
			if s.all[id].key.src == src {
				s.forget(id)
				break
			}
		}
	}
	if s.index.Len() >= maxDatagrams {
		s.forget(s.age.first)
	}
}

// forget drops a packet's books, and the fragments that waited.
func (s *fragments) forget(id uint32) {
	d := s.all[id]
	s.lost += uint64(len(d.kept))
	s.bytes -= d.bytes
	clear(d.kept)
	d.kept = d.kept[:0]
	if d.prev == none {
		s.age.first = d.next
	} else {
		s.all[d.prev].next = d.next
	}
	if d.next == none {
		s.age.last = d.prev
	} else {
		s.all[d.next].prev = d.prev
	}
	s.index.Remove(d.hash, id)
	if s.senders[d.key.src]--; s.senders[d.key.src] == 0 {
		delete(s.senders, d.key.src)
	}
	s.free = append(s.free, id)
}

// cover notes a fragment's place; not ok where something of it was there already.
func (d *datagram) cover(p *piece) bool {
	for i := p.from; i < p.to; i++ {
		if d.have[i/64]>>(i%64)&1 != 0 {
			return false
		}
	}
	for i := p.from; i < p.to; i++ {
		d.have[i/64] |= 1 << (i % 64)
	}
	d.got += p.to - p.from
	if !p.more {
		d.total = p.to
	}
	return true
}

// first notes a first fragment, and reports whether it may be translated.
func (s *fragments) first(now int64, p *piece) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open(now, &p.key).cover(p)
}

// settle notes what became of a first fragment, and releases those that waited for it.
func (s *fragments) settle(p *piece, r frame.Reason, src, dst addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.find(&p.key)
	if id == none {
		return
	}
	d := s.all[id]
	if r != frame.Accepted {
		d.fate = refused
		s.lost += uint64(len(d.kept))
		s.bytes -= d.bytes
	} else {
		d.fate, d.src, d.dst = passing, src, dst
		for _, k := range d.kept {
			readdress(k.b[k.l3:], k.v6, src, dst)
		}
		s.released = append(s.released, d.kept...)
		s.ready.Add(int32(len(d.kept)))
	}
	clear(d.kept)
	d.kept, d.bytes = d.kept[:0], 0
	s.finish(id)
}

// finish forgets a packet all of which has passed.
func (s *fragments) finish(id uint32) {
	if d := s.all[id]; d.fate == passing && d.got == d.total {
		s.forget(id)
	}
}

// later carries out what was done with the first fragment, or keeps a copy until it comes.
func (s *fragments) later(now int64, p *piece, f *frame.Frame) frame.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.open(now, &p.key)
	switch {
	case d.fate == refused || !d.cover(p):
		return frame.DropNATFragment
	case d.fate == waiting:
		return s.keep(d, f)
	}
	readdress(f.Bytes()[f.L3:], p.key.v6, d.src, d.dst)
	s.finish(s.find(&p.key))
	return frame.Accepted
}

func (s *fragments) keep(d *datagram, f *frame.Frame) frame.Reason {
	b := f.Bytes()
	if s.bytes+len(b) > maxKept || d.bytes+len(b) > keptPerDatagram {
		return frame.DropNATFragment
	}
	s.bytes += len(b)
	d.bytes += len(b)
	d.kept = append(d.kept, kept{append([]byte(nil), b...), f.L3, d.key.v6, d.key.op != opOut})
	return frame.Consumed
}

// expire forgets packets that take too long, and returns when the next one will.
func (s *fragments) expire(now int64) (next int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.age.first != none {
		if until := s.all[s.age.first].since + reassembly; until > now {
			return until, true
		}
		s.forget(s.age.first)
	}
	return 0, false
}

func (s *fragments) count(c *Counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Datagrams, c.Kept, c.Lost = s.index.Len(), s.bytes, s.lost
}
