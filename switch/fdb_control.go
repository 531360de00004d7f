package vswitch

import (
	"cmp"
	"errors"
	"slices"

	"vswitch/internal/frame"
)

// ErrFDBFull is returned for a static entry that finds no room.
var ErrFDBFull = errors.New("the forwarding database is full of static entries")

// setEpoch makes epoch the current one: who learns by an older configuration
// does so no more. Call it after publishing and before flushing.
func (t *fdb) setEpoch(epoch uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch = epoch
}

// setStatic enters key for good, in place of a dynamic entry if there is one.
func (t *fdb) setStatic(key uint64, port frame.PortID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot, v := t.find(key)
	if slot != none {
		t.leave(slot, v)
	} else {
		if slot = t.room(key, nil); slot == none {
			return ErrFDBFull
		}
		t.count++
	}
	v = fdbValue(port, 0, flagStatic)
	t.put(slot, key, v)
	t.enter(slot, v)
	return nil
}

// delete removes key and reports whether it was there.
func (t *fdb) delete(key uint64) bool {
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

// each calls fn for every used slot. The lock is held; fn may remove the slot.
func (t *fdb) each(fn func(slot uint32, key, value uint64)) {
	for i := range t.buckets {
		for j := range uint32(bucketSlots) {
			slot := uint32(i)*bucketSlots + j
			if key := t.key(slot).Load(); key != 0 {
				fn(slot, key, t.value(slot).Load())
			}
		}
	}
}

// flush removes every entry of port that keep does not speak for and returns how
// many.
func (t *fdb) flush(port frame.PortID, keep func(vid uint16, static bool) bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.flushLocked(port, keep)
}

func (t *fdb) flushLocked(port frame.PortID, keep func(vid uint16, static bool) bool) int {
	p := t.book(port)
	if p == nil {
		return 0
	}
	n := 0
	for _, head := range [2]uint32{p.head, p.static.head} {
		for slot := head; slot != none; {
			next := t.next[slot]
			if !keep(keyVID(t.key(slot).Load()), valueStatic(t.value(slot).Load())) {
				t.remove(slot)
				n++
			}
			slot = next
		}
	}
	t.stats.flushed.Add(uint64(n))
	return n
}

// trim removes the oldest dynamic entries of port beyond limit.
func (t *fdb) trim(port frame.PortID, limit int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := t.book(port); p.count > limit; {
		t.remove(t.oldest(p))
		t.stats.flushed.Add(1)
	}
}

// sweep removes the entries that are past their time and returns how many.
func (t *fdb) sweep(sec uint32) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	t.each(func(slot uint32, _, value uint64) {
		if !t.fresh(value, sec) {
			t.remove(slot)
			n++
		}
	})
	t.stats.aged.Add(uint64(n))
	return n
}

// list returns all entries that are found at second sec, by VLAN and address.
func (t *fdb) list(sec uint32) []Entry {
	t.mu.Lock()
	out := make([]Entry, 0, t.count)
	t.each(func(_ uint32, key, v uint64) {
		if t.fresh(v, sec) {
			out = append(out, entryOf(key, v, sec))
		}
	})
	t.mu.Unlock()
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.VID, b.VID), cmp.Compare(a.MAC, b.MAC))
	})
	return out
}
