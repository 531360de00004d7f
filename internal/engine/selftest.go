package engine

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// SelfTest moves frames through the io_uring loop between two sockets and
// compares what comes out, byte for byte. It says why the loop cannot be used on
// this machine: the kernel is too old, a policy forbids it, it answers wrongly or
// not at all. The first call does the work; later ones return its result.
var SelfTest = sync.OnceValue(func() error {
	return trial{newLoop: newUringLoop, forward: crossover{}, patience: selfTestTimeout}.bounded()
})

const (
	selfTestFrames  = 3 * slots // more than there are slots: they must come back
	selfTestTimeout = 2 * time.Second
)

// trial is one run of the self-test.
type trial struct {
	newLoop  func(*worker) (ioLoop, error)
	forward  Forwarder
	patience time.Duration // for each frame, and for all other steps together
}

// bounded runs the trial and gives up on it when the kernel does not answer at
// all: its thread is then lost, which is better than to hang with it.
func (t trial) bounded() error {
	done := make(chan error, 1)
	go func() { done <- t.run() }()
	late := time.NewTimer(2 * t.patience)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("io_uring self-test: no answer within %v", 2*t.patience)
	}
}

func (t trial) run() error {
	a, err := newWire()
	if err != nil {
		return err
	}
	defer a.close()
	b, err := newWire()
	if err != nil {
		return err
	}
	defer b.close()
	e := newEngine(withDefaults(Config{Forwarder: t.forward, Workers: 1, IO: Uring}))
	e.newLoop = t.newLoop
	w, err := startWorker(e, 0)
	if err != nil {
		return err
	}
	e.workers = []*worker{w}
	return errors.Join(t.exchange(e, a, b), e.Close())
}

// exchange sends the frames from a to b, which it attaches and detaches.
func (t trial) exchange(e *Engine, a, b *wire) error {
	for id, p := range []*wire{a, b} {
		if err := e.Attach(frame.PortID(id), p); err != nil {
			return err
		}
	}
	for i := range selfTestFrames {
		if err := a.try(b, i, t.patience); err != nil {
			return fmt.Errorf("io_uring self-test, frame %d: %w", i, err)
		}
	}
	for id := range 2 {
		if _, err := e.Detach(frame.PortID(id)); err != nil {
			return err
		}
	}
	return nil
}

// crossover forwards between ports 0 and 1.
type crossover struct{}

var crossed = [2][]frame.Egress{{{Port: 1}}, {{Port: 0}}}

func (crossover) Forward(_ int, b *frame.Batch) {
	live := b.Live()
	for i := range live {
		if live[i].Drop == frame.Accepted {
			live[i].Out = crossed[b.In&1]
		}
	}
}

// wire is a port at one end of a pair of sockets that keep frames apart.
type wire struct {
	fd, far int
}

func newWire() (*wire, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	return &wire{fd: fds[0], far: fds[1]}, nil
}

func (w *wire) close() {
	unix.Close(w.fd)
	unix.Close(w.far)
}

// try sends frame i in at w and waits for it to come out at to.
func (w *wire) try(to *wire, i int, patience time.Duration) error {
	sent := make([]byte, frame.VnetLen+frame.EthernetLen+(i*7919)%60000)
	for j := frame.VnetLen; j < len(sent); j++ {
		sent[j] = byte(i + j)
	}
	copy(sent[frame.VnetLen+12:], []byte{0x88, 0xb5}) // IEEE 802 local experimental EtherType
	if _, err := unix.Write(w.far, sent); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err := readable(to.far, patience); err != nil {
		return fmt.Errorf("%d bytes: %w", len(sent), err)
	}
	got := make([]byte, frame.SlotSize)
	n, err := unix.Read(to.far, got)
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	if !bytes.Equal(got[:n], sent) {
		return fmt.Errorf("%d bytes came through as %d others", len(sent), n)
	}
	return nil
}

// readable waits until there is something to read on fd. A signal may interrupt
// the wait: it starts again with the time that is left.
func readable(fd int, patience time.Duration) error {
	for until := time.Now().Add(patience); ; {
		left := time.Until(until)
		if left <= 0 {
			return fmt.Errorf("nothing came through within %v", patience)
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(left/time.Millisecond)+1)
		switch {
		case n > 0:
			return nil
		case err != nil && err != unix.EINTR:
			return fmt.Errorf("poll: %w", err)
		}
	}
}

// The rest of Port. The io_uring loop reads and writes by descriptor; Read and
// Write are for the epoll loop, which carries frames here for comparison only.

func (w *wire) FD() int                          { return w.fd }
func (w *wire) MTU() int                         { return 65536 }
func (w *wire) WriteReason(uintptr) frame.Reason { return frame.DropWriteError }
func (w *wire) ReadError(errno uintptr) error    { return unix.Errno(errno) }

func (w *wire) Read(b *frame.Batch, l *frame.Ledger) (dry bool, err error) {
	for b.N = 0; b.N < len(b.Frames); b.N++ {
		f := &b.Frames[b.N]
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(w.fd),
			uintptr(unsafe.Pointer(&f.Buf[frame.Headroom-frame.VnetLen])), frame.SlotSize-frame.Headroom)
		if errno != 0 || n == 0 {
			return true, nil
		}
		f.Enter(int(n))
		l.Rx(1, uint64(f.Len))
	}
	return false, nil
}

func (w *wire) Write(run []*frame.Frame, l *frame.Ledger) {
	for _, f := range run {
		p := f.WithVnet()
		unix.RawSyscall(unix.SYS_WRITE, uintptr(w.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		l.Tx(1, uint64(f.Len))
	}
}
