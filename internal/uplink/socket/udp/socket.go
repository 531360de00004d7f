package udp

import (
	"errors"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// buffers is what a socket asks for in each direction, in bytes; the kernel grants what
// net.core.rmem_max and wmem_max allow. A burst waits there for its turn.
const buffers = 1 << 20

// offloads are what the host's kernel can do for UDP, found out with the first socket.
type offloads struct {
	known    bool
	segments bool // UDP_SEGMENT (Linux 4.18)
}

// socketFor returns the socket that mapping m reaches peer by: a published one that can,
// so that the container's port is the same to everybody, or the mapping's own.
func (s *Shard) socketFor(n *uplink.Net, m uint32, peer *end) (uint32, frame.Reason) {
	at := s.mappings.at(m)
	for id := at.ports; id != none; id = s.sockets.at(id).next {
		if s.sockets.at(id).reaches(peer) {
			return id, frame.Accepted
		}
	}
	if at.own != none {
		return at.own, frame.Accepted
	}
	return s.open(n, m, !peer.is4())
}

// reaches reports whether a published socket can send to peer from where it is bound.
func (k *socket) reaches(peer *end) bool {
	if k.v6 == peer.is4() && !k.both {
		return false
	}
	return k.host.ip().IsUnspecified() || k.host.isLoopback() == peer.isLoopback()
}

// open makes a mapping's own socket, bound to a free port of all addresses.
func (s *Shard) open(n *uplink.Net, m uint32, v6 bool) (uint32, frame.Reason) {
	inside := s.mappings.at(m).inside.ip()
	if !s.budget.Take(n, inside) {
		s.counts.Limited++
		return none, frame.DropUplinkLimit
	}
	fd, err := bound(v6)
	if err != nil {
		s.budget.Give(n.ID, inside)
		return none, s.unopened(err)
	}
	id := s.sockets.take()
	*s.sockets.at(id) = socket{fd: int32(fd), mapping: m, next: none, live: true, v6: v6}
	s.prepare(s.sockets.at(id))
	if err := s.watch.Watch(fd, unix.EPOLLIN|unix.EPOLLERR, int32(id)); err != nil {
		s.sockets.give(id)
		unix.Close(fd)
		s.budget.Give(n.ID, inside)
		return none, s.unopened(err)
	}
	s.mappings.at(m).own = id
	return id, frame.Accepted
}

// unopened counts that there is no socket, and says how its packet ends.
func (s *Shard) unopened(err error) frame.Reason {
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) { // a host without IPv6
		s.counts.Failed++
		return frame.DropUplinkUnreachable
	}
	s.counts.Exhausted++
	return frame.DropUplinkSockets
}

// bound returns a bound socket.
func bound(v6 bool) (fd int, err error) {
	family, everywhere := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{})
	if v6 {
		family, everywhere = unix.AF_INET6, &unix.SockaddrInet6{}
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if v6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err := unix.Bind(fd, everywhere); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare sets what the shard wants of a socket. All of it can do without: a kernel
// without GRO delivers datagrams one by one, one without error queues no errors.
func (s *Shard) prepare(k *socket) {
	set := func(level, option, value int) { _ = unix.SetsockoptInt(int(k.fd), level, option, value) }
	set(unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	set(unix.SOL_SOCKET, unix.SO_RCVBUF, buffers)
	set(unix.SOL_SOCKET, unix.SO_SNDBUF, buffers)
	if k.v6 {
		set(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		set(unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1)
	}
	if !k.v6 || k.both {
		set(unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		set(unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
	}
	if k.published && k.v6 {
		set(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	} else if k.published {
		set(unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	s.form(k, true)
	if !s.offloads.known {
		_, err := unix.GetsockoptInt(int(k.fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		s.offloads = offloads{known: true, segments: err == nil}
	}
}

// closeSocket closes a mapping's own socket.
func (s *Shard) closeSocket(id uint32) {
	k := s.sockets.at(id)
	m := s.mappings.at(k.mapping)
	_ = s.watch.Unwatch(int(k.fd))
	unix.Close(int(k.fd))
	s.budget.Give(m.net, m.inside.ip())
	s.sockets.give(id)
}
