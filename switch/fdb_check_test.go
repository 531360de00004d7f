package vswitch

import (
	"testing"

	"vswitch/internal/frame"
)

// check verifies what must hold of a table between any two calls: every entry
// lies once and in a bucket of its own; each port's book has exactly its dynamic
// entries and in another list its static ones; the counts are right; the heap is one.
func (t *fdb) check(tb testing.TB) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := map[uint64]uint32{}
	dynamic, static := map[frame.PortID]int{}, map[frame.PortID]int{}
	t.each(func(slot uint32, key, v uint64) {
		if other, twice := seen[key]; twice {
			tb.Errorf("%012x is in slots %d and %d", key, other, slot)
		}
		seen[key] = slot
		if a, b := t.homes(key); slot/bucketSlots != a && slot/bucketSlots != b {
			tb.Errorf("%012x is in bucket %d, not %d or %d", key, slot/bucketSlots, a, b)
		}
		if valueStatic(v) {
			static[valuePort(v)]++
		} else {
			dynamic[valuePort(v)]++
		}
	})
	if t.count != len(seen) || t.count > t.limit {
		tb.Errorf("count is %d with %d entries, limit %d", t.count, len(seen), t.limit)
	}
	for id, p := range t.books {
		port := frame.PortID(id)
		if p == nil {
			if n := dynamic[port] + static[port]; n > 0 {
				tb.Errorf("port %d is closed and has %d entries", port, n)
			}
			continue
		}
		if n := t.walk(tb, port, &p.list, false); n != p.count || n != dynamic[port] {
			tb.Errorf("port %d: %d in its list, counted %d, has %d", port, n, p.count, dynamic[port])
		}
		if n := t.walk(tb, port, &p.static, true); n != p.static.count || n != static[port] {
			tb.Errorf("port %d: %d in its static list, counted %d, has %d", port, n, p.static.count, static[port])
		}
		if t.heap[p.at] != p {
			tb.Errorf("port %d: its place in the heap is another's", port)
		}
	}
	for i := range t.heap {
		if up := (i - 1) / 2; i > 0 && t.heap[up].count < t.heap[i].count {
			tb.Errorf("heap: %d above %d", t.heap[up].count, t.heap[i].count)
		}
	}
}

// walk goes through a list of a port and returns how long it is.
func (t *fdb) walk(tb testing.TB, port frame.PortID, p *list, static bool) int {
	n, prev := 0, none
	for slot := p.head; slot != none && n <= len(t.next); slot = t.next[slot] {
		v := t.value(slot).Load()
		if t.key(slot).Load() == 0 || valueStatic(v) != static || valuePort(v) != port {
			tb.Errorf("port %d: slot %d is not its entry, or static is not %v", port, slot, static)
		}
		if t.prev[slot] != prev {
			tb.Errorf("port %d: slot %d has a wrong neighbour", port, slot)
		}
		prev = slot
		n++
	}
	if p.tail != prev {
		tb.Errorf("port %d: wrong tail", port)
	}
	return n
}

// newTable makes a table of which the first ports may learn.
func newTable(limit, ports int) *fdb {
	t := newFDB(limit, DefaultAge, 1)
	for i := range ports {
		t.open(frame.PortID(i))
	}
	return t
}

// see has a station of VLAN 1 be seen behind a port at second sec.
func (t *fdb) see(i int, port frame.PortID, sec uint32) {
	t.learn(&sighting{key: fdbKey(station(i), 1), port: port, sec: sec})
}

// knows reports whether a station is known behind a port.
func (t *fdb) knows(i int, port frame.PortID, sec uint32) bool {
	got, ok := t.lookup(fdbKey(station(i), 1), sec)
	return ok && got == port
}

// counts returns how many dynamic entries each port has.
func (t *fdb) counts() []int {
	out := make([]int, len(t.books))
	for i, p := range t.books {
		if p != nil {
			out[i] = p.count
		}
	}
	return out
}
