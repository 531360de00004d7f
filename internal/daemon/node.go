package daemon

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"vswitch/internal/engine"
	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// sweepEvery is how often stations that have aged are taken out of the FDB.
const sweepEvery = 10 * time.Second

// Config says how a node runs. The zero value means the defaults of the engine
// and the switch.
type Config struct {
	IO       string
	Workers  int
	Spin     time.Duration
	FDBLimit int
	Age      int
	// Log is told about ports that fail; default: nobody.
	Log *slog.Logger
}

// Node is a running switch with its containers. Its methods may be called from
// any goroutine.
type Node struct {
	log    *slog.Logger
	start  time.Time
	sw     *vswitch.Switch
	engine *engine.Engine

	stop chan struct{}
	wg   sync.WaitGroup

	closing  sync.Once
	closeErr error

	mu      sync.Mutex
	closed  bool
	members map[string]*Member
}

// New starts a node without containers.
func New(cfg Config) (*Node, error) {
	n := &Node{log: cfg.Log, start: time.Now(), stop: make(chan struct{}), members: map[string]*Member{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Workers <= 0 {
		cfg.Workers = engine.WorkersFor(runtime.GOMAXPROCS(0))
	}
	spareProcessor(cfg.Workers)
	n.sw = vswitch.New(vswitch.Config{
		Workers: cfg.Workers, FDBLimit: cfg.FDBLimit, Age: cfg.Age, Seed: randomWord(),
	})
	var err error
	n.engine, err = engine.New(engine.Config{
		Forwarder: n.sw, Workers: cfg.Workers, IO: cfg.IO, Spin: cfg.Spin,
		Clock: n.clock, OnPortError: n.portFailed,
	})
	if err != nil {
		return nil, err
	}
	if name, why := n.engine.Loop(); why != nil {
		n.log.Info("the epoll loop is used", "loop", name, "why", why)
	}
	n.wg.Go(n.sweep)
	return n, nil
}

// spareProcessor sees to it that the Go scheduler has a processor more than there
// are workers: a busy worker keeps its own, and control must not wait behind it.
func spareProcessor(workers int) {
	if runtime.GOMAXPROCS(0) <= workers {
		runtime.GOMAXPROCS(workers + 1)
	}
}

func randomWord() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.NativeEndian.Uint64(b[:])
}

// clock is the node's monotonic clock.
func (n *Node) clock() int64 { return int64(time.Since(n.start)) }

func (n *Node) sweep() {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-t.C:
			n.sw.Sweep(n.clock())
		}
	}
}

// portFailed is told by the engine that a device is gone: its namespace ended or
// somebody deleted it. The port is kept, down, until its container leaves.
func (n *Node) portFailed(id frame.PortID, err error) {
	n.log.Warn("a port failed", "port", id, "err", err)
	err = n.sw.EditPort(id, func(c *vswitch.PortConfig) { c.Down = true })
	if err != nil && !errors.Is(err, vswitch.ErrNoPort) {
		n.log.Warn("a failed port cannot be taken down", "port", id, "err", err)
	}
}

// Switch returns the node's switch.
func (n *Node) Switch() *vswitch.Switch { return n.sw }

// FDB lists the stations that the switch knows now.
func (n *Node) FDB() []vswitch.Entry { return n.sw.FDB(n.clock()) }

// Loop returns the I/O loop in use, and why it is not io_uring if that was left
// open and could not be had.
func (n *Node) Loop() (string, error) { return n.engine.Loop() }

// Workers returns what each worker did so far.
func (n *Node) Workers() []engine.WorkerStats { return n.engine.Stats() }

// Totals returns the counts over all ports, also of those that left.
func (n *Node) Totals() frame.Totals { return n.engine.Totals() }

// Close makes all containers leave and ends the workers. Every other Close waits
// for the first and returns what it did.
func (n *Node) Close() error {
	n.closing.Do(func() { n.closeErr = n.close() })
	return n.closeErr
}

func (n *Node) close() error {
	n.mu.Lock()
	n.closed = true
	members := n.members
	n.members = nil
	n.mu.Unlock()
	close(n.stop)
	n.wg.Wait()
	var errs []error
	for _, m := range members {
		errs = append(errs, m.close())
	}
	errs = append(errs, n.engine.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the switch: %w", err)
	}
	return nil
}
