package vswitch

import "vswitch/internal/frame"

// sighting is a station seen behind a port.
type sighting struct {
	key   uint64
	port  frame.PortID
	sec   uint32 // now
	limit int    // of the port's entries; 0: none
	epoch uint64 // of the configuration that allowed the frame
}

// learn notes a sighting. It never waits and never allocates.
func (t *fdb) learn(s *sighting) {
	slot, v := t.find(s.key)
	if slot != none && settled(v, s.port) {
		t.refresh(slot, v, s)
		return
	}
	if !t.mu.TryLock() {
		t.stats.deferred.Add(1)
		return
	}
	t.learnLocked(s)
	t.mu.Unlock()
}

// settled reports whether a sighting behind port changes no more of an entry
// than its time.
func settled(v uint64, port frame.PortID) bool { return valueStatic(v) || valuePort(v) == port }

// refresh gives a dynamic entry the time of the sighting. Should the slot have
// been given away meanwhile, the swap fails, unless the same port's newer entry
// has the very same time; then that one is refreshed, which does no harm.
func (t *fdb) refresh(slot uint32, v uint64, s *sighting) {
	if !valueStatic(v) && earlier(valueSec(v), s.sec) {
		t.value(slot).CompareAndSwap(v, fdbValue(s.port, s.sec, 0))
	}
}

func (t *fdb) learnLocked(s *sighting) {
	p := t.book(s.port)
	if p == nil || s.epoch != t.epoch {
		t.stats.deferred.Add(1)
		return
	}
	slot, v := t.find(s.key)
	switch {
	case slot != none && settled(v, s.port):
		return // another worker was faster
	case s.limit > 0 && p.count >= s.limit:
		t.stats.limited.Add(1)
		return
	case slot != none:
		t.leave(slot, v)
		t.stats.moved.Add(1)
	default:
		if slot = t.room(s.key, p); slot == none {
			t.stats.refused.Add(1)
			return
		}
		t.stats.learned.Add(1)
		t.count++
	}
	v = fdbValue(s.port, s.sec, 0)
	t.put(slot, s.key, v)
	t.enter(slot, v)
}

// put fills a slot. The value comes first: a reader that sees the key must not
// see the value of the entry that was there before.
func (t *fdb) put(slot uint32, key, value uint64) {
	t.value(slot).Store(value)
	t.key(slot).Store(key)
}
