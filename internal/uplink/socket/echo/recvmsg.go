package echo

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// receiver has what recvmsg is given.
type receiver struct {
	msg     unix.Msghdr
	iov     unix.Iovec
	name    [unix.SizeofSockaddrInet6]byte
	control [16]uint64 // aligned for struct cmsghdr
}

// answer is an ICMP message from outside, where it is to lie in a frame.
type answer struct {
	from      netip.Addr
	hops, tos uint8
	msg       []byte
	copied    int // bytes that had to be moved
}

// receive takes a message from a socket right behind where its headers will be. It is
// empty where it is not sound.
func (s *Shard) receive(slot []byte, fd int32, v6, raw bool) (a answer, errno unix.Errno) {
	at := frame.Headroom + frame.EthernetLen + frame.IPv4Len
	switch {
	case v6:
		at = frame.Headroom + frame.EthernetLen + frame.IPv6Len
	case raw: // the kernel gives the IPv4 header, too
		at = frame.Headroom + frame.EthernetLen
	}
	w := &s.receiver
	n, errno := w.recvmsg(fd, slot[at:])
	if errno != 0 {
		return a, errno
	}
	a.msg = slot[at : at+n]
	a.hops, a.tos = w.said()
	if v6 {
		a.from = netip.AddrFrom16([16]byte(w.name[8:]))
		return a, 0
	}
	a.from = netip.AddrFrom4([4]byte(w.name[4:]))
	if raw {
		a.strip(slot[at : at+n])
	}
	return a, 0
}

func (w *receiver) recvmsg(fd int32, b []byte) (n int, errno unix.Errno) {
	w.iov.Base = &b[0]
	w.iov.SetLen(len(b))
	w.msg = unix.Msghdr{Name: &w.name[0], Namelen: uint32(len(w.name)), Iov: &w.iov}
	w.msg.SetIovlen(1)
	w.msg.Control = (*byte)(unsafe.Pointer(&w.control))
	w.msg.SetControllen(int(unsafe.Sizeof(w.control)))
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&w.msg)), unix.MSG_DONTWAIT)
	return int(r), errno
}

// said returns hops and type of service as the kernel says them beside a message; 64 and
// 0 where it does not.
func (w *receiver) said() (hops, tos uint8) {
	hops = 64
	b := unsafe.Slice((*byte)(unsafe.Pointer(&w.control)), unsafe.Sizeof(w.control))
	for b = b[:min(int(w.msg.Controllen), len(b))]; len(b) > unix.SizeofCmsghdr; {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		n := int(h.Len)
		if n <= unix.SizeofCmsghdr || n > len(b) {
			break
		}
		data := b[unix.CmsgLen(0):n]
		switch v := number(data); {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TTL,
			h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_HOPLIMIT:
			hops = v
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TOS,
			h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_TCLASS:
			tos = v
		}
		b = b[min(unix.CmsgSpace(n-unix.SizeofCmsghdr), len(b)):]
	}
	return hops, tos
}

// number reads a byte or an int, which fits into a byte.
func number(b []byte) uint8 {
	if len(b) < 4 {
		return b[0]
	}
	return uint8(binary.NativeEndian.Uint32(b))
}

// strip takes the IPv4 header from before a message. Behind one with options the message
// has to be moved, to where it is behind one without.
func (a *answer) strip(b []byte) {
	ip := frame.IPv4(b)
	if !ip.Valid() {
		a.msg = nil
		return
	}
	a.hops, a.tos = ip.TTL(), ip.TOS()
	a.msg = ip.Payload()
	if ip.HeaderLen() > frame.IPv4Len {
		a.copied = copy(b[frame.IPv4Len:], a.msg)
		a.msg = b[frame.IPv4Len : frame.IPv4Len+a.copied]
	}
}
