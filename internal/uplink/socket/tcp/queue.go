package tcp

import "vswitch/internal/uplink"

const (
	// turnFrames is how many super-frames a connection sends before another has its
	// turn, resumeFrames how many all do before the worker looks after its ports.
	turnFrames   = 8
	resumeFrames = 16
)

// queue is who waits for a turn: a list through record.next.
type queue struct{ first, last uint32 } // id + 1

func (s *Shard) enqueue(id uint32) {
	r := &s.flows[id]
	if r.has(flagQueued) || r.state == unused {
		return
	}
	r.flags |= flagQueued
	r.next = 0
	if s.queue.first == 0 {
		s.queue.first = id + 1
	} else {
		s.flows[s.queue.last-1].next = id + 1
	}
	s.queue.last = id + 1
}

// pop takes the first out of the queue, which is not empty.
func (s *Shard) pop() uint32 {
	id := s.queue.first - 1
	r := &s.flows[id]
	s.queue.first = r.next
	r.flags &^= flagQueued
	return id
}

// Resume gives those who wait their turns, and reports whether some are left.
func (s *Shard) Resume(x uplink.Outbox) (more bool) {
	s.enter(x)
	for n := 0; s.queue.first != 0 && n < resumeFrames; n++ {
		id := s.pop()
		if s.flows[id].state == unused {
			s.forget(id)
			continue
		}
		n += s.turn(id)
	}
	s.asked = s.queue.first != 0
	return s.asked
}
