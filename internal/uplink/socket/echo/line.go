package echo

import (
	"errors"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// Lines
//
// A line is a socket. With ping sockets each flow has its own: the kernel chooses the
// identifier on the wire, and gives a socket what has it. With raw sockets a shard has
// one for each family while it has flows: the kernel gives every raw socket a copy of
// every answer of the whole host, so that one for each flow would cost the square of
// their number. The identifiers are then the shard's choice; worker w of a process uses
// those that are w modulo 8, so that shards never answer for each other.

const (
	// stride is how many workers share the identifiers; an engine has no more.
	stride = 8
	// identifiers are a worker's, of each family.
	identifiers = 1 << 16 / stride
	// rawKey is the key of the raw socket of IPv4, rawKey+1 of IPv6. Flows have smaller
	// ones.
	rawKey = 1 << 27
	// solICMPv6 and solRaw are levels of socket options (include/linux/socket.h),
	// icmpFilter is the option that they share (include/uapi/linux/icmp.h, icmpv6.h).
	solICMPv6, solRaw, icmpFilter = 58, 255, 1
)

// line is a socket and what it has been told of how packets leave.
type line struct {
	fd     int32 // -1: none
	told   bool
	form   form
	uses   int32 // flows; of a raw one
	queued bool  // it has its turn in Resume
}

// lineOf returns the socket of a flow.
func (s *Shard) lineOf(id uint32) *line {
	r := &s.records[id]
	if r.line.fd >= 0 {
		return &r.line
	}
	return &s.raw[index(r.v6)]
}

// connect gives a new flow a socket and an identifier on the wire.
func (s *Shard) connect(id uint32) frame.Reason {
	r := &s.records[id]
	var err error
	switch s.way(r.v6) {
	case Ping:
		err = s.connectPing(id)
	case Raw:
		err = s.connectRaw(id)
	default:
		err = unix.EACCES
	}
	if err == nil {
		return frame.Accepted
	}
	if p := &s.paths[index(r.v6)]; p.way != None && forbidden(err) { // since it was probed
		*p = path{asked: true, again: s.now + retry}
	}
	return s.failed(err)
}

// connectPing opens the flow's own socket.
func (s *Shard) connectPing(id uint32) error {
	r := &s.records[id]
	fd, err := Ping.socket(s.socket, r.v6)
	if err != nil {
		return err
	}
	wire, err := bind(fd, r.v6)
	if err == nil {
		prepare(fd, r.v6)
		err = s.watch.Watch(fd, unix.EPOLLIN|unix.EPOLLERR, int32(id))
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	r.line.fd, r.wire = int32(fd), wire
	return nil
}

// bind has the kernel choose an identifier, which is the socket's port.
func bind(fd int, v6 bool) (wire uint16, err error) {
	var anywhere unix.Sockaddr = &unix.SockaddrInet4{}
	if v6 {
		anywhere = &unix.SockaddrInet6{}
	}
	if err := unix.Bind(fd, anywhere); err != nil {
		return 0, err
	}
	sa, err := unix.Getsockname(fd)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port), nil
	case *unix.SockaddrInet6:
		return uint16(sa.Port), nil
	}
	return 0, err
}

// prepare has a socket keep errors and tell hops and types of service. A kernel that
// cannot, delivers answers all the same.
func prepare(fd int, v6 bool) {
	level, options := unix.IPPROTO_IP, []int{unix.IP_RECVERR, unix.IP_RECVTTL, unix.IP_RECVTOS}
	if v6 {
		level, options = unix.IPPROTO_IPV6, []int{unix.IPV6_RECVERR, unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVTCLASS}
	}
	for _, o := range options {
		_ = unix.SetsockoptInt(fd, level, o, 1)
	}
}

// connectRaw gives a flow an identifier on the family's raw socket, which is opened for
// the first.
func (s *Shard) connectRaw(id uint32) error {
	r := &s.records[id]
	l := &s.raw[index(r.v6)]
	switch l.uses {
	case 0:
		if err := s.openRaw(r.v6); err != nil {
			return err
		}
	case identifiers:
		return unix.EADDRINUSE
	}
	for range identifiers {
		s.lastWire += stride
		wire := s.lastWire&^(stride-1) | uint16(s.worker%stride)
		if s.onWire(r.v6, wire) == none {
			r.wire = wire
			l.uses++
			s.outside.Add(s.wireHash(r.v6, wire), id)
			return nil
		}
	}
	return unix.EADDRINUSE
}

func (s *Shard) openRaw(v6 bool) error {
	fd, err := Raw.socket(s.socket, v6)
	if err != nil {
		return err
	}
	prepare(fd, v6)
	err = errors.Join(answersOnly(fd, v6), s.watch.Watch(fd, unix.EPOLLIN|unix.EPOLLERR, int32(rawKey+index(v6))))
	if err != nil {
		unix.Close(fd)
		return err
	}
	s.raw[index(v6)] = line{fd: int32(fd)}
	return nil
}

// answersOnly keeps all but echo replies from a raw socket. Errors come by its queue.
func answersOnly(fd int, v6 bool) error {
	if !v6 {
		return unix.SetsockoptInt(fd, solRaw, icmpFilter, ^(1 << frame.ICMPEchoReply))
	}
	var block unix.ICMPv6Filter
	for i := range block.Data {
		block.Data[i] = ^uint32(0)
	}
	block.Data[frame.ICMPv6EchoReply/32] &^= 1 << (frame.ICMPv6EchoReply % 32)
	return unix.SetsockoptICMPv6Filter(fd, solICMPv6, icmpFilter, &block)
}

// disconnect closes what is a flow's own, and a raw socket that nobody uses any more.
func (s *Shard) disconnect(id uint32) {
	r := &s.records[id]
	l := &r.line
	if l.fd < 0 {
		s.outside.Remove(s.wireHash(r.v6, r.wire), id)
		if l = &s.raw[index(r.v6)]; l.uses > 1 {
			l.uses--
			return
		}
	}
	_ = s.watch.Unwatch(int(l.fd))
	unix.Close(int(l.fd))
	*l = line{fd: -1}
}
