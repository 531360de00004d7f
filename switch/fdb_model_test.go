package vswitch

import (
	"fmt"
	"maps"
	"testing"

	"vswitch/internal/frame"
)

// model is a forwarding database as one would write it without regard to speed.
// It does not choose whom to evict: it looks at what the table did, and says
// whether that was allowed.
type model struct {
	age     uint32
	entries map[uint64]modelEntry
}

type modelEntry struct {
	port   frame.PortID
	sec    uint32
	static bool
}

func (m *model) fresh(e modelEntry, sec uint32) bool { return e.static || e.sec+m.age > sec }

// count returns how many dynamic entries a port has.
func (m *model) count(port frame.PortID) int {
	return m.countIf(func(e modelEntry) bool { return e.port == port && !e.static })
}

func (m *model) countIf(match func(modelEntry) bool) int {
	n := 0
	for _, e := range m.entries {
		n += btoi(match(e))
	}
	return n
}

// contents reads the table into the model's form.
func contents(t *fdb) map[uint64]modelEntry {
	out := map[uint64]modelEntry{}
	t.each(func(_ uint32, key, v uint64) {
		out[key] = modelEntry{valuePort(v), valueSec(v), valueStatic(v)}
	})
	return out
}

// learn says what must be after a sighting, given what table t has now.
func (m *model) learn(t *fdb, s *sighting) error {
	now := contents(t)
	old, known := m.entries[s.key]
	switch {
	case known && old.static:
		return nil
	case known && old.port == s.port:
		old.sec = max(old.sec, s.sec)
		m.entries[s.key] = old
		return nil
	case s.limit > 0 && m.count(s.port) >= s.limit:
		return nil
	}
	if _, in := now[s.key]; !in {
		return m.mayRefuse(t, s)
	}
	if !known {
		if err := m.evict(s.port, now, true); err != nil {
			return err
		}
	}
	m.entries[s.key] = modelEntry{port: s.port, sec: s.sec}
	return nil
}

// mayRefuse says whether a new station may go without an entry: when all are
// static, or when its two buckets are full and nobody there has to give way.
func (m *model) mayRefuse(t *fdb, s *sighting) error {
	if len(m.entries) >= t.limit && m.countIf(func(e modelEntry) bool { return !e.static }) == 0 {
		return nil
	}
	mine := m.count(s.port)
	a, b := t.homes(s.key)
	for _, home := range [2]uint32{a, b} {
		for slot := home * bucketSlots; slot < (home+1)*bucketSlots; slot++ {
			e, used := m.entries[t.key(slot).Load()]
			if !used || !e.static && (e.port == s.port || m.count(e.port) > mine) {
				return fmt.Errorf("%012x was refused although slot %d could be had", s.key, slot)
			}
		}
	}
	return nil
}

// evict accepts that one entry went, if it was one that may.
func (m *model) evict(port frame.PortID, now map[uint64]modelEntry, fair bool) error {
	mine := m.count(port)
	gone := 0
	for key, e := range m.entries {
		if _, in := now[key]; in {
			continue
		}
		if gone++; gone > 1 {
			return fmt.Errorf("more than one entry went")
		}
		if e.static {
			return fmt.Errorf("static %012x was evicted", key)
		}
		if fair && e.port != port && m.count(e.port) <= mine {
			return fmt.Errorf("port %d with %d entries evicted one of port %d, which has %d", port, mine, e.port, m.count(e.port))
		}
		delete(m.entries, key)
	}
	return nil
}

// static says what must be after a static entry was made.
func (m *model) static(key uint64, port frame.PortID, err error, now map[uint64]modelEntry) error {
	if err != nil {
		return nil
	}
	if _, known := m.entries[key]; !known {
		if err := m.evict(port, now, false); err != nil {
			return err
		}
	}
	m.entries[key] = modelEntry{port: port, static: true}
	return nil
}

// drop removes what match says and returns how many.
func (m *model) drop(match func(key uint64, e modelEntry) bool) int {
	before := len(m.entries)
	maps.DeleteFunc(m.entries, match)
	return before - len(m.entries)
}

// FuzzFDB plays random calls on a small table and on the model. Each takes three
// bytes: what, which station and VLAN, which port and limit.
func FuzzFDB(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 1, 1, 5, 0, 0, 6, 0, 0}, uint8(1))
	rnd := random()
	for limit := range uint8(4) {
		seed := make([]byte, 900)
		for i := range seed {
			seed[i] = byte(rnd.Uint32())
		}
		f.Add(seed, limit*9)
	}
	f.Fuzz(func(t *testing.T, ops []byte, limit uint8) {
		const ports = 4
		tab := newTable(1+int(limit%40), ports)
		tab.age.Store(20)
		m := &model{age: 20, entries: map[uint64]modelEntry{}}
		sec := uint32(1)
		for ; len(ops) >= 3; ops = ops[3:] {
			if err := play(tab, m, &sec, ops[0], ops[1], ops[2], ports); err != nil {
				t.Fatalf("%v: %v", ops[:3], err)
			}
			if got := contents(tab); !maps.Equal(got, m.entries) {
				t.Fatalf("%v:\ntable %v\nmodel %v", ops[:3], got, m.entries)
			}
			tab.check(t)
		}
	})
}

// play makes one call on both.
func play(tab *fdb, m *model, sec *uint32, what, who, where byte, ports int) error {
	key := fdbKey(station(int(who/3)), 1+uint16(who%3))
	port := frame.PortID(int(where) % ports)
	ofPort := func(_ uint64, e modelEntry) bool { return e.port == port }
	var got, want int
	switch what % 16 {
	case 0:
		*sec += uint32(where % 16)
	case 1:
		got, want = tab.sweep(*sec), m.drop(func(_ uint64, e modelEntry) bool { return !m.fresh(e, *sec) })
	case 2:
		got = tab.flush(port, func(_ uint16, static bool) bool { return static })
		want = m.drop(func(k uint64, e modelEntry) bool { return ofPort(k, e) && !e.static })
	case 3:
		got = btoi(tab.delete(key))
		want = m.drop(func(k uint64, _ modelEntry) bool { return k == key })
	case 4:
		err := tab.setStatic(key, port)
		return m.static(key, port, err, contents(tab))
	case 5:
		tab.close(port)
		tab.open(port)
		m.drop(ofPort)
	case 6:
		tab.trim(port, 3)
		now := contents(tab)
		m.drop(func(k uint64, _ modelEntry) bool { _, in := now[k]; return !in })
		got, want = m.count(port), min(m.count(port), 3)
	case 7:
		e, known := m.entries[key]
		p, ok := tab.lookup(key, *sec)
		if ok != (known && m.fresh(e, *sec)) || ok && p != e.port {
			return fmt.Errorf("lookup: %d, %v", p, ok)
		}
		got, want = len(tab.list(*sec)), m.countIf(func(e modelEntry) bool { return m.fresh(e, *sec) })
	default:
		s := &sighting{key: key, port: port, sec: *sec, limit: int(where>>2) % 16}
		tab.learn(s)
		return m.learn(tab, s)
	}
	if got != want {
		return fmt.Errorf("got %d, want %d", got, want)
	}
	return nil
}
