package vswitch

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"vswitch/internal/frame"
)

// Switch is a layer-2 switch. Forward is for workers; all other methods are
// control and may be called from anywhere, also under traffic.
type Switch struct {
	cfg  Config
	fdb  *fdb
	snap atomic.Pointer[snapshot]

	mu    sync.Mutex // serialises control
	taken []bool     // by PortID: in use, or removed and not yet released
}

// New makes a switch without ports.
func New(cfg Config) *Switch {
	cfg = cfg.withDefaults()
	s := &Switch{cfg: cfg, fdb: newFDB(cfg.FDBLimit, uint32(cfg.Age), cfg.Seed)}
	s.snap.Store(&snapshot{floods: new([maxVID + 1]*floods)})
	return s
}

// AddPort adds a port and returns its number, the lowest that is free.
func (s *Switch) AddPort(cfg PortConfig) (frame.PortID, error) {
	if err := cfg.check(); err != nil {
		return frame.NoPort, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.taken, false)
	if i < 0 {
		if i = len(s.taken); i == MaxPorts {
			return frame.NoPort, fmt.Errorf("add port %q: %w", cfg.Name, ErrFull)
		}
		s.taken = append(s.taken, false)
	}
	s.taken[i] = true
	id := frame.PortID(i)
	s.fdb.open(id)
	s.publish(id, newPort(id, cfg, &portState{kinds: make([]kinds, s.cfg.Workers)}))
	return id, nil
}

// publish swaps in a snapshot in which port id is p, or is gone if p is nil.
func (s *Switch) publish(id frame.PortID, p *port) {
	next := s.snap.Load().with(id, p)
	s.snap.Store(next)
	s.fdb.setEpoch(next.epoch)
}

// SetPort changes a port's configuration. The stations behind it are forgotten
// where it left their VLAN; the learned ones also when it goes down or learns no
// more, and the oldest of them beyond a lower LearnLimit.
func (s *Switch) SetPort(id frame.PortID, cfg PortConfig) error {
	return s.EditPort(id, func(c *PortConfig) { *c = cfg })
}

// EditPort is SetPort with what edit makes of the port's configuration, so that
// two callers who change different things do not undo each other's work. edit
// must not call the switch.
func (s *Switch) EditPort(id frame.PortID, edit func(*PortConfig)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.snap.Load().port(id)
	if old == nil {
		return fmt.Errorf("set port %d: %w", id, ErrNoPort)
	}
	cfg := old.cfg.clone()
	edit(&cfg)
	if err := cfg.check(); err != nil {
		return err
	}
	p := newPort(id, cfg, old.state)
	s.publish(id, p)
	s.fdb.flush(id, func(vid uint16, static bool) bool {
		return p.in(vid) && (static || cfg.LearnLimit >= 0 && !cfg.Down)
	})
	if cfg.LearnLimit > 0 {
		s.fdb.trim(id, cfg.LearnLimit)
	}
	return nil
}

// RemovePort takes a port out: no new frame leaves by it or is accepted from it,
// and the stations behind it are forgotten. Its number stays taken until
// ReleasePort, since workers may still be busy with frames that named it.
func (s *Switch) RemovePort(id frame.PortID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap.Load().port(id) == nil {
		return fmt.Errorf("remove port %d: %w", id, ErrNoPort)
	}
	s.publish(id, nil)
	s.fdb.close(id)
	return nil
}

// ReleasePort makes the number of a removed port free. The caller has made sure
// that no worker holds a batch from before RemovePort: engine.Detach does that.
func (s *Switch) ReleasePort(id frame.PortID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(id) >= len(s.taken) || !s.taken[id] || s.snap.Load().port(id) != nil {
		return fmt.Errorf("release port %d: %w that was removed", id, ErrNoPort)
	}
	s.taken[id] = false
	return nil
}

// Port returns a copy of a port's configuration.
func (s *Switch) Port(id frame.PortID) (PortConfig, bool) {
	p := s.snap.Load().port(id)
	if p == nil {
		return PortConfig{}, false
	}
	return p.cfg.clone(), true
}

// Ports returns the numbers of all ports, ascending.
func (s *Switch) Ports() []frame.PortID {
	var out []frame.PortID
	for _, p := range s.snap.Load().ports {
		if p != nil {
			out = append(out, p.id)
		}
	}
	return out
}
