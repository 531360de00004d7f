package report

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// sizeofExtendedErr is struct sock_extended_err; the offender's address follows.
	sizeofExtendedErr = 16
	// controlLen has room for one error and what else a socket may have asked for
	// (time to live, time stamps, packet information).
	controlLen = 256
)

// queued is what one recvmsg needs.
type queued struct {
	msg     unix.Msghdr
	iov     unix.Iovec
	name    [unix.SizeofSockaddrInet6]byte
	control [controlLen / 8]uint64 // aligned for struct cmsghdr
}

// ReadError takes one entry of the error queue of socket fd into e, and reports whether
// there was one; it never waits. What the error quotes of the packet is put into buf,
// which may be empty. It does not allocate.
func ReadError(fd int, buf []byte, e *Error) (ok bool) {
	var q queued
	q.msg.Name, q.msg.Namelen = &q.name[0], uint32(len(q.name))
	q.msg.Control = (*byte)(unsafe.Pointer(&q.control[0]))
	q.msg.SetControllen(controlLen)
	if len(buf) > 0 {
		q.iov.Base = &buf[0]
		q.iov.SetLen(len(buf))
		q.msg.Iov = &q.iov
		q.msg.SetIovlen(1)
	}
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&q.msg)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if errno != 0 {
		return false
	}
	control := unsafe.Slice((*byte)(unsafe.Pointer(&q.control[0])), controlLen)
	*e = Error{Payload: buf[:n]}
	e.parse(control[:min(int(q.msg.Controllen), controlLen)], q.name[:min(int(q.msg.Namelen), len(q.name))])
	return true
}

// parse reads control messages and the address that came with them. What it does not
// find stays zero.
func (e *Error) parse(control, name []byte) {
	const header = unix.SizeofCmsghdr
	e.Peer = addrPort(name)
	for len(control) >= header {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		n := int(h.Len)
		if n < header || n > len(control) {
			return
		}
		if h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR ||
			h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR {
			e.extended(control[unix.CmsgLen(0):n])
		}
		control = control[min(unix.CmsgSpace(n-header), len(control)):]
	}
}

// extended reads a struct sock_extended_err and the offender behind it.
func (e *Error) extended(b []byte) {
	if len(b) < sizeofExtendedErr {
		return
	}
	e.Errno = unix.Errno(binary.NativeEndian.Uint32(b))
	e.Origin, e.Type, e.Code = b[4], b[5], b[6]
	e.Info = binary.NativeEndian.Uint32(b[8:])
	if e.network() {
		e.From = addrPort(b[sizeofExtendedErr:]).Addr()
	}
}

// network reports whether the error came by the network.
func (e *Error) network() bool {
	return e.Origin == unix.SO_EE_ORIGIN_ICMP || e.Origin == unix.SO_EE_ORIGIN_ICMP6
}

// addrPort reads a struct sockaddr_in or sockaddr_in6; it is the zero AddrPort for
// anything else, AF_UNSPEC before all. Zones are left out.
func addrPort(b []byte) (a netip.AddrPort) {
	if len(b) < unix.SizeofSockaddrInet4 {
		return a
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), port)
	case family == unix.AF_INET6 && len(b) >= 24:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:])).Unmap(), port)
	}
	return a
}
