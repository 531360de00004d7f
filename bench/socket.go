package bench

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
)

// sock is a socket in blocking mode that the Go runtime's poller does not know.
// A polled socket wakes a thread for every datagram, wanted or not; at a hundred
// thousand a second the measuring tool would then measure itself.
type sock struct{ fd int }

// newSock makes a socket of the kind (syscall.SOCK_DGRAM or SOCK_STREAM) for
// addresses like a.
func newSock(kind int, a netip.Addr) (*sock, error) {
	family := syscall.AF_INET6
	if a.Is4() {
		family = syscall.AF_INET
	}
	fd, err := syscall.Socket(family, kind|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &sock{fd}, nil
}

// openSock makes a socket of the kind bound to local, which may be the zero value
// with only a family: then the kernel picks.
func openSock(kind int, local netip.AddrPort) (*sock, error) {
	s, err := newSock(kind, local.Addr())
	if err != nil {
		return nil, err
	}
	if kind == syscall.SOCK_STREAM { // the port may have connections in TIME-WAIT
		err = os.NewSyscallError("setsockopt SO_REUSEADDR", syscall.SetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	}
	if err == nil {
		if err = syscall.Bind(s.fd, sockaddr(local)); err != nil {
			err = fmt.Errorf("bind %v: %w", local, err)
		}
	}
	if err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

// dialSock makes a socket of the kind that is connected to peer.
func dialSock(kind int, peer netip.AddrPort) (*sock, error) {
	any4or6 := netip.IPv6Unspecified()
	if peer.Addr().Is4() {
		any4or6 = netip.IPv4Unspecified()
	}
	s, err := openSock(kind, netip.AddrPortFrom(any4or6, 0))
	if err != nil {
		return nil, err
	}
	if err := syscall.Connect(s.fd, sockaddr(peer)); err != nil {
		_ = s.close()
		return nil, fmt.Errorf("connect to %v: %w", peer, err)
	}
	return s, nil
}

func sockaddr(a netip.AddrPort) syscall.Sockaddr {
	if a.Addr().Is4() {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func addrPortOf(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func (s *sock) close() error { return syscall.Close(s.fd) }

// local returns the address that the socket is bound to.
func (s *sock) local() (netip.AddrPort, error) {
	sa, err := syscall.Getsockname(s.fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	return addrPortOf(sa), nil
}

// setTimeout bounds each blocking read and write; it then ends with EAGAIN.
func (s *sock) setTimeout(d time.Duration) error {
	tv := syscall.NsecToTimeval(int64(d))
	for _, opt := range []int{syscall.SO_RCVTIMEO, syscall.SO_SNDTIMEO} {
		if err := syscall.SetsockoptTimeval(s.fd, syscall.SOL_SOCKET, opt, &tv); err != nil {
			return os.NewSyscallError("setsockopt SO_RCVTIMEO", err)
		}
	}
	return nil
}

// setReadBuffer asks for a receive buffer of n bytes, by privilege where there is
// one, and returns the size that the kernel really gave.
func (s *sock) setReadBuffer(n int) (int, error) {
	if syscall.SetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, n) != nil {
		if err := syscall.SetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, n); err != nil {
			return 0, os.NewSyscallError("setsockopt SO_RCVBUF", err)
		}
	}
	got, err := syscall.GetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	return got, os.NewSyscallError("getsockopt SO_RCVBUF", err)
}

// batchConn sends and receives many datagrams a system call (sendmmsg,
// recvmmsg), through golang.org/x/net, on a sock.
type batchConn struct {
	// UDPConn is nil: it lends the method set that x/net asks for.
	*net.UDPConn
	s *sock
}

func newBatchConn(s *sock) *ipv4.PacketConn { return ipv4.NewPacketConn(batchConn{s: s}) }

// LocalAddr is called by x/net to describe an error.
func (c batchConn) LocalAddr() net.Addr {
	a, _ := c.s.local()
	return net.UDPAddrFromAddrPort(a)
}

// SetLinger exists so that x/net takes the socket for a connected one and leaves
// the source address of each datagram undecoded: decoding allocates.
func (c batchConn) SetLinger(int) error { return nil }

// SyscallConn hands the blocking descriptor to x/net.
func (c batchConn) SyscallConn() (syscall.RawConn, error) { return rawSock{c.s}, nil }

// rawSock is a syscall.RawConn over a blocking descriptor: what the callback
// would wait for has been waited for in the kernel, so "again" is a time-out.
type rawSock struct{ s *sock }

func (r rawSock) Control(f func(fd uintptr)) error { f(uintptr(r.s.fd)); return nil }

func (r rawSock) Read(f func(fd uintptr) bool) error {
	if !f(uintptr(r.s.fd)) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (r rawSock) Write(f func(fd uintptr) bool) error { return r.Read(f) }
