package udp

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

var be = binary.BigEndian

// Sending
//
// A payload is sent from the slot that it was read into. Datagrams of one session that
// follow one another in a run, of one size but for the last, leave by one system call as
// one super-frame (UDP_SEGMENT), and so does what the container's kernel made one: the
// host's stack is passed once for all of them.
const (
	// maxGathered frames become one send; a container's own super-frame counts as one.
	maxGathered = 64
	// maxSegments is what every kernel with UDP_SEGMENT takes (UDP_MAX_SEGMENTS before
	// Linux 6.9). A container's own super-frame may have more.
	maxSegments = 64
	// maxGather is the longest payload that is gathered, in bytes; it fits into IPv6.
	maxGather = 65535 - frame.IPv6Len - frame.UDPLen
)

// gather is what has been put off: datagrams of one session and one form.
type gather struct {
	session  uint32
	size     int
	bytes    int
	segments int
	closed   bool // the last was short: nothing can follow
	ttl, tos uint8
	whole    bool
	n        int
	iov      [maxGathered]unix.Iovec
	frames   [maxGathered]*frame.Frame
}

// send sends a datagram, or puts it off. A reassembled one, which has no frame, is sent
// at once.
func (s *Shard) send(x uplink.Outbox, n *uplink.Net, id uint32, d *datagram) frame.Reason {
	g := &s.gather
	if g.session != none && !(s.gathers(id) && g.takes(id, d)) {
		s.transmit(x, n)
	}
	g.add(id, d)
	if d.f == nil {
		return s.transmit(x, n)
	}
	return frame.Consumed
}

// gathers reports whether several datagrams to a session's peer may be one send.
func (s *Shard) gathers(id uint32) bool { return s.offloads.segments && !s.sessions.at(id).single }

// takes reports whether d can follow what was put off.
func (g *gather) takes(id uint32, d *datagram) bool {
	return id == g.session && !g.closed && g.n < maxGathered &&
		d.ttl == g.ttl && d.tos == g.tos && d.whole == g.whole && d.f != nil &&
		(d.size == g.size || d.size == len(d.payload) && d.size < g.size) && len(d.payload) > 0 &&
		g.bytes+len(d.payload) <= maxGather && g.segments+d.packets() <= maxSegments
}

func (g *gather) add(id uint32, d *datagram) {
	if g.session == none {
		g.session, g.size, g.ttl, g.tos, g.whole = id, d.size, d.ttl, d.tos, d.whole
		g.n, g.bytes, g.segments = 0, 0, 0
	}
	g.iov[g.n].Base = unsafe.SliceData(d.payload)
	g.iov[g.n].SetLen(len(d.payload))
	g.frames[g.n] = d.f
	g.n++
	g.bytes += len(d.payload)
	g.segments += d.packets()
	g.closed = g.size == 0 || len(d.payload)%g.size != 0
}

// transmit sends what was put off. The frames of what could not be sent get their Drop;
// it returns that of the last.
func (s *Shard) transmit(x uplink.Outbox, n *uplink.Net) (r frame.Reason) {
	g := &s.gather
	if g.session == none {
		return frame.Consumed
	}
	defer func() { g.session = none }()
	id := g.session
	if g.segments > 1 && !s.gathers(id) {
		return s.scatter(x, n, id)
	}
	errno, mtu := s.push(x, n, id, g.iov[:g.n], g.segments > 1)
	switch {
	case errno == 0:
		return frame.Consumed
	case g.segments > 1 && errno == unix.EIO: // no checksum offload on the way there
		s.sessions.at(id).single = true
		return s.scatter(x, n, id)
	case g.segments > 1 && (errno == unix.EINVAL || errno == unix.EMSGSIZE): // above the path's MTU
		return s.scatter(x, n, id)
	}
	r = s.unsent(x, n, id, errno, mtu, 0)
	for _, f := range g.frames[:g.n] {
		mark(f, r)
	}
	return r
}

// scatter sends each datagram of what was put off by itself.
func (s *Shard) scatter(x uplink.Outbox, n *uplink.Net, id uint32) (r frame.Reason) {
	g := &s.gather
	for i := range g.n {
		all := unsafe.Slice(g.iov[i].Base, g.iov[i].Len)
		r = frame.Consumed
		for len(all) > 0 && r == frame.Consumed {
			step := min(g.size, len(all))
			s.sender.one[0].Base = &all[0]
			s.sender.one[0].SetLen(step)
			if errno, mtu := s.push(x, n, id, s.sender.one[:], false); errno != 0 {
				r = s.unsent(x, n, id, errno, mtu, i)
			}
			all = all[step:]
		}
		mark(g.frames[i], r)
	}
	return r
}

// mark says how a frame that was put off has ended.
func mark(f *frame.Frame, r frame.Reason) {
	if f != nil && r != frame.Consumed {
		f.Drop = r
	}
}

// unsent says how a datagram ends that the host's kernel did not take, and tells the
// container of one that is too big.
func (s *Shard) unsent(x uplink.Outbox, n *uplink.Net, id uint32, errno unix.Errno, mtu uint32, i int) frame.Reason {
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		return frame.DropUplinkBusy
	case unix.EPERM, unix.EACCES:
		return frame.DropUplinkProtocol
	case unix.EMSGSIZE:
		s.tooBig(x, n, id, mtu, i)
		return frame.DropTooBig
	}
	s.counts.Failed++
	return frame.DropUplinkUnreachable
}

// push sends iov to a session's peer. An error that the socket had pending from an
// earlier datagram is none of this one's: it is told to the container, and the call
// repeated. mtu is the path's where errno is EMSGSIZE.
func (s *Shard) push(x uplink.Outbox, n *uplink.Net, id uint32, iov []unix.Iovec, segmented bool) (errno unix.Errno, mtu uint32) {
	k := s.sockets.at(s.sessions.at(id).socket)
	s.form(k, s.gather.whole)
	s.address(id, segmented)
	s.sender.msg.Iov = &iov[0]
	s.sender.msg.SetIovlen(len(iov))
	for range 2 {
		_, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, uintptr(k.fd),
			uintptr(unsafe.Pointer(&s.sender.msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch errno {
		case 0, unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM, unix.EINVAL, unix.EIO:
			return errno, 0
		case unix.EMSGSIZE:
			return errno, s.complain(x, n, s.sessions.at(id).socket)
		}
		s.complain(x, n, s.sessions.at(id).socket)
	}
	return errno, 0
}

// form has the kernel fragment what a socket sends, or not.
func (s *Shard) form(k *socket, whole bool) {
	if k.whole == whole {
		return
	}
	k.whole = whole
	s.sender.option = unix.IP_PMTUDISC_WANT // IPv6 has the same numbers
	if whole {
		s.sender.option = unix.IP_PMTUDISC_DO
	}
	if k.v6 {
		s.discover(k, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER)
	}
	if !k.v6 || k.both {
		s.discover(k, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
	}
}

func (s *Shard) discover(k *socket, level, option uintptr) {
	unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(k.fd), level, option,
		uintptr(unsafe.Pointer(&s.sender.option)), unsafe.Sizeof(s.sender.option), 0)
}
