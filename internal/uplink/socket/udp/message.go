package udp

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// sender has what sendmsg is given. It lies in the shard, so that nothing is allocated.
type sender struct {
	msg     unix.Msghdr
	one     [1]unix.Iovec
	name4   unix.RawSockaddrInet4
	name6   unix.RawSockaddrInet6
	control control
	option  int32
}

// address writes to whom s.sender sends and how: the peer's name, and as control
// messages what differs from what the socket does by itself.
func (s *Shard) address(id uint32, segmented bool) {
	e, w, g := s.sessions.at(id), &s.sender, &s.gather
	k := s.sockets.at(e.socket)
	if k.v6 {
		w.name6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: uplink.NetPort(e.peer.port), Addr: e.peer.addr, Scope_id: e.scope}
		w.msg.Name, w.msg.Namelen = (*byte)(unsafe.Pointer(&w.name6)), unix.SizeofSockaddrInet6
	} else {
		w.name4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uplink.NetPort(e.peer.port), Addr: [4]byte(e.peer.addr[12:])}
		w.msg.Name, w.msg.Namelen = (*byte)(unsafe.Pointer(&w.name4)), unix.SizeofSockaddrInet4
	}
	c := &w.control
	c.n = 0
	if segmented {
		*(*uint16)(c.add(unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)) = uint16(g.size)
	}
	// By the peer's family: a socket of IPv6 may be one of both.
	level, ttl, tos := int32(unix.IPPROTO_IPV6), int32(unix.IPV6_HOPLIMIT), int32(unix.IPV6_TCLASS)
	if e.peer.is4() {
		level, ttl, tos = unix.IPPROTO_IP, unix.IP_TTL, unix.IP_TOS
	}
	if !usual(g.ttl) {
		*(*int32)(c.add(level, ttl, 4)) = int32(g.ttl - 1)
	}
	if g.tos != 0 {
		*(*int32)(c.add(level, tos, 4)) = int32(g.tos)
	}
	if e.local != [16]byte{} {
		c.from(e)
	}
	w.msg.Control = nil
	if c.n > 0 {
		w.msg.Control = (*byte)(unsafe.Pointer(&c.b))
	}
	w.msg.SetControllen(c.n)
}

// usual reports whether a time to live is one that hosts begin with. Its packet leaves
// with the host's own; any other was meant, by traceroute for one, and is counted down
// as a router does.
func usual(ttl uint8) bool { return ttl == 64 || ttl == 128 || ttl == 255 }

// control is a buffer for control messages.
type control struct {
	b [16]uint64 // aligned for struct cmsghdr
	n int
}

// add appends a message with size bytes of data, and returns where they go.
func (c *control) add(level, typ int32, size int) unsafe.Pointer {
	at := unsafe.Pointer(uintptr(unsafe.Pointer(&c.b)) + uintptr(c.n))
	h := (*unix.Cmsghdr)(at)
	h.Level, h.Type = level, typ
	h.SetLen(unix.CmsgLen(size))
	c.n += unix.CmsgSpace(size)
	return unsafe.Add(at, unix.CmsgLen(0))
}

// from has the packet leave from the address that its client knows.
func (c *control) from(e *session) {
	if e.peer.is4() {
		*(*unix.Inet4Pktinfo)(c.add(unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)) =
			unix.Inet4Pktinfo{Spec_dst: [4]byte(e.local[12:])}
		return
	}
	*(*unix.Inet6Pktinfo)(c.add(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)) =
		unix.Inet6Pktinfo{Addr: e.local, Ifindex: e.scope}
}
