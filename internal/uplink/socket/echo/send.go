package echo

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// sender has what sendmsg is given. It lies in the shard, so that nothing is allocated.
type sender struct {
	msg   unix.Msghdr
	iov   [2]unix.Iovec
	name4 unix.RawSockaddrInet4
	name6 unix.RawSockaddrInet6
	head  [frame.ICMPLen]byte
}

// send sends an echo request to host by flow id. The payload is sent from where it lies.
func (s *Shard) send(x uplink.Outbox, n *uplink.Net, id uint32, q *request, host netip.Addr) frame.Reason {
	r, l := &s.records[id], s.lineOf(id)
	r.remote, r.peer, r.mac = q.dst.As16(), host.As16(), q.mac
	r.hops, r.tos, r.last = q.hops, q.form.tos, s.now
	s.shape(l, q.v6, q.form)
	s.sender.address(q.v6, &r.peer)
	if r.line.fd >= 0 {
		s.sender.whole(q.msg)
	} else {
		s.sender.renamed(q, r.wire)
	}
	errno := s.push(l.fd)
	if errno != 0 {
		return s.unsent(x, n, id, q, errno)
	}
	r.tx++
	r.txBytes += uint64(len(q.msg))
	return frame.Consumed
}

// push sends what is prepared. An error that the socket had pending from an earlier
// packet is none of this one's, and is over when it was returned: the call is repeated.
func (s *Shard) push(fd int32) (errno unix.Errno) {
	for range 2 {
		_, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&s.sender.msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch errno {
		case 0, unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
			return errno
		}
	}
	return errno
}

// unsent says how a request ends that the host's kernel did not take, and tells the
// container of one that is too big.
func (s *Shard) unsent(x uplink.Outbox, n *uplink.Net, id uint32, q *request, errno unix.Errno) frame.Reason {
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		return frame.DropUplinkBusy
	case unix.EPERM, unix.EACCES:
		return frame.DropUplinkProtocol
	case unix.EMSGSIZE:
		s.tooBig(x, n, id, q)
		return frame.DropTooBig
	}
	return frame.DropUplinkUnreachable
}

// address writes whom to send to.
func (w *sender) address(v6 bool, peer *[16]byte) {
	if v6 {
		w.name6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: *peer}
		w.msg.Name, w.msg.Namelen = (*byte)(unsafe.Pointer(&w.name6)), unix.SizeofSockaddrInet6
		return
	}
	w.name4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(peer[12:])}
	w.msg.Name, w.msg.Namelen = (*byte)(unsafe.Pointer(&w.name4)), unix.SizeofSockaddrInet4
}

// whole prepares a message as it is, for a ping socket: the kernel writes the socket's
// identifier and the checksum.
func (w *sender) whole(msg []byte) { w.message(msg, nil) }

// renamed prepares a message with another identifier, for a raw socket. The checksum is
// this side's to make in IPv4, and the kernel's in IPv6.
func (w *sender) renamed(q *request, wire uint16) {
	copy(w.head[:], q.msg)
	m := frame.ICMPv4(w.head[:])
	m.SetID(wire)
	if q.partial && !q.v6 {
		m.SetChecksum(0)
		m.SetChecksum(^frame.Checksum(q.msg[frame.ICMPLen:], uint32(frame.Checksum(m, 0))))
	}
	w.message(w.head[:], q.msg[frame.ICMPLen:])
}

func (w *sender) message(a, b []byte) {
	w.iov[0].Base = unsafe.SliceData(a)
	w.iov[0].SetLen(len(a))
	w.iov[1].Base = unsafe.SliceData(b)
	w.iov[1].SetLen(len(b))
	w.msg.Iov = &w.iov[0]
	w.msg.SetIovlen(2)
}
