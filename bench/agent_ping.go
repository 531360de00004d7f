package bench

import (
	"errors"
	"fmt"
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
