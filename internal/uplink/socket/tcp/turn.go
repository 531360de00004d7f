package tcp

import (
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

const (
	// maxPayload is how much a super-frame carries: 44 segments of an Ethernet.
	maxPayload = 64240
	// maxPacket is the longest IP packet.
	maxPacket = 65535
)

// turn consumes from the socket what the container has acknowledged, and sends it what
// has come since. It returns how many segments.
func (s *Shard) turn(id uint32) (n int) {
	r := &s.flows[id]
	if !s.x.As(r.port) {
		s.abort(id)
		return 0
	}
	if r.state != established || !s.consume(id, r) {
		return 0
	}
	if r.has(flagNeedAck) {
		s.widen(r) // data will say it
	}
	quiet := r.sndUna == r.sndMax
	for n < turnFrames && s.sendNext(id, r) {
		n++
	}
	switch {
	case r.state == unused:
		return n
	case r.has(flagBroken):
		s.fail(id)
		return n
	case n == turnFrames:
		s.enqueue(id)
	}
	if r.has(flagNeedAck) && !r.has(flagAckList) {
		s.acknowledge(id, r)
	}
	if quiet {
		s.rearm(id, r)
	}
	s.finish(id, r)
	return n
}

// consume takes out of the socket what the container has. It is false if the connection
// has ended by that.
func (s *Shard) consume(id uint32, r *record) bool {
	to := r.sndUna
	if r.has(flagFinAcked) {
		to = r.fin
	}
	for r.taken != to {
		n, errno := s.recv(callTake, r.fd, nil, int(to-r.taken), unix.MSG_TRUNC)
		if errno != 0 || n == 0 {
			s.fail(id)
			return false
		}
		r.taken += uint32(n)
	}
	return true
}

// room is how much may be sent now, as a multiple of whole segments where more than one
// fits, and nothing that would only be a small part of one (RFC 9293, section
// 3.8.6.2.1).
func (r *record) room() int {
	used := r.sndNxt - r.sndUna
	if used >= r.sndWnd {
		return 0
	}
	room, mss := int(r.sndWnd-used), int(r.mss)
	if room < mss {
		if used > 0 && room < int(r.maxWnd/2) {
			return 0
		}
		return room
	}
	most := min(max(maxPayload/mss, 1)*mss, maxPacket-frame.IPv6Len-frame.TCPLen)
	return min(room/mss*mss, most)
}

// sendable reports whether there may be something to send, and the container takes it.
func (s *Shard) sendable(r *record) bool {
	return r.state == established && r.has(flagReadable) && (r.room() > 0 || r.has(flagEOF))
}

// sendNext sends one super-frame of what the socket has, right from where the kernel
// puts it, and reports whether there may be more.
func (s *Shard) sendNext(id uint32, r *record) bool {
	if !r.has(flagReadable) {
		return false
	}
	if r.has(flagEOF) && !before(r.sndNxt, r.fin) {
		return s.sendEnd(id, r)
	}
	room := r.room()
	if !s.peekOff {
		room = min(room, maxBehind-int(r.sndNxt-r.taken))
	}
	if r.has(flagUrgent) {
		room = s.roomToMark(r, room)
	}
	if room <= 0 {
		return false
	}
	slot := s.borrow()
	if slot == nil {
		s.enqueue(id)
		return false
	}
	at := payloadAt(r.has(flagV4))
	n, errno := s.peek(r, slot[at:at+room])
	if n == 0 {
		s.x.Return(slot)
		return s.dry(id, r, errno)
	}
	s.sendData(r, slot, n, n < room)
	return true
}

// sendEnd sends the FIN, or learns that the connection was reset behind it.
func (s *Shard) sendEnd(id uint32, r *record) bool {
	if r.sndNxt == r.fin && !s.sendFin(r) {
		s.enqueue(id)
		return false
	}
	r.flags &^= flagReadable
	if r.has(flagError) {
		s.fail(id)
	}
	return false
}

// dry: there was nothing to peek at. Nothing yet, nothing any more, or an error.
func (s *Shard) dry(id uint32, r *record, errno unix.Errno) bool {
	switch {
	case r.has(flagBroken): // the turn ends with a reset, and no end before it
	case errno == 0:
		r.flags = r.flags&^flagUrgent | flagEOF
		r.fin = r.sndNxt
		return true
	case errno == unix.EAGAIN:
		r.flags &^= flagReadable | flagUrgent
	default:
		s.fail(id)
	}
	return false
}

// sendData sends n bytes that lie in the slot. A short read has emptied the socket: the
// next byte comes with an edge, unless its peer has closed, when none comes and the FIN
// goes along.
func (s *Shard) sendData(r *record, slot []byte, n int, short bool) {
	h := frame.TCPFields{Seq: r.sndNxt, Ack: r.rcvNxt, Flags: ack, Window: r.window()}
	if short && !r.has(flagUrgent) {
		h.Flags |= psh
		switch {
		case !r.has(flagLast):
			r.flags &^= flagReadable
		case !r.has(flagError | flagBroken):
			r.flags = r.flags&^flagReadable | flagEOF
			r.fin = r.sndNxt + uint32(n)
			h.Flags |= fin
		}
	}
	e := r.ends()
	size := e.put(slot, h, n, int(r.mss))
	if r.has(flagUrgent) && r.has(flagMark) {
		markUrgent(slot, r)
		r.flags &^= flagUrgent | flagMark
	}
	s.x.Enter(slot, size)
	s.time(r, n)
	r.sent(n, h.Flags)
	s.x.Flush()
}
