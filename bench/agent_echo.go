package bench

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// kindOf reads the -proto option.
func kindOf(proto string) (int, error) {
	switch proto {
	case "udp":
		return syscall.SOCK_DGRAM, nil
	case "tcp":
		return syscall.SOCK_STREAM, nil
	}
	return 0, fmt.Errorf("%w: protocol %q is neither udp nor tcp", errUsage, proto)
}

// echo sends every message back to its one peer until standard input ends.
func (a *agent) echo(args []string) error {
	f := newFlags("echo")
	proto := f.String("proto", "udp", "udp or tcp")
	if err := f.parse(args, "listen"); err != nil {
		return err
	}
	kind, err := kindOf(*proto)
	if err != nil {
		return err
	}
	s, err := openSock(kind, f.listen.AddrPort)
	if err != nil {
		return err
	}
	defer s.close()
	if err := errors.Join(s.setTimeout(idle), s.listenIf(kind, 1)); err != nil {
		return err
	}
	if err := a.announce(s); err != nil {
		return err
	}
	peer, err := s.firstPeer(kind, &a.stop)
	if err != nil || peer == nil {
		return err
	}
	if peer != s {
		defer peer.close()
	}
	return peer.echoAll(&a.stop)
}

func (s *sock) listenIf(kind, backlog int) error {
	if kind != syscall.SOCK_STREAM {
		return nil
	}
	return os.NewSyscallError("listen", syscall.Listen(s.fd, backlog))
}

// firstPeer waits for the first peer and returns a socket connected to it: s
// itself for datagrams. The first datagram has been answered. It returns nil
// when it was stopped before anybody came.
func (s *sock) firstPeer(kind int, stop stopper) (*sock, error) {
	b := make([]byte, 64)
	for !stop.Load() {
		var err error
		if kind == syscall.SOCK_STREAM {
			var fd int
			if fd, _, err = syscall.Accept4(s.fd, syscall.SOCK_CLOEXEC); err == nil {
				c := &sock{fd}
				return c, c.noDelay()
			}
		} else {
			var n int
			var from syscall.Sockaddr
			if n, from, err = syscall.Recvfrom(s.fd, b, 0); err == nil {
				if err = syscall.Connect(s.fd, from); err == nil {
					_, err = syscall.Write(s.fd, b[:n])
				}
				return s, err
			}
		}
		if !timedOut(err) {
			return nil, fmt.Errorf("wait for a peer: %w", err)
		}
	}
	return nil, nil
}

// noDelay readies a stream for one-byte messages.
func (s *sock) noDelay() error {
	err := syscall.SetsockoptInt(s.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	return errors.Join(os.NewSyscallError("setsockopt TCP_NODELAY", err), s.setTimeout(idle))
}

func (s *sock) echoAll(stop stopper) error {
	b := make([]byte, 64)
	for !stop.Load() {
		n, err := syscall.Read(s.fd, b)
		switch {
		case err == nil && n == 0, errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNREFUSED):
			return nil // the peer is done
		case err == nil:
			_, err = syscall.Write(s.fd, b[:n])
		}
		if err != nil && !transient(err) {
			return fmt.Errorf("echo: %w", err)
		}
	}
	return nil
}
