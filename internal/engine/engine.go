package engine

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"vswitch/internal/frame"
)

// The I/O loops.
const (
	Epoll = "epoll"
	Uring = "uring"
	Auto  = "auto"
)

// ErrClosed is returned by calls on a closed engine or Watcher. ErrUring is wrapped by New
// when the io_uring loop was asked for and does not work on this machine.
var (
	ErrClosed = errors.New("engine: closed")
	ErrUring  = errors.New("the io_uring loop does not work here")
)

// Config says how an engine runs. The zero value of a field means its default.
type Config struct {
	// Forwarder decides about frames. Required.
	Forwarder Forwarder
	// Workers is the number of threads; default WorkersFor(GOMAXPROCS).
	Workers int
	// IO is Epoll, Uring or Auto (default: Auto takes Uring when it works and costs
	// less a frame, see AutoTest, and otherwise Epoll).
	IO string
	// Spin is how long a worker looks for more work before it sleeps; default
	// DefaultSpin, negative for not at all.
	Spin time.Duration
	// Clock returns nanoseconds of a monotonic clock; default the process's own.
	Clock func() int64
	// OnPortError is told, once and on a goroutine of its own, about a port that
	// failed: it is no longer read, and should be detached. Detach and Close wait
	// until it has returned, so that it never speaks of a number that is used
	// again: it must not wait for either.
	OnPortError func(id frame.PortID, err error)
}

// DefaultSpin is long enough to bridge the gap between two bursts of one TCP
// stream (bench/RESULTS.md).
const DefaultSpin = 200 * time.Microsecond

// WorkersFor returns the number of workers for a number of cores: one on up to
// three, where sender and receiver need a core each, then one for every two
// cores, at most eight.
func WorkersFor(cores int) int { return min(max(cores/2, 1), 8) }

// Engine runs the workers. Make one with New, end it with Close.
type Engine struct {
	cfg     Config
	loop    string
	newLoop func(*worker) (ioLoop, error)
	demoted error
	workers []*worker
	table   atomic.Pointer[table]

	mu     sync.Mutex // serialises control
	closed bool
	base   frame.Totals // of ports that were detached
}

// New starts the workers. They sleep until a port is attached.
func New(cfg Config) (*Engine, error) { return start(cfg, SelfTest, AutoTest) }

// start is New with the tests that decide about io_uring when it is asked for, and
// when the choice is open.
func start(cfg Config, selfTest, autoTest func() error) (*Engine, error) {
	if cfg.Forwarder == nil {
		return nil, errors.New("engine: no forwarder")
	}
	cfg = withDefaults(cfg)
	e := newEngine(cfg)
	if err := e.chooseLoop(selfTest, autoTest); err != nil {
		return nil, err
	}
	for i := range cfg.Workers {
		w, err := startWorker(e, i)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("engine: worker %d: %w", i, err), e.Close())
		}
		e.workers = append(e.workers, w)
	}
	return e, nil
}

// newEngine makes an engine without workers or a loop.
func newEngine(cfg Config) *Engine {
	e := &Engine{cfg: cfg}
	e.table.Store(&table{})
	return e
}

func withDefaults(cfg Config) Config {
	if cfg.Workers <= 0 {
		cfg.Workers = WorkersFor(runtime.GOMAXPROCS(0))
	}
	if cfg.IO == "" {
		cfg.IO = Auto
	}
	if cfg.Spin == 0 {
		cfg.Spin = DefaultSpin
	}
	if cfg.Clock == nil {
		start := time.Now()
		cfg.Clock = func() int64 { return int64(time.Since(start)) }
	}
	if cfg.OnPortError == nil {
		cfg.OnPortError = func(frame.PortID, error) {}
	}
	return cfg
}

// chooseLoop settles which loop the workers run.
func (e *Engine) chooseLoop(selfTest, autoTest func() error) error {
	switch e.cfg.IO {
	case Epoll:
		e.setLoop(Epoll)
	case Uring:
		if err := selfTest(); err != nil {
			return fmt.Errorf("engine: %w: %w", ErrUring, err)
		}
		e.setLoop(Uring)
	case Auto:
		e.setLoop(Uring)
		if e.demoted = autoTest(); e.demoted != nil {
			e.setLoop(Epoll)
		}
	default:
		return fmt.Errorf("engine: unknown I/O loop %q (known: %s, %s, %s)", e.cfg.IO, Epoll, Uring, Auto)
	}
	return nil
}

