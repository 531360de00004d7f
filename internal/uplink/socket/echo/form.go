package echo

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// form is how packets leave: what a container's header says of it.
type form struct {
	hops, tos uint8
	whole     bool // not in fragments
}

// shape has packets leave by l in form f. Nearly all have the form of those before, for
// which it costs nothing; control messages would cost each one, and ping sockets of IPv6
// take none before Linux 5.18.
func (s *Shard) shape(l *line, v6 bool, f form) {
	if l.told && l.form == f {
		return
	}
	level, hops, tos, whole := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_TOS, unix.IP_MTU_DISCOVER
	discover := int32(unix.IP_PMTUDISC_DONT)
	if f.whole {
		discover = unix.IP_PMTUDISC_DO
	}
	if v6 {
		level, hops, tos, whole = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_TCLASS, unix.IPV6_DONTFRAG
		discover = int32(index(f.whole))
	}
	if !l.told || l.form.hops != f.hops {
		s.option(l.fd, level, hops, int32(f.hops))
	}
	if !l.told || l.form.tos != f.tos {
		s.option(l.fd, level, tos, int32(f.tos))
	}
	if !l.told || l.form.whole != f.whole {
		s.option(l.fd, level, whole, discover)
	}
	l.form, l.told = f, true
}

// option sets a socket's option without allocating.
func (s *Shard) option(fd int32, level, name int, value int32) {
	s.value = value
	unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&s.value)), unsafe.Sizeof(s.value), 0)
}
