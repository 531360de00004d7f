package tcp

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxBehind is how much may be under way to a container on kernels that cannot peek
// behind it but by reading it again.
const maxBehind = 128 << 10

// peek reads what lies behind all that is under way, and leaves it in the socket: until
// the container has acknowledged it, the socket is the only place where it is kept.
// Until something is under way the offset need not even be set.
func (s *Shard) peek(r *record, p []byte) (int, unix.Errno) {
	off := r.sndNxt - r.taken
	switch {
	case off == 0 && !r.has(flagPeekOff), r.has(flagPeekOff):
	case s.peekOff:
		if errno := s.setPeekOff(r.fd, int32(off)); errno != 0 {
			return 0, errno
		}
		r.flags |= flagPeekOff
	default:
		return s.peekBehind(r, int(off), p)
	}
	return s.recv(callPeek, r.fd, p, len(p), unix.MSG_PEEK)
}

// peekBehind is peek where the kernel has no offset (before Linux 6.9): what lies before
// is read too, into a place that nobody looks at. off is below maxBehind.
func (s *Shard) peekBehind(r *record, off int, p []byte) (int, unix.Errno) {
	if s.discard == nil {
		s.discard = make([]byte, maxBehind)
	}
	s.peekIov[0].Base = unsafe.SliceData(s.discard)
	s.peekIov[0].SetLen(off)
	s.peekIov[1].Base = unsafe.SliceData(p)
	s.peekIov[1].SetLen(len(p))
	s.peekMsg.Iov = &s.peekIov[0]
	s.peekMsg.SetIovlen(len(s.peekIov))
	n, errno := s.recvMsg(r.fd, &s.peekMsg, unix.MSG_PEEK)
	switch {
	case errno != 0:
		return 0, errno
	case n > off:
		return n - off, 0
	case r.has(flagLast) && !r.has(flagError):
		return 0, 0
	}
	return 0, unix.EAGAIN
}
