package network

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vswitch/internal/engine"
	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// sweepEvery is how often stations that have aged are taken out of the FDBs.
const sweepEvery = 10 * time.Second

// FabricConfig says how a fabric runs. The zero value means the defaults of the
// engine.
type FabricConfig struct {
	IO      string
	Workers int
	Spin    time.Duration
	// Log is told about ports that fail; default: nobody.
	Log *slog.Logger
}

// Fabric is one engine and the switches that it serves: one a network. A frame
// belongs to the switch that its port belongs to, so networks cannot mix: what
// leads from one to another is a gateway's decision. Its methods may be called
// from any goroutine.
type Fabric struct {
	log     *slog.Logger
	start   time.Time
	workers int
	numbers *vswitch.Numbers
	engine  *engine.Engine

	// owners has the switch of every port, by PortID. Workers read it; it is never
	// edited in place.
	owners atomic.Pointer[[]*vswitch.Switch]

	stop chan struct{}
	wg   sync.WaitGroup

	mu       sync.Mutex // what follows, and every change of owners
	switches map[*vswitch.Switch]struct{}
	plugs    map[frame.PortID]*Plug
}

// NewFabric starts the workers. They sleep until something is plugged in.
func NewFabric(cfg FabricConfig) (*Fabric, error) {
	f := &Fabric{
		log: cfg.Log, start: time.Now(), workers: cfg.Workers, numbers: vswitch.NewNumbers(),
		stop: make(chan struct{}), switches: map[*vswitch.Switch]struct{}{}, plugs: map[frame.PortID]*Plug{},
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.workers <= 0 {
		f.workers = engine.WorkersFor(runtime.GOMAXPROCS(0))
	}
	spareProcessor(f.workers)
	f.owners.Store(&[]*vswitch.Switch{})
	var err error
	f.engine, err = engine.New(engine.Config{
		Forwarder: f, Workers: f.workers, IO: cfg.IO, Spin: cfg.Spin,
		Clock: f.Clock, OnPortError: f.portFailed,
	})
	if err != nil {
		return nil, err
	}
	if name, why := f.engine.Loop(); why != nil {
		f.log.Info("the epoll loop is used", "loop", name, "why", why)
	}
	f.wg.Go(f.sweep)
	return f, nil
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

// Clock is the fabric's monotonic clock, in nanoseconds.
func (f *Fabric) Clock() int64 { return int64(time.Since(f.start)) }

func (f *Fabric) sweep() {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-t.C:
			for _, sw := range f.all() {
				sw.Sweep(f.Clock())
			}
		}
	}
}

func (f *Fabric) all() []*vswitch.Switch {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]*vswitch.Switch, 0, len(f.switches))
	for sw := range f.switches {
		out = append(out, sw)
	}
	return out
}

// NewSwitch makes a switch in the fabric; cfg's Workers, Seed and Numbers are
// filled in. It is given back with DropSwitch, once it has no port.
func (f *Fabric) NewSwitch(cfg vswitch.Config) *vswitch.Switch {
	cfg.Workers, cfg.Seed, cfg.Numbers = f.workers, randomWord(), f.numbers
	sw := vswitch.New(cfg)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.switches[sw] = struct{}{}
	return sw
}

// DropSwitch forgets a switch.
func (f *Fabric) DropSwitch(sw *vswitch.Switch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.switches, sw)
}

// Forward implements engine.Forwarder: a batch is its switch's.
func (f *Fabric) Forward(worker int, b *frame.Batch) {
	owners := *f.owners.Load()
	if int(b.In) < len(owners) && owners[b.In] != nil {
		owners[b.In].Forward(worker, b)
		return
	}
	for i := range b.Live() {
		if fr := &b.Frames[i]; fr.Drop == frame.Accepted {
			fr.Drop = frame.DropNoPort
		}
	}
}

