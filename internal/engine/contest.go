package engine

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// Which loop is the faster one depends on the machine: io_uring saves system
// calls and pays with work of its own a frame. So where the choice is ours, both
// loops carry the same small frames between sockets, turn by turn, and the
// processor time of the worker's thread decides: unlike the clock it does not
// count what other programs do meanwhile.

// ErrNoGain is why Auto does without an io_uring loop that works.
var ErrNoGain = errors.New("io_uring does not gain enough on this machine")

// AutoTest passes when the io_uring loop should be taken: SelfTest passes, and a
// frame costs it less than worthwhile of what it costs the epoll loop; otherwise
// the error wraps ErrNoGain. It takes some 30 ms. The first call does the work.
var AutoTest = sync.OnceValue(func() error {
	if err := SelfTest(); err != nil {
		return err
	}
	return contest(newEpollLoop, newUringLoop, selfTestTimeout)
})

const (
	// worthwhile is by how much io_uring must be better: it is the newer road with
	// the more demanding kernel interface.
	worthwhile = 0.9

	contestRounds = 4  // turns of each loop; its best one counts
	contestBursts = 16 // a turn
	contestBurst  = 24 // frames, fewer than there are slots
	contestFrame  = 64 // bytes
)

// contest compares two loops.
func contest(reference, candidate func(*worker) (ioLoop, error), patience time.Duration) error {
	loops := [2]func(*worker) (ioLoop, error){reference, candidate}
	best := [2]time.Duration{1 << 62, 1 << 62}
	for range contestRounds {
		for i, newLoop := range loops {
			d, err := lap(newLoop, patience)
			if err != nil {
				return fmt.Errorf("compare the loops: %w", err)
			}
			best[i] = min(best[i], d)
		}
	}
	if float64(best[1]) > worthwhile*float64(best[0]) {
		const frames = contestBursts * contestBurst
		return fmt.Errorf("%w: %v a frame, epoll %v", ErrNoGain, best[1]/frames, best[0]/frames)
	}
	return nil
}

// lap returns the processor time that a loop needs for one turn.
func lap(newLoop func(*worker) (ioLoop, error), patience time.Duration) (d time.Duration, err error) {
	a, err := newWire()
	if err != nil {
		return 0, err
	}
	defer a.close()
	b, err := newWire()
	if err != nil {
		return 0, err
	}
	defer b.close()
	e := newEngine(withDefaults(Config{Forwarder: crossover{}, Workers: 1, Spin: -1}))
	e.newLoop = newLoop
	w, err := startWorker(e, 0)
	if err != nil {
		return 0, err
	}
	e.workers = []*worker{w}
	defer func() { err = errors.Join(err, e.Close()) }()
	for id, p := range []*wire{a, b} {
		if err := e.Attach(frame.PortID(id), p); err != nil {
			return 0, err
		}
	}
	before, err := w.cpu()
	for i := 0; i < contestBursts && err == nil; i++ {
		err = burst(a, b, patience)
	}
	if err != nil {
		return 0, err
	}
	after, err := w.cpu()
	return after - before, err
}

// burst sends some frames in at a and takes them out at b.
func burst(a, b *wire, patience time.Duration) error {
	buf := make([]byte, frame.VnetLen+contestFrame)
	copy(buf[frame.VnetLen+12:], []byte{0x88, 0xb5})
	for range contestBurst {
		if _, err := unix.Write(a.far, buf); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	for range contestBurst {
		if err := readable(b.far, patience); err != nil {
			return err
		}
		if _, err := unix.Read(b.far, buf); err != nil {
			return fmt.Errorf("receive: %w", err)
		}
	}
	return nil
}

// cpu returns the processor time that the worker's thread has used.
func (w *worker) cpu() (time.Duration, error) {
	var ts unix.Timespec
	err := w.call(func() error { return unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) })
	return time.Duration(ts.Nano()), err
}
