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
	fdb  *FDB
	snap atomic.Pointer[snapshot]

	mu    sync.Mutex // serialises control
	taken []bool     // by PortID: in use, or removed and not yet released
}

// New makes a switch without ports.
func New(cfg Config) *Switch {
	cfg = cfg.withDefaults()
	s := &Switch{cfg: cfg, fdb: newFDB(cfg.FDBLimit, uint32(cfg.Age), cfg.Seed)}
	s.snap.Store(&snapshot{floods: &[4096]*floods{}})
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
	s.publish(id, newPort(id, cfg, &portState{kinds: make([]kinds, s.cfg.Workers)}))
	return id, nil
}

func newPort(id frame.PortID, cfg PortConfig, state *portState) *port {
	cfg.VLAN.Trunk = slices.Clone(cfg.VLAN.Trunk)
	return &port{
		id: id, cfg: cfg, state: state,
		vlan: newMembership(id, cfg.VLAN), guard: newGuard(cfg.Guard),
	}
}

// publish swaps in a snapshot in which port id is p, or is gone if p is nil. Only
// the VLANs that the old or the new port is in are made anew.
func (s *Switch) publish(id frame.PortID, p *port) {
	old := s.snap.Load()
	next := &snapshot{ports: make([]*port, max(len(old.ports), int(id)+1)), floods: new([4096]*floods)}
	copy(next.ports, old.ports)
	*next.floods = *old.floods
	before := old.port(id)
	next.ports[id] = p
	for vid := uint16(1); vid <= maxVID; vid++ {
		if before != nil && before.vlan.set.has(vid) || p != nil && p.vlan.set.has(vid) {
			next.floods[vid] = floodsOf(next.ports, vid)
		}
	}
	s.snap.Store(next)
}

// SetPort changes a port's configuration. Stations behind it are forgotten where
// they are in a VLAN that it left.
func (s *Switch) SetPort(id frame.PortID, cfg PortConfig) error {
	if err := cfg.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.snap.Load().port(id)
	if old == nil {
		return fmt.Errorf("set port %d: %w", id, ErrNoPort)
	}
	p := newPort(id, cfg, old.state)
	s.publish(id, p)
	s.fdb.flush(id, func(vid uint16, static bool) bool {
		return p.vlan.set.has(vid) && (static || cfg.LearnLimit >= 0 && !cfg.Down)
	})
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
	s.fdb.flush(id, nil)
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
	s.fdb.forget(id) // what a worker learned between removal and now
	s.taken[id] = false
	return nil
}

// Port returns a port's configuration.
func (s *Switch) Port(id frame.PortID) (PortConfig, bool) {
	p := s.snap.Load().port(id)
	if p == nil {
		return PortConfig{}, false
	}
	return p.cfg, true
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

// Kinds counts the frames that a port sent and the switch forwarded, by where
// they went.
type Kinds struct {
	Unicast   uint64 `json:"unicast"`   // to the one port of a known station
	Multicast uint64 `json:"multicast"` // flooded: a group address
	Broadcast uint64 `json:"broadcast"` // flooded: everybody
	Unknown   uint64 `json:"unknown"`   // flooded: a station not in the FDB
}

// Kinds returns the counts of port id.
func (s *Switch) Kinds(id frame.PortID) (Kinds, bool) {
	p := s.snap.Load().port(id)
	if p == nil {
		return Kinds{}, false
	}
	var out Kinds
	for i := range p.state.kinds {
		k := &p.state.kinds[i]
		out.Unicast += k.unicast.Load()
		out.Multicast += k.multicast.Load()
		out.Broadcast += k.broadcast.Load()
		out.Unknown += k.unknown.Load()
	}
	return out, true
}

// AddStatic enters a station that never ages, never moves and is not evicted.
func (s *Switch) AddStatic(mac frame.MAC, vid uint16, id frame.PortID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.snap.Load().port(id)
	switch {
	case p == nil:
		return fmt.Errorf("static entry %s: port %d: %w", mac, id, ErrNoPort)
	case mac == 0 || mac.Group():
		return fmt.Errorf("%w: static entry %s: not the address of a station", ErrConfig, mac)
	case !p.vlan.set.has(vid):
		return fmt.Errorf("%w: static entry %s: port %d is not in VLAN %d", ErrConfig, mac, id, vid)
	}
	return s.fdb.setStatic(fdbKey(mac, vid), id)
}

// Forget removes a station, static or not, and reports whether it was there.
func (s *Switch) Forget(mac frame.MAC, vid uint16) bool { return s.fdb.delete(fdbKey(mac, vid)) }

// Flush forgets the learned stations behind a port and returns how many.
func (s *Switch) Flush(id frame.PortID) int {
	return s.fdb.flush(id, func(_ uint16, static bool) bool { return static })
}

// FDB lists the stations that are known at now (the clock of Batch.Now).
func (s *Switch) FDB(now int64) []Entry { return s.fdb.list(seconds(now)) }

// FDBStats returns the counts of the FDB.
func (s *Switch) FDBStats() FDBStats { return s.fdb.statistics() }

// Sweep takes out the stations that were not seen for the aging time. Call it
// every few seconds; without it they are not found either, but take room.
func (s *Switch) Sweep(now int64) int { return s.fdb.sweep(seconds(now)) }

// SetAge changes the aging time, in seconds.
func (s *Switch) SetAge(age int) error {
	if age <= 0 {
		return fmt.Errorf("%w: an aging time of %d s", ErrConfig, age)
	}
	s.fdb.age.Store(uint32(age))
	return nil
}
