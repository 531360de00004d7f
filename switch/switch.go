package vswitch

import (
	"fmt"
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

	mu      sync.Mutex            // serialises control
	removed map[frame.PortID]bool // numbers of removed ports that are not released yet
}

// New makes a switch without ports.
func New(cfg Config) *Switch {
	cfg = cfg.withDefaults()
	s := &Switch{
		cfg: cfg, fdb: newFDB(cfg.FDBLimit, uint32(cfg.Age), cfg.Seed), removed: map[frame.PortID]bool{},
	}
	s.snap.Store(&snapshot{natives: &vlanSet{}})
	return s
}

// AddPort adds a port and returns its number, the lowest that is free in the
// switch's Numbers.
func (s *Switch) AddPort(cfg PortConfig) (frame.PortID, error) {
	if err := cfg.check(); err != nil {
		return frame.NoPort, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.cfg.Numbers.take()
	if !ok {
		return frame.NoPort, fmt.Errorf("add port %q: %w", cfg.Name, ErrFull)
	}
	s.fdb.open(id)
	s.publish(id, newPort(id, cfg, s.cfg.Workers))
	return id, nil
}

// publish swaps in a snapshot in which port id is p, or is gone if p is nil.
func (s *Switch) publish(id frame.PortID, p *port) { s.install(s.snap.Load().with(id, p)) }

// install swaps in a snapshot.
func (s *Switch) install(next *snapshot) {
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
// must not call the switch. A change that concerns neither VLANs nor learning, of
// the guard above all, costs one copy of the list of ports, and no frame.
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
	p := old.edited(cfg)
	s.publish(id, p)
	if p.vlan == old.vlan && cfg.Down == old.cfg.Down && cfg.LearnLimit == old.cfg.LearnLimit {
		return nil
	}
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
	s.removed[id] = true
	return nil
}

// ReleasePort makes the number of a removed port free. The caller has made sure
// that no worker holds a batch from before RemovePort: engine.Detach does that.
func (s *Switch) ReleasePort(id frame.PortID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.removed[id] {
		return fmt.Errorf("release port %d: %w that was removed", id, ErrNoPort)
	}
	delete(s.removed, id)
	s.cfg.Numbers.free(id)
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
