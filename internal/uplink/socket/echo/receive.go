package echo

import (
	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// Ready is told that the socket of key has something to say.
func (s *Shard) Ready(x uplink.Outbox, key int32, _ uint32) {
	s.now = x.Now()
	s.serve(x, uint32(key))
}

// Resume goes on with the sockets that were cut short, a turn each, and reports whether
// there is more.
func (s *Shard) Resume(x uplink.Outbox) (more bool) {
	s.now = x.Now()
	for range len(s.queue) {
		key := s.queue[0]
		s.queue = append(s.queue[:0], s.queue[1:]...)
		if l, _ := s.lineBy(key); l != nil && l.queued {
			l.queued = false
			s.serve(x, key)
		}
	}
	return len(s.queue) > 0
}

// serve gives the socket of key a turn. Who is cut short has another by Resume. A key
// may be that of a flow that has ended.
func (s *Shard) serve(x uplink.Outbox, key uint32) {
	l, v6 := s.lineBy(key)
	if l == nil {
		return
	}
	more := s.complaints(x, key, l.fd)
	more = s.answers(x, key, l.fd, v6) || more
	if more && !l.queued {
		l.queued = true
		s.queue = append(s.queue, key)
		s.watch.Again()
	}
}

// lineBy returns the socket of key, nil if there is none.
func (s *Shard) lineBy(key uint32) (l *line, v6 bool) {
	switch {
	case key == rawKey || key == rawKey+1:
		l, v6 = &s.raw[key-rawKey], key == rawKey+1
	case key < uint32(len(s.records)):
		l, v6 = &s.records[key].line, s.records[key].v6
		if !s.records[key].live {
			return nil, v6
		}
	}
	if l == nil || l.fd < 0 {
		return nil, v6
	}
	return l, v6
}

// answers has what a socket got enter, a turn of it; more says that there is some left.
func (s *Shard) answers(x uplink.Outbox, key uint32, fd int32, v6 bool) (more bool) {
	failed := 0
	for range turn {
		slot := uplink.Borrow(x)
		if slot == nil {
			return true
		}
		a, errno := s.receive(slot, fd, v6, key >= rawKey)
		switch {
		case errno == unix.EAGAIN:
			x.Return(slot)
			return false
		case errno != 0: // an error that was pending, and is over now
			x.Return(slot)
			failed++
		case !s.deliver(x, key, v6, slot, &a):
			x.Return(slot)
		}
	}
	return failed < turn // if not, the socket is of no use any more
}
