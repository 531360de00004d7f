package tcp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// Urgent data is one byte of the stream with a mark on it (RFC 6093; tcp(7)). The mark
// is passed on both ways, the byte stays in its place.

// urgentAt returns which of the n bytes from number seq on is urgent, -1 for none. The
// pointer stands behind it, as all kernels have it.
func urgentAt(t frame.TCP, seq uint32, n int) int {
	k := int(int32(t.Seq() + uint32(binary.BigEndian.Uint16(t[tcpUrgent:])) - 1 - seq))
	if k < 0 || k >= n {
		return -1
	}
	return k
}

// takeUrgent takes bytes of which number k is urgent. Behind a stash it loses its mark.
func (s *Shard) takeUrgent(id uint32, r *record, payload []byte, k int) frame.Reason {
	s.flushGather()
	if r.state == unused {
		return frame.Consumed
	}
	if len(s.stashes[id]) > 0 {
		return s.takeBehind(id, r, payload)
	}
	n, errno := s.send(r.fd, payload[:k+1], unix.MSG_OOB)
	if errno != 0 && errno != unix.EAGAIN {
		s.broken(id, r)
		return frame.Consumed
	}
	r.took(n)
	if n <= k {
		r.flags |= flagWaitOut
		return s.takeBehind(id, r, payload[n:])
	}
	s.gatherText(id, r, payload[n:])
	return frame.Consumed
}

// roomToMark bounds what is sent while an urgent byte is ahead. Only the socket knows
// where, and only when it is next to be consumed (SIOCATMARK): so nothing is under way
// meanwhile. A read ends before the mark by itself.
func (s *Shard) roomToMark(r *record, room int) int {
	r.flags &^= flagMark
	if room == 0 || r.sndNxt != r.taken {
		return 0
	}
	if s.atMark(r.fd) {
		r.flags |= flagMark
		return 1
	}
	return room
}

// markUrgent marks the first byte of a segment that has been built, whose checksum does
// not cover the header yet.
func markUrgent(slot []byte, r *record) {
	t := frame.TCP(slot[payloadAt(r.has(flagV4))-frame.TCPLen:])
	t.SetFlags(t.Flags() | urg | psh)
	binary.BigEndian.PutUint16(t[tcpUrgent:], 1)
}
