package tcp

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// System calls of the data path. They never block, so they need not tell the
// scheduler, and each is counted: they are what a connection costs.

type call uint8

const (
	callSend call = iota
	callPeek
	callTake
	callMeminfo
	callPoll
	callPeekOff
	callOther
	callKinds
)

// sys are the calls of the control path that a test may have fail.
type sys struct {
	socket  func(domain, typ, proto int) (int, error)
	connect func(fd int, to netip.AddrPort) error
}

var system = sys{socket: unix.Socket, connect: dial}

const sendFlags = unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT

// send sends bytes that the kernel has copied when it returns.
func (s *Shard) send(fd int32, p []byte, flags int) (int, unix.Errno) {
	s.calls[callSend]++
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(len(p)), uintptr(sendFlags|flags), 0, 0)
		if errno != unix.EINTR {
			return count(n, errno), errno
		}
	}
}

// sendGathered is send for several pieces.
func (s *Shard) sendGathered(fd int32, h *unix.Msghdr) (int, unix.Errno) {
	s.calls[callSend]++
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(h)), sendFlags)
		if errno != unix.EINTR {
			return count(n, errno), errno
		}
	}
}

// recv receives into p, or into nothing of n bytes where p is nil.
func (s *Shard) recv(kind call, fd int32, p []byte, n, flags int) (int, unix.Errno) {
	s.calls[kind]++
	for {
		got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(n), uintptr(flags|unix.MSG_DONTWAIT), 0, 0)
		if errno != unix.EINTR {
			return count(got, errno), errno
		}
	}
}

func (s *Shard) recvMsg(fd int32, h *unix.Msghdr, flags int) (int, unix.Errno) {
	s.calls[callPeek]++
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(h)),
			uintptr(flags|unix.MSG_DONTWAIT))
		if errno != unix.EINTR {
			return count(n, errno), errno
		}
	}
}

func count(n uintptr, errno unix.Errno) int {
	if errno != 0 {
		return 0
	}
	return int(n)
}

// meminfo returns a socket's limit for what it has not been acknowledged, and how much
// that is, in bytes with the kernel's overhead (SO_MEMINFO, net/core/sock.c).
func (s *Shard) meminfo(fd int32) (limit, queued int, ok bool) {
	s.calls[callMeminfo]++
	var info [9]uint32
	n := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&n)), 0)
	const sndbuf, wmemQueued = 3, 5 // SK_MEMINFO_SNDBUF, SK_MEMINFO_WMEM_QUEUED
	return int(info[sndbuf]), int(info[wmemQueued]), errno == 0
}

// poll returns what is ready. Asking a socket whether it is writable makes it tell,
// once it is, and lets its kernel enlarge its buffer (tcp_poll, SOCK_NOSPACE).
func (s *Shard) poll(fd int32, events int16) int16 {
	s.calls[callPoll]++
	p := unix.PollFd{Fd: fd, Events: events}
	unix.RawSyscall(unix.SYS_POLL, uintptr(unsafe.Pointer(&p)), 1, 0)
	return p.Revents
}

// setPeekOff sets where the next peek begins, counted from what is consumed.
func (s *Shard) setPeekOff(fd int32, off int32) unix.Errno {
	s.calls[callPeekOff]++
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEEK_OFF,
		uintptr(unsafe.Pointer(&off)), unsafe.Sizeof(off), 0)
	return errno
}

// The calls of a connection's beginning and end do not block either.

func setInt(fd, level, option, value int) {
	v := int32(value)
	unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0)
}

// setReset has closing the socket send a reset, and throw away what is on its way.
func setReset(fd int) {
	l := unix.Linger{Onoff: 1}
	unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER, uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0)
}

func shutdownWrite(fd int) { unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0) }

func closeSocket(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

func connectSocket(fd int, to netip.AddrPort) unix.Errno {
	port := uplink.NetPort(to.Port())
	if a := to.Addr(); a.Is4() {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: a.As4()}
		_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
		return errno
	}
	sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: to.Addr().As16()}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	return errno
}

// atMark reports whether what is consumed next is the urgent byte.
func (s *Shard) atMark(fd int32) bool {
	s.calls[callOther]++
	var at int32
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), sioCATMARK, uintptr(unsafe.Pointer(&at)))
	return errno == 0 && at != 0
}

const sioCATMARK = 0x8905 // include/uapi/asm-generic/sockios.h

// hasPeekOff reports whether TCP sockets have a peek offset: since Linux 6.9.
func hasPeekOff() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEEK_OFF, 0) == nil
}
