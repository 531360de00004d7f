package vswitch

import (
	"fmt"

	"vswitch/internal/frame"
)

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
	case !p.in(vid):
		return fmt.Errorf("%w: static entry %s: port %d is not in VLAN %d", ErrConfig, mac, id, vid)
	}
	if err := s.fdb.setStatic(fdbKey(mac, vid), id); err != nil {
		return fmt.Errorf("static entry %s: %w", mac, err)
	}
	return nil
}

// Forget removes a station, static or not, and reports whether it was there.
func (s *Switch) Forget(mac frame.MAC, vid uint16) bool {
	return mac != 0 && s.fdb.delete(fdbKey(mac, vid))
}

// Flush forgets the learned stations behind a port and returns how many.
func (s *Switch) Flush(id frame.PortID) int {
	return s.fdb.flush(id, func(_ uint16, static bool) bool { return static })
}

// Lookup returns the entry of a station that is known at now (the clock of
// Batch.Now).
func (s *Switch) Lookup(mac frame.MAC, vid uint16, now int64) (Entry, bool) {
	key, sec := fdbKey(mac, vid), seconds(now)
	slot, v := s.fdb.find(key)
	if mac == 0 || slot == none || !s.fdb.fresh(v, sec) {
		return Entry{}, false
	}
	return entryOf(key, v, sec), true
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
	if age <= 0 || age > MaxAge {
		return fmt.Errorf("%w: an aging time of %d s, not 1 to %d", ErrConfig, age, MaxAge)
	}
	s.fdb.age.Store(uint32(age))
	return nil
}
