package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// PingReport is what the asking side of a request/response measurement says.
type PingReport struct {
	Answered uint64        `json:"answered"`
	Lost     uint64        `json:"lost"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	P999     time.Duration `json:"p999_ns"`
	Max      time.Duration `json:"max_ns"`
}

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
	if err := errors.Join(s.setTimeout(idle), s.listenIf(kind)); err != nil {
		return err
	}
	local, err := s.local()
	if err != nil {
		return err
	}
	if err := a.out.Encode(listening{local}); err != nil {
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

func (s *sock) listenIf(kind int) error {
	if kind != syscall.SOCK_STREAM {
		return nil
	}
	return os.NewSyscallError("listen", syscall.Listen(s.fd, 1))
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

// ping sends one byte, waits for it to come back, and so on for a time.
func (a *agent) ping(args []string) error {
	f := newFlags("ping")
	proto := f.String("proto", "udp", "udp or tcp")
	warmup := f.Duration("warmup", 0, "leave so much out at the start")
	length := f.Duration("for", time.Second, "how long to measure")
	count := f.Uint64("count", 0, "stop after so many answers; 0 is without limit")
	if err := f.parse(args, "to"); err != nil {
		return err
	}
	kind, err := kindOf(*proto)
	if err != nil {
		return err
	}
	s, err := dialSock(kind, f.to.AddrPort)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.setTimeout(answerWait); err != nil {
		return err
	}
	if kind == syscall.SOCK_STREAM {
		if err := s.noDelay(); err != nil {
			return err
		}
	}
	return a.reportOf(s.askAll(&a.stop, *warmup, *length, *count))
}

// answerWait is after how long a datagram's answer counts as lost.
const answerWait = 200 * time.Millisecond

// askAll runs on a thread of its own so that an answer wakes the very thread
// that reads the clock.
func (s *sock) askAll(stop stopper, warmup, length time.Duration, count uint64) (PingReport, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var h Histogram
	var r PingReport
	b := []byte{0}
	start := time.Now()
	for now := start; now.Sub(start) < warmup+length && !stop.Load() && (count == 0 || h.n < count); {
		answered, err := s.ask(b)
		then := now
		if now = time.Now(); err != nil {
			return r, err
		}
		switch {
		case then.Sub(start) < warmup:
		case answered:
			h.Add(now.Sub(then))
		default:
			r.Lost++
		}
	}
	r.Answered, r.Max = h.N(), h.Max()
	r.P50, r.P99, r.P999 = h.Quantile(.5), h.Quantile(.99), h.Quantile(.999)
	return r, nil
}

// ask sends b, numbered in its first byte so that a late answer is not taken for
// the next one, and reports whether the answer came in time.
func (s *sock) ask(b []byte) (bool, error) {
	b[0]++
	want := b[0]
	if _, err := syscall.Write(s.fd, b); err != nil {
		if transient(err) {
			return false, nil
		}
		return false, fmt.Errorf("ask: %w", err)
	}
	for {
		n, err := syscall.Read(s.fd, b)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil && transient(err):
			b[0] = want
			return false, nil
		case err != nil:
			return false, fmt.Errorf("read the answer: %w", err)
		case n == 0:
			return false, errors.New("read the answer: the peer closed the connection")
		case b[0] == want:
			return true, nil
		}
	}
}
