package socket

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// Accepting
//
// A listener is watched edge-triggered, so a port whose clients have not all been taken
// is kept in a list, and has turns with the others there until a call says that nobody
// waits. Where there is no descriptor the call says so whether anybody waits or not; a
// client that does is accepted with the spare descriptor and reset. If that fails too,
// since another thread was faster or the kernel has no memory, all ports are left alone
// for a moment.

const (
	// acceptTurn is how many clients of one port are taken before the next port has its
	// turn, acceptCall how many of all ports before the worker goes on.
	acceptTurn = 16
	acceptCall = 64
	// retryAfter is how long a failure lasts that is not the clients' fault, in
	// nanoseconds.
	retryAfter = int64(100e6)
)

// acceptor is what accepting keeps.
type acceptor struct {
	ready     []uint32 // numbers of ports that may have clients
	held      int64    // until then nobody is accepted; 0: it goes on
	spare     int      // a descriptor to accept with when there is no other; -1: none
	exhausted uint64
	name      unix.RawSockaddrAny
}

// outcome is how a port's turn ended.
type outcome uint8

const (
	more    outcome = iota // there may be more clients
	drained                // there is none
	failing                // it cannot go on now
)

// accept gives ports that have clients their turns, and reports whether there may be
// more to accept now.
func (s *Shard) accept(x uplink.Outbox) bool {
	p := &s.ports
	if len(p.ready) == 0 {
		p.held = 0
		return false
	}
	now := x.Now()
	if now < p.held {
		return false
	}
	p.held = 0
	p.refill()
	for left := acceptCall; left > 0 && len(p.ready) > 0; left -= acceptTurn {
		id := p.ready[0]
		end := s.acceptFrom(x, &p.all[id])
		x.Flush() // a turn's SYNs find slots, those of two might not
		switch end {
		case more:
			copy(p.ready, p.ready[1:])
			p.ready[len(p.ready)-1] = id
		case drained:
			p.leave(id)
		case failing:
			p.held = now + retryAfter
			return false
		}
	}
	return len(p.ready) > 0
}

// acceptFrom takes the clients of one port for a turn.
func (s *Shard) acceptFrom(x uplink.Outbox, at *port) outcome {
	for range acceptTurn {
		fd, client, errno := s.accept4(at.FD)
		switch errno {
		case 0:
			s.welcome(x, at, fd, client)
		case unix.ECONNABORTED, unix.EINTR, unix.EPROTO:
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			if end := s.turnAway(x, at, errno); end != more {
				return end
			}
		default: // EAGAIN, or it is not listening any more
			return drained
		}
	}
	return more
}

// welcome has a client's connection begin.
func (s *Shard) welcome(x uplink.Outbox, at *port, fd int, client netip.AddrPort) {
	mac, ok := at.Net.Lookup(at.Inside.Addr())
	if !ok {
		at.Refused++
		reset(fd)
		return
	}
	if err := s.tcp.Accept(x, at.Net, fd, client, at.Host, at.Inside, mac); err != nil {
		at.Refused++
		return
	}
	at.Accepted++
}

// turnAway resets a client that the host has no descriptor for.
func (s *Shard) turnAway(x uplink.Outbox, at *port, errno unix.Errno) outcome {
	if !waits(at.FD) {
		return drained
	}
	s.ports.exhausted++
	s.warn(x, errno)
	s.ports.giveSpare()
	fd, _, errno := s.accept4(at.FD)
	if errno != 0 {
		return failing
	}
	at.Refused++
	reset(fd)
	s.ports.refill()
	return more
}

// waits reports whether a listener has a client.
func waits(fd int) bool {
	p := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, _, errno := unix.RawSyscall(unix.SYS_POLL, uintptr(unsafe.Pointer(&p)), 1, 0)
	return errno == 0 && n > 0 && p.Revents&unix.POLLIN != 0
}

// accept4 accepts a client without entering the scheduler and without allocating.
func (s *Shard) accept4(fd int) (int, netip.AddrPort, unix.Errno) {
	name := &s.ports.name
	size := uint32(unix.SizeofSockaddrAny)
	got, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(name)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	return int(got), clientOf(name), 0
}

func clientOf(name *unix.RawSockaddrAny) netip.AddrPort {
	if name.Addr.Family == unix.AF_INET {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uplink.NetPort(sa.Port))
	}
	sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(name))
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uplink.NetPort(sa.Port))
}

// reset closes a connection so that the client sees a reset, not an end.
func reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(fd)
}

// refill opens the spare descriptor if it is not there, and there is one to be had.
func (a *acceptor) refill() {
	if a.spare >= 0 {
		return
	}
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		fd = -1
	}
	a.spare = fd
}

// giveSpare closes it.
func (a *acceptor) giveSpare() {
	if a.spare >= 0 {
		unix.Close(a.spare)
	}
	a.spare = -1
}