// addPort makes a port in sw that Forward finds.
func (f *Fabric) addPort(sw *vswitch.Switch, cfg vswitch.PortConfig) (frame.PortID, error) {
	id, err := sw.AddPort(cfg)
	if err == nil {
		f.setOwner(id, sw)
	}
	return id, err
}

func (f *Fabric) setOwner(id frame.PortID, sw *vswitch.Switch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := *f.owners.Load()
	next := slices.Grow(slices.Clone(old), max(int(id)+1-len(old), 0))[:max(len(old), int(id)+1)]
	next[id] = sw
	f.owners.Store(&next)
}

// dropPort takes a port out and, once no worker holds it, calls after, which closes
// what is behind it; then the number is free again. It returns the port's last
// counts.
func (f *Fabric) dropPort(sw *vswitch.Switch, id frame.PortID, after func() error) (last frame.Totals, err error) {
	errs := []error{sw.RemovePort(id)}
	if _, ok := f.engine.PortTotals(id); ok {
		last, err = f.engine.Detach(id)
		errs = append(errs, err)
	}
	f.setOwner(id, nil)
	errs = append(errs, after(), sw.ReleasePort(id))
	return last, errors.Join(errs...)
}

// Local is a port of the switch process itself; see engine.Local.
type Local struct {
	f  *Fabric
	sw *vswitch.Switch
	ID frame.PortID
}

// AttachLocal plugs a part of the switch process into sw.
func (f *Fabric) AttachLocal(sw *vswitch.Switch, cfg vswitch.PortConfig, open func(frame.PortID) engine.Local) (*Local, error) {
	id, err := f.addPort(sw, cfg)
	if err != nil {
		return nil, err
	}
	l := &Local{f: f, sw: sw, ID: id}
	if err := f.engine.AttachLocal(id, open(id)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Inject has a frame enter by the port; see engine.Engine.Inject.
func (l *Local) Inject(b []byte) error { return l.f.engine.Inject(l.ID, b) }

// Totals returns the port's counts.
func (l *Local) Totals() frame.Totals {
	t, _ := l.f.engine.PortTotals(l.ID)
	return t
}

// Close takes the port out.
func (l *Local) Close() error {
	_, err := l.f.dropPort(l.sw, l.ID, func() error { return nil })
	return err
}

// portFailed is told by the engine that a device is gone: its namespace ended or
// somebody deleted it. The port is kept, down, until its container leaves.
func (f *Fabric) portFailed(id frame.PortID, err error) {
	f.mu.Lock()
	p := f.plugs[id]
	f.mu.Unlock()
	f.log.Warn("a port failed", "port", id, "err", err)
	if p == nil {
		return
	}
	err = errors.Join(err, p.sw.EditPort(id, func(c *vswitch.PortConfig) { c.Down = true }))
	if p.cfg.Failed != nil {
		p.cfg.Failed(err)
	}
}

// Loop returns the I/O loop in use, and why it is not io_uring if that was left
// open and could not be had.
func (f *Fabric) Loop() (string, error) { return f.engine.Loop() }

// Workers returns what each worker did so far.
func (f *Fabric) Workers() []engine.WorkerStats { return f.engine.Stats() }

// Totals returns the counts over all ports, also of those that left.
func (f *Fabric) Totals() frame.Totals { return f.engine.Totals() }

// Close ends the workers. What is plugged in must have been unplugged or released.
func (f *Fabric) Close() error {
	close(f.stop)
	f.wg.Wait()
	if err := f.engine.Close(); err != nil {
		return fmt.Errorf("end the workers: %w", err)
	}
	return nil
}

// portTotals returns the counts of a port, and of a device those of its ring.
func (f *Fabric) portTotals(id frame.PortID) (t frame.Totals, ring uint64) {
	f.mu.Lock()
	p := f.plugs[id]
	f.mu.Unlock()
	if p != nil {
		t, ring, _ = p.Totals() // without the ring's when the device is gone
		return t, ring
	}
	t, _ = f.engine.PortTotals(id)
	return t, 0
}
