package vswitch

import (
	"slices"
	"testing"

	"vswitch/internal/frame"
)

// A port that floods a million addresses into a full table evicts its own and
// nobody else's, however long the others are silent.
func TestFloodEvictsItsOwn(t *testing.T) {
	const limit, quiet, flooder = DefaultFDBLimit, 20, 5
	tab := newTable(limit, flooder+1)
	for port := range frame.PortID(flooder) {
		for i := range quiet * int(port+1) {
			tab.see(int(port)*1000+i, port, 1)
		}
	}
	for i := range 1_000_000 {
		tab.see(1_000_000+i, flooder, 2+uint32(i>>14))
	}
	tab.check(t)
	want := []int{20, 40, 60, 80, 100, limit - 300}
	if got := tab.counts(); !slices.Equal(got, want) {
		t.Errorf("entries by port: %v, want %v", got, want)
	}
	s := tab.statistics()
	if s.Entries != limit || s.Evicted != 1_000_000-uint64(want[flooder]) {
		t.Errorf("%+v", s)
	}
	if s.Refused != 0 {
		t.Errorf("%d addresses found no bucket in a table that is half empty", s.Refused)
	}
}

// Two greedy ports end with equal shares, and a third gets what it needs.
func TestEvictionSharesEqually(t *testing.T) {
	tab := newTable(1000, 3)
	for i := range 900 {
		tab.see(i, 0, 1)
	}
	for i := range 20000 {
		tab.see(10000+i, 1, 2)
	}
	if got := tab.counts(); got[0] != 500 || got[1] != 500 {
		t.Errorf("two ports: %v", got)
	}
	for i := range 50 {
		tab.see(50000+i, 2, 3)
	}
	for i := range 20000 {
		tab.see(100000+i, 1, 4)
	}
	if got := tab.counts(); got[2] != 50 || got[0] < 474 {
		t.Errorf("three ports: %v", got)
	}
	tab.check(t)
}

// Of the port that must give way, the stations that are heard stay.
func TestEvictionSparesTheActive(t *testing.T) {
	tab := newTable(64, 1)
	for i := range 64 {
		tab.see(i, 0, 1)
	}
	for sec := uint32(2); sec < 50; sec++ {
		for i := range 4 {
			tab.see(i, 0, sec)
		}
		for i := range 8 {
			tab.see(1000*int(sec)+i, 0, sec)
		}
	}
	for i := range 4 {
		if !tab.knows(i, 0, 50) {
			t.Errorf("station %d, heard every second, was evicted", i)
		}
	}
	tab.check(t)
}

// In two full buckets the port with the most entries gives way; a port that has
// fewer is never touched, and the newcomer goes without when all have fewer.
func TestBucketOverflow(t *testing.T) {
	full := func(t *testing.T, owners func(i int) frame.PortID) (tab *fdb, more []int) {
		tab = newTable(256, 3)
		a, b := tab.homes(fdbKey(station(0), 1))
		for i := 0; len(more) < 3; i++ {
			x, y := tab.homes(fdbKey(station(i), 1))
			if min(x, y) != min(a, b) || max(x, y) != max(a, b) {
				continue
			}
			if tab.emptier(a, b) == none {
				more = append(more, i)
				continue
			}
			tab.see(i, owners(i), uint32(1+i%5))
		}
		return tab, more
	}
	t.Run("own", func(t *testing.T) {
		tab, more := full(t, func(int) frame.PortID { return 0 })
		tab.see(more[0], 0, 9)
		if s := tab.statistics(); !tab.knows(more[0], 0, 9) || s.Evicted != 1 || s.Entries != 16 {
			t.Errorf("%+v", s)
		}
		tab.check(t)
	})
	t.Run("a smaller port takes from the largest", func(t *testing.T) {
		n := 0
		tab, more := full(t, func(int) frame.PortID { n++; return frame.PortID(btoi(n > 10)) }) // 10 and 6
		tab.see(more[0], 2, 9)
		if got := tab.counts(); !slices.Equal(got, []int{9, 6, 1}) {
			t.Error(got)
		}
		tab.check(t)
	})
	t.Run("a larger port gets nothing", func(t *testing.T) {
		tab, more := full(t, func(int) frame.PortID { return 0 })
		for i := range 100 { // make port 1 larger, elsewhere
			tab.see(1_000_000+i, 1, 1)
		}
		before := tab.counts()
		tab.see(more[0], 1, 9)
		// It may have had an entry in these buckets; then that one went, no other.
		if got := tab.counts(); !slices.Equal(got, before) {
			t.Errorf("%v became %v", before, got)
		}
		tab.check(t)
	})
	t.Run("static ones stay", func(t *testing.T) {
		tab, more := full(t, func(int) frame.PortID { return 0 })
		for _, e := range tab.list(1) {
			if err := tab.setStatic(fdbKey(e.MAC, e.VID), 0); err != nil {
				t.Fatal(err)
			}
		}
		tab.see(more[0], 0, 9)
		if err := tab.setStatic(fdbKey(station(more[1]), 1), 0); err == nil {
			t.Error("a static entry found room")
		}
		if s := tab.statistics(); s.Refused != 1 || s.Entries != 16 || s.Evicted != 0 {
			t.Errorf("%+v", s)
		}
		tab.check(t)
	})
}

// The addresses of real machines, consecutive ones above all, spread over the
// buckets whatever the seed.
func TestHashSpreads(t *testing.T) {
	const n = 4096
	for name, mac := range map[string]func(i int) frame.MAC{
		"consecutive":     func(i int) frame.MAC { return 0x00_16_3e_00_00_00 + frame.MAC(i) },
		"by IPv4 address": func(i int) frame.MAC { return 0x02_42_ac_11_00_00 + frame.MAC(i) },
		"last byte fixed": func(i int) frame.MAC { return 0x52_54_00_00_00_01 + frame.MAC(i)<<8 },
		"first bytes":     func(i int) frame.MAC { return 0x02<<40>>8<<8 + frame.MAC(i)<<24 + 1 },
		"random":          func(i int) frame.MAC { return frame.MAC(splitmix(uint64(i)) & 0xfeff_ffffffff) },
	} {
		for seed := range uint64(4) {
			tab := newFDB(n, DefaultAge, seed)
			tab.open(0)
			for i := range n {
				tab.learn(&sighting{key: fdbKey(mac(i), uint16(1+i%3)), sec: 1})
			}
			if s := tab.statistics(); s.Evicted != 0 || s.Entries != n {
				t.Errorf("%s, seed %d: %d of %d fit, %d evicted", name, seed, s.Entries, n, s.Evicted)
			}
		}
	}
}
