package udp

import "vswitch/internal/uplink"

// Timers
//
// A session lives as long as something passes, and a mapping as long as one of its
// sessions. What the container sends refreshes (RFC 4787, REQ-6a), and what it gets only
// from those that it has sent to, so that a stranger does not keep a mapping open.
const (
	// answered is for sessions with traffic both ways: what REQ-5c recommends.
	answered = 300 * second
	// unanswered is for those that nobody has answered: the least that REQ-5 allows.
	unanswered = 120 * second
	// Names: a resolver takes a new port for each question, so that a mapping is over
	// with the answer. REQ-5a allows less for the protocol of a well-known port.
	namesPort       = 53
	namesAnswered   = 20 * second
	namesUnanswered = 30 * second
	clientUnheeded  = 30 * second // a client of a published port that gets no answer
)

// timeout is how long a session lasts in which nothing passes.
func timeout(e *session) int64 {
	switch {
	case e.in && !e.sent:
		return clientUnheeded
	case !e.in && e.remote.port == namesPort && e.heard:
		return namesAnswered
	case !e.in && e.remote.port == namesPort:
		return namesUnanswered
	case e.replied():
		return answered
	}
	return unanswered
}

// Next returns by when Expire wants to be called; not ok when there is nothing to end.
func (s *Shard) Next() (when int64, ok bool) { return s.wheel.Next() }

// Expire ends the sessions whose time has come.
func (s *Shard) Expire(x uplink.Outbox) {
	s.now = x.Now()
	s.wheel.Advance(s.now, s.due)
}

// expire ends a session, or sets the timer of one that was used since.
func (s *Shard) expire(id uint32) {
	e := s.sessions.at(id)
	if when := e.last + timeout(e); when > s.now {
		s.wheel.Set(id, when)
		return
	}
	s.drop(id)
}

// heardFrom notes a datagram of the peer's.
func (s *Shard) heardFrom(id uint32, packets, bytes int) {
	e := s.sessions.at(id)
	e.rx += uint64(packets)
	e.rxBytes += uint64(bytes)
	if e.sent || s.sockets.at(e.socket).published {
		e.last = s.now
	}
	if !e.heard {
		e.heard = true
		s.wheel.Set(id, s.now+timeout(e)) // a name's is nearer now
	}
	s.touch(id)
}

// sentTo notes a datagram of the container's.
func (s *Shard) sentTo(id uint32, packets, bytes int) {
	e := s.sessions.at(id)
	e.tx += uint64(packets)
	e.txBytes += uint64(bytes)
	e.last, e.sent = s.now, true
	s.touch(id)
}
