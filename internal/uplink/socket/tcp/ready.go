package tcp

import (
	"golang.org/x/sys/unix"

	"vswitch/internal/flow"
	"vswitch/internal/uplink"
)

// Ready takes events of a socket. They are hints: what they announce is tried.
func (s *Shard) Ready(x uplink.Outbox, key int32, events uint32) {
	id := s.byKey(key)
	if id == flow.None {
		return
	}
	s.enter(x)
	r := &s.flows[id]
	switch {
	case !x.As(r.port):
		s.abort(id)
	case r.state != connecting:
		s.events(id, r, events)
	case events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0:
		r.note(events) // the peer may have spoken already, and no edge says so again
		s.connected(id, s.nets[r.net], events)
	}
	s.again()
}

// note notes what events say of the peer's way.
func (r *record) note(events uint32) {
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLERR|unix.EPOLLHUP|unix.EPOLLPRI) != 0 {
		r.flags |= flagReadable
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		r.flags |= flagLast
	}
	if events&unix.EPOLLERR != 0 {
		r.flags |= flagError
	}
	if events&unix.EPOLLPRI != 0 {
		r.flags |= flagUrgent
	}
}

func (s *Shard) events(id uint32, r *record, events uint32) {
	r.note(events)
	if events&unix.EPOLLOUT != 0 && r.has(flagWaitOut) {
		s.writable(id, r)
	}
	if r.state == synSent && r.has(flagError) {
		s.fail(id) // the client did not wait for the container
	}
	if r.state == established && r.has(flagReadable) {
		s.turn(id)
	}
}
