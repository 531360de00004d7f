package tcp

import "golang.org/x/sys/unix"

// The window that a container sees is what its peer's socket has room for. The socket
// is asked when half of what it last said is used up, since a system call costs as much
// as a small frame; between, the promise stands. It is never taken back (RFC 9293,
// section 3.8.6): what the socket cannot take after all goes to the stash.
//
// A kernel enlarges a socket's buffer when somebody waits for room in it and the path
// could carry more (tcp_should_expand_sndbuf). Nobody does who never fills it: so below a
// third of room the socket is polled, which is what waiting is, and says EPOLLOUT when
// it has as much again.

// overhead is the part of a socket's room that the kernel's own structures may take, one
// in so many.
const overhead = 8

// window returns what is announced.
func (r *record) window() uint16 {
	return uint16(min((r.rcvEdge-r.rcvNxt)>>r.rcvShift, 0xffff))
}

// widen promises more if it is time to.
func (s *Shard) widen(r *record) {
	if r.rcvEdge-r.rcvNxt <= r.credit/2 && !r.has(flagWaitOut|flagInFin) && r.state == established {
		s.ask(r)
	}
}

// ask asks the socket for its room, and reports whether the promise has grown. It does
// not by less than a segment, which would make the container send small ones; a quarter
// of the buffer is always enough, since that is less than what EPOLLOUT stands for.
func (s *Shard) ask(r *record) bool {
	limit, queued, ok := s.meminfo(r.fd)
	if !ok {
		return false
	}
	room := limit - queued
	if room < limit/3 && s.poll(r.fd, unix.POLLOUT)&unix.POLLOUT == 0 {
		r.flags |= flagWaitOut
	}
	room -= room / overhead
	room = min(max(room, 0), 0xffff<<r.rcvShift)
	r.credit = uint32(room)
	edge := r.rcvNxt + r.credit
	if grown := int32(edge - r.rcvEdge); grown < int32(min(int(r.mss), limit/4)) {
		return false
	}
	r.rcvEdge = edge
	return true
}

// writable: the socket has room again.
func (s *Shard) writable(id uint32, r *record) {
	if b := s.stashes[id]; len(b) > 0 {
		n, errno := s.send(r.fd, b, 0)
		if errno != 0 && errno != unix.EAGAIN {
			s.broken(id, r)
			return
		}
		if n < len(b) {
			s.stashes[id] = b[n:]
			s.stashed -= n
			return
		}
		s.dropStash(id)
	}
	r.flags &^= flagWaitOut
	s.shut(id, r)
	if !r.has(flagInFin) && s.ask(r) {
		s.sendAck(r)
	}
}
