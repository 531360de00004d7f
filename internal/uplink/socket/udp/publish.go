package udp

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// Open takes clients of a published port: fd is a socket bound to host, and stays the
// caller's, who keeps it open until Shut; inside is the container's end on n. What is in
// its queue already is delivered. It returns the number for Shut.
func (s *Shard) Open(x uplink.Outbox, n *uplink.Net, fd int, inside, host netip.AddrPort) (id uint32, err error) {
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return none, fmt.Errorf("udp: published socket of %v: %w", host, err)
	}
	s.now = x.Now()
	s.adopt(n)
	at := endOf(inside)
	m := s.mappingOf(n.ID, &at)
	if m == none {
		m = s.newMapping(n.ID, &at)
	}
	id = s.sockets.take()
	k := s.sockets.at(id)
	*k = socket{
		fd: int32(fd), mapping: m, next: s.mappings.at(m).ports, host: endOf(host),
		live: true, published: true, v6: family == unix.AF_INET6,
	}
	if k.v6 {
		only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		k.both = err == nil && only == 0
	}
	s.prepare(k)
	if err := s.watch.Watch(fd, unix.EPOLLIN|unix.EPOLLERR, int32(id)); err != nil {
		s.sockets.give(id)
		s.leave(m)
		return none, fmt.Errorf("udp: published socket of %v: %w", host, err)
	}
	s.mappings.at(m).ports = id
	return id, nil
}

// Shut ends what Open began, and with it all sessions that went by that socket. A number
// that is not open is left alone.
func (s *Shard) Shut(_ uplink.Outbox, id uint32) {
	if int(id) >= len(s.sockets.all) || !s.sockets.at(id).published {
		return
	}
	k := s.sockets.at(id)
	at := k.mapping
	_ = s.watch.Unwatch(int(k.fd))
	m := s.mappings.at(at)
	for e := m.newest; e != none; {
		older := s.sessions.at(e).older
		if s.sessions.at(e).socket == id {
			s.remove(e)
		}
		e = older
	}
	for p := &m.ports; *p != none; p = &s.sockets.at(*p).next {
		if *p == id {
			*p = k.next
			break
		}
	}
	s.sockets.give(id)
	s.leave(at)
}