func (e *Engine) setLoop(name string) {
	e.loop, e.newLoop = name, newEpollLoop
	if name == Uring {
		e.newLoop = newUringLoop
	}
}

// Loop returns the name of the loop that runs, and why io_uring was not taken
// if Auto had to do without it.
func (e *Engine) Loop() (name string, demoted error) { return e.loop, e.demoted }

// Workers returns the number of workers.
func (e *Engine) Workers() int { return len(e.workers) }

// Attach gives port p the number id and begins to read it, on the worker that
// has the fewest ports.
func (e *Engine) Attach(id frame.PortID, p Port) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.vacant(id); err != nil {
		return err
	}
	a := &attachment{
		id: id, port: p, fd: p.FD(), mtu: p.MTU(), owner: e.leastLoaded(),
		ledger: make([]frame.Ledger, len(e.workers)),
	}
	e.table.Store(e.table.Load().with(id, a))
	err := a.owner.call(func() error { return a.owner.loop.add(a) })
	if err != nil {
		e.table.Store(e.table.Load().with(id, nil))
		e.quiesce(id)
		e.base.Add(a.totals()) // others may have flooded to it meanwhile
		return fmt.Errorf("engine: attach port %d: %w", id, err)
	}
	a.owner.ports++
	return nil
}

// vacant says why a port cannot have number id.
func (e *Engine) vacant(id frame.PortID) error {
	if e.closed {
		return ErrClosed
	}
	if id == frame.NoPort || e.table.Load().at(id) != nil {
		return fmt.Errorf("engine: attach port %d: the number is in use", id)
	}
	return nil
}

func (e *Engine) leastLoaded() *worker {
	least := e.workers[0]
	for _, w := range e.workers[1:] {
		if w.ports < least.ports {
			least = w
		}
	}
	return least
}

// Detach stops reading and writing port id, or serving it, and returns its final
// counts. When it returns no worker holds the port, no injected frame of its waits
// and OnPortError speaks of it no more: its descriptor may be closed, its number
// used again. Frames on their way to it end with frame.DropPortGone.
func (e *Engine) Detach(id frame.PortID) (frame.Totals, error) {
	a, t, err := e.detach(id)
	if a != nil {
		a.told.Wait() // without the lock, which the call may want
	}
	return t, err
}

func (e *Engine) detach(id frame.PortID) (*attachment, frame.Totals, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, frame.Totals{}, ErrClosed
	}
	a := e.table.Load().at(id)
	if a == nil {
		return nil, frame.Totals{}, fmt.Errorf("engine: detach port %d: there is none", id)
	}
	var err error
	if a.local == nil {
		err = a.owner.call(func() error { return a.owner.loop.remove(a) })
		a.owner.ports--
	}
	e.table.Store(e.table.Load().with(id, nil))
	e.quiesce(id)
	t := a.totals()
	e.base.Add(t)
	return a, t, err
}

// quiesce returns when every worker has been outside a batch since the call, with
// all that was injected carried and all its writes finished, and has forgotten the
// port that had number id.
func (e *Engine) quiesce(id frame.PortID) {
	for _, w := range e.workers {
		w.call(func() error {
			w.inject()
			w.loop.settle()
			w.loop.forget(id)
			w.chain.forget()
			return nil
		})
	}
}

// Close ends all workers and gives back what they hold. When it returns no
// descriptor of a port is read or written, no source is told anything more and
// OnPortError has returned. Ports stay open: they are their owner's. Their counts can
// still be had. A second Close does nothing.
func (e *Engine) Close() error {
	err := e.stop()
	for _, a := range e.table.Load().ports {
		if a != nil {
			a.told.Wait()
		}
	}
	return err
}

func (e *Engine) stop() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	var errs []error
	for _, w := range e.workers {
		errs = append(errs, w.stop())
	}
	return errors.Join(errs...)
}
