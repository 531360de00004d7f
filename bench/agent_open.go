package bench

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// OpenReport is what the calling side of a measurement of connections says.
type OpenReport struct {
	// Opened counts connections that were opened, had their byte sent back and were closed.
	Opened uint64        `json:"opened"`
	Failed uint64        `json:"failed"`
	Window time.Duration `json:"window_ns"`
	CPU    CPUTime       `json:"cpu"`
	// Failure is the first one.
	Failure string `json:"failure,omitempty"`
}

// openers is how many connections are under way at a time, and how many threads
// answer them: enough that a sleep of one is another's work.
const openers = 4

// greet sends everybody who calls their byte back, and closes the connection after
// them.
func (a *agent) greet(args []string) error {
	f := newFlags("greet")
	s, err := f.open(args, syscall.SOCK_STREAM)
	if err != nil {
		return err
	}
	defer s.close()
	if err := errors.Join(s.setTimeout(idle), s.listenIf(syscall.SOCK_STREAM, 1024)); err != nil {
		return err
	}
	if err := a.announce(s); err != nil {
		return err
	}
	errs := make([]error, openers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = s.greetAll(&a.stop) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *sock) greetAll(stop stopper) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !stop.Load() {
		fd, _, err := syscall.Accept4(s.fd, syscall.SOCK_CLOEXEC)
		switch {
		case err == nil:
			(&sock{fd}).greetOne()
		case !timedOut(err) && !errors.Is(err, syscall.ECONNABORTED):
			return fmt.Errorf("accept: %w", err)
		}
	}
	return nil
}

// greetOne answers a caller and waits for it to close. Who has gone again misses it.
func (s *sock) greetOne() {
	defer s.close()
	b := []byte{0}
	if s.setTimeout(openWait) != nil {
		return
	}
	if n, err := syscall.Read(s.fd, b); err != nil || n == 0 {
		return
	}
	if _, err := syscall.Write(s.fd, b); err == nil {
		_, _ = syscall.Read(s.fd, b)
	}
}

// open opens connections, has a byte sent back over each and closes it, for a time.
// The caller speaks first: not every way bears a server that does.
func (a *agent) open(args []string) error {
	f := newFlags("open")
	warmup := f.Duration("warmup", 0, "leave so much out at the start")
	length := f.Duration("for", time.Second, "how long to measure")
	if err := f.parse(args, "to"); err != nil {
		return err
	}
	var o opening
	var wg sync.WaitGroup
	for range openers {
		wg.Go(func() { o.openAll(&a.stop, f.to.AddrPort) })
	}
	r, err := o.window(a, *warmup, *length)
	o.done.Store(true)
	wg.Wait()
	return a.reportOf(r, err)
}

// opening counts what the callers do.
type opening struct {
	opened, failed atomic.Uint64
	failure        atomic.Pointer[string]
	done           atomic.Bool
}

func (o *opening) openAll(stop stopper, to netip.AddrPort) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !stop.Load() && !o.done.Load() {
		err := openOnce(to)
		if err == nil {
			o.opened.Add(1)
			continue
		}
		o.failed.Add(1)
		text := err.Error()
		o.failure.CompareAndSwap(nil, &text)
		time.Sleep(openPause)
	}
}

// window counts from after the warm-up for a length, or until the agent is stopped.
func (o *opening) window(a *agent, warmup, length time.Duration) (r OpenReport, err error) {
	_ = rest(a.ctx, warmup) // a stop shows in the counts
	opened, failed, start := o.opened.Load(), o.failed.Load(), time.Now()
	cpu, err := ReadCPU()
	if err != nil {
		return r, err
	}
	_ = rest(a.ctx, length)
	r.Opened, r.Failed, r.Window = o.opened.Load()-opened, o.failed.Load()-failed, time.Since(start)
	if text := o.failure.Load(); text != nil {
		r.Failure = *text
	}
	now, err := ReadCPU()
	r.CPU = now.Sub(cpu)
	return r, err
}

// openOnce opens one connection, has its byte sent back and closes it.
func openOnce(to netip.AddrPort) error {
	s, err := newSock(syscall.SOCK_STREAM, to.Addr())
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.setTimeout(openWait); err != nil {
		return err
	}
	if err := syscall.Connect(s.fd, sockaddr(to)); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	b := make([]byte, 2)
	if _, err := syscall.Write(s.fd, b[:1]); err != nil {
		return fmt.Errorf("send the byte: %w", err)
	}
	n, err := syscall.Read(s.fd, b)
	if err == nil && n != 1 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read the byte: %w", err)
	}
	return nil
}

const (
	// openWait is after how long a connection counts as failed.
	openWait = 2 * time.Second
	// openPause keeps refusals from being counted instead of connections.
	openPause = time.Millisecond
)
