package vswitch

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"

	"vswitch/internal/frame"
)

// ErrFDBFull is returned for a static entry that finds no room.
var ErrFDBFull = errors.New("the forwarding database is full of static entries")

// Entry is one line of the forwarding database.
type Entry struct {
	MAC    frame.MAC
	VID    uint16
	Port   frame.PortID
	Static bool
	// Age is how many seconds ago the station was last seen; 0 for a static entry.
	Age uint32
}

// setStatic enters key for good, in place of a dynamic entry if there is one.
func (t *FDB) setStatic(key uint64, port frame.PortID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot, v := t.find(key)
	switch {
	case slot != none && v&flagStatic == 0:
		t.unlink(slot, t.of(valuePort(v)))
	case slot == none:
		if slot = t.room(key); slot == none {
			return fmt.Errorf("static entry: %w", ErrFDBFull)
		}
		t.count++
	}
	t.value(slot).Store(fdbValue(port, 0, flagStatic))
	t.key(slot).Store(key)
	return nil
}

// delete removes key and reports whether it was there.
func (t *FDB) delete(key uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot, _ := t.find(key)
	if slot == none {
		return false
	}
	t.remove(slot)
	t.stats.flushed.Add(1)
	return true
}

// each calls fn for every used slot until it returns false. The lock is held.
func (t *FDB) each(fn func(slot uint32, key, value uint64) bool) {
	for i := range t.buckets {
		for j := range uint32(bucketSlots) {
			slot := uint32(i)*bucketSlots + j
			if key := t.key(slot).Load(); key != 0 && !fn(slot, key, t.value(slot).Load()) {
				return
			}
		}
	}
}

// flush removes every entry of port that keep, if given, does not speak for.
func (t *FDB) flush(port frame.PortID, keep func(vid uint16, static bool) bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	t.each(func(slot uint32, key, value uint64) bool {
		if valuePort(value) == port && (keep == nil || !keep(uint16(key)&0xfff, value&flagStatic != 0)) {
			t.remove(slot)
			n++
		}
		return true
	})
	t.stats.flushed.Add(uint64(n))
	return n
}

// forget closes the book of a port that is gone.
func (t *FDB) forget(port frame.PortID) {
	t.flush(port, nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.ports[port]; p != nil {
		heap.Remove(&t.heap, p.at)
		delete(t.ports, port)
	}
}

// sweep removes the entries that are past their time and returns how many.
func (t *FDB) sweep(sec uint32) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	t.each(func(slot uint32, _, value uint64) bool {
		if !t.fresh(value, sec) {
			t.remove(slot)
			n++
		}
		return true
	})
	t.stats.aged.Add(uint64(n))
	return n
}

// list returns all entries that are found at second sec, by VLAN and address.
func (t *FDB) list(sec uint32) []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Entry, 0, t.count)
	t.each(func(_ uint32, key, v uint64) bool {
		if !t.fresh(v, sec) {
			return true
		}
		e := Entry{
			MAC: frame.MAC(key >> 16), VID: uint16(key & 0xfff), Port: valuePort(v),
			Static: v&flagStatic != 0,
		}
		if !e.Static {
			e.Age = uint32(max(int32(sec-valueSec(v)), 0))
		}
		out = append(out, e)
		return true
	})
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.VID, b.VID), cmp.Compare(a.MAC, b.MAC))
	})
	return out
}

func (t *FDB) statistics() FDBStats {
	t.mu.Lock()
	entries := t.count
	t.mu.Unlock()
	return FDBStats{
		Entries: entries, Limit: t.limit,
		Learned: t.stats.learned.Load(), Moved: t.stats.moved.Load(),
		Aged: t.stats.aged.Load(), Evicted: t.stats.evicted.Load(),
		Limited: t.stats.limited.Load(), Deferred: t.stats.deferred.Load(),
		Flushed: t.stats.flushed.Load(),
	}
}
