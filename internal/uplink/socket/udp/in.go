package udp

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// Receiving
//
// A datagram is read into a borrowed slot, behind the room for its headers, and enters
// from there. With UDP_GRO several of one size come at once, and enter as one
// super-frame. One recvmmsg reads up to as many as there are slots for: fewer than it
// was offered means that there is no more, so that a question and its answer cost one
// system call in each direction.
const (
	// few slots are offered first: enough to see that there was one datagram only.
	few = 2
	// many are offered while small datagrams are queued; large ones fill the cache.
	many = 16
	// small is the longest datagram of which many are read at once, in bytes.
	small = 4096
	// turns are how many calls a socket has before others have their turn.
	turns = 32
)

// receiver has what recvmmsg is given, for each slot, and what comes of it.
type receiver struct {
	msgs     [many]unix.Mmsghdr
	iovs     [many][2]unix.Iovec
	names    [many]unix.RawSockaddrInet6
	controls [many]control
	slots    [many][]byte
	in       [many]arrival
	// row is where datagrams of a guessed size are put side by side, see row.go.
	row   []byte
	guess int
}

func (r *receiver) init() {
	for i := range r.msgs {
		h := &r.msgs[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Control = (*byte)(unsafe.Pointer(&r.controls[i].b))
		h.Iov = &r.iovs[i][0]
	}
}

// serve takes what socket id has, errors first: a pending one would fail the reads.
func (s *Shard) serve(x uplink.Outbox, id uint32, failed bool) {
	if int(id) >= len(s.sockets.all) || !s.sockets.at(id).live {
		return // it was closed since
	}
	n := s.netOf(s.mappings.at(s.sockets.at(id).mapping))
	if n == nil || !x.As(n.Port) {
		return
	}
	if failed {
		s.complain(x, n, id)
	}
	if s.drain(x, n, id) {
		s.later(id)
	}
}

// drain reads until a socket is empty, and reports whether it was cut short.
func (s *Shard) drain(x uplink.Outbox, n *uplink.Net, id uint32) (more bool) {
	want, guess := few, 0
	for range turns {
		lent := s.lend(x, id, want, guess)
		if lent == 0 {
			return true
		}
		got, errno := s.receive(id, lent)
		s.arrive(x, n, id, got)
		for _, slot := range s.receiver.slots[got:lent] {
			x.Return(slot)
		}
		x.Flush()
		switch {
		case errno == unix.EAGAIN, errno == 0 && got < lent:
			return false
		case errno == unix.EBADF, errno == unix.ENOTSOCK, errno == unix.EFAULT:
			return false
		case errno != 0:
			s.complain(x, n, id)
		case s.receiver.in[got-1].n <= small:
			want, guess = many, s.receiver.alike(got, n.MTU)
		default:
			want, guess = few, 0
		}
	}
	return true
}

// lend borrows up to want slots, and a row where a size is guessed, and returns how many
// slots it got.
func (s *Shard) lend(x uplink.Outbox, id uint32, want, guess int) int {
	r := &s.receiver
	r.row, r.guess = nil, guess
	if guess > 0 {
		if r.row = x.Borrow(); r.row == nil {
			return 0
		}
	}
	at := frame.Headroom + headers(s.mappings.at(s.sockets.at(id).mapping).inside.is4())
	for i := range want {
		slot := x.Borrow()
		if slot == nil {
			if i == 0 && r.row != nil {
				x.Return(r.row)
			}
			return i
		}
		r.slots[i] = slot
		r.lay(i, at)
		h := &r.msgs[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(len(r.controls[i].b) * 8)
	}
	return want
}

// headers is how many bytes are before the payload, from the Ethernet header on.
func headers(v4 bool) int {
	if v4 {
		return frame.EthernetLen + frame.IPv4Len + frame.UDPLen
	}
	return frame.EthernetLen + frame.IPv6Len + frame.UDPLen
}

// receive reads into the slots that were borrowed.
func (s *Shard) receive(id uint32, lent int) (got int, errno unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.sockets.at(id).fd),
		uintptr(unsafe.Pointer(&s.receiver.msgs)), uintptr(lent), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// arrive takes what was received to the container. Each slot that has something is
// entered or given back.
func (s *Shard) arrive(x uplink.Outbox, n *uplink.Net, id uint32, got int) {
	r := &s.receiver
	inside := s.mappings.at(s.sockets.at(id).mapping).inside
	mac, known := n.Lookup(inside.ip())
	for i := range got {
		r.read(i, &r.in[i])
	}
	aligned := s.align(x, got, frame.Headroom+headers(inside.is4()))
	for i := range got {
		a := &r.in[i]
		if i > 0 && i < aligned {
			x.Return(a.slot)
			continue
		}
		end := frame.DropNeighbour
		if known {
			end = s.deliver(x, n, mac, id, a)
		}
		if end != frame.Accepted {
			x.Return(a.slot)
			l := x.Ledger()
			l.Rx(1, uint64(headers(inside.is4())+a.n))
			l.End(end)
		}
	}
}

// deliver enters one message. Where it does not return frame.Accepted the slot is still
// the caller's.
func (s *Shard) deliver(x uplink.Outbox, n *uplink.Net, mac frame.MAC, id uint32, a *arrival) frame.Reason {
	at := s.match(id, &a.peer, &a.local)
	if at == none {
		var r frame.Reason
		if at, r = s.admit(n, id, a); r != frame.Accepted {
			return r
		}
	}
	packets := 1
	if a.size > 0 {
		packets = (a.n + a.size - 1) / a.size
	}
	s.heardFrom(at, packets, a.n)
	return s.enter(x, n, mac, at, a)
}
