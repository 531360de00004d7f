package vswitch

import (
	"math"
	"testing"

	"vswitch/internal/frame"
)

func TestAging(t *testing.T) {
	for _, c := range []struct {
		name      string
		seen, now uint32
		known     bool
	}{
		{"at once", 1000, 1000, true},
		{"in the last second", 1000, 1000 + DefaultAge - 1, true},
		{"too old", 1000, 1000 + DefaultAge, false},
		{"a reader's clock that is behind", 1000, 998, true},
		{"over the wrap", math.MaxUint32 - 5, 10, true},
		{"over the wrap and too old", math.MaxUint32 - 5, DefaultAge, false},
		{"behind, over the wrap", 3, math.MaxUint32 - 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := newTable(16, 1)
			tab.see(1, 0, c.seen)
			if got := tab.knows(1, 0, c.now); got != c.known {
				t.Errorf("known: %v", got)
			}
			if got := len(tab.list(c.now)); got != btoi(c.known) {
				t.Errorf("%d listed", got)
			}
			if got := tab.sweep(c.now); got != btoi(!c.known) {
				t.Errorf("%d swept", got)
			}
			tab.check(t)
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A station that is heard stays; a worker whose clock is behind does not make it
// older.
func TestRefresh(t *testing.T) {
	tab := newTable(16, 1)
	for sec := uint32(1); sec < 2000; sec += DefaultAge - 1 {
		tab.see(1, 0, sec)
		if !tab.knows(1, 0, sec+DefaultAge-1) {
			t.Fatalf("forgotten at %d", sec)
		}
	}
	tab.see(1, 0, 3000)
	tab.see(1, 0, 2999)
	if !tab.knows(1, 0, 3000+DefaultAge-1) {
		t.Error("an older sighting made the entry older")
	}
}

// An entry past its time that nobody swept comes back with the next frame.
func TestStaleEntryComesBack(t *testing.T) {
	tab := newTable(16, 2)
	tab.see(1, 0, 1)
	tab.see(1, 0, 5000)
	if !tab.knows(1, 0, 5000) || tab.statistics().Learned != 1 {
		t.Error("not refreshed")
	}
	tab.see(1, 1, 9000)
	if !tab.knows(1, 1, 9000) {
		t.Error("not moved")
	}
	tab.check(t)
}

func TestSetAge(t *testing.T) {
	r := newRig(t, Config{Age: 10}, PortConfig{}, PortConfig{})
	r.learn(0, macA)
	r.wait(9)
	r.expect(1, plain(macA, macB), "0")
	r.wait(1)
	r.expect(1, plain(macC, macB), "0")
	if got := r.where(macA); got != "-" {
		t.Errorf("A is still behind %s", got)
	}
	r.must(r.sw.SetAge(20))
	if got := r.where(macA); got != "0" {
		t.Errorf("with a longer time A is behind %s", got)
	}
	if n := r.sw.Sweep(r.now + 11*second); n != 1 {
		t.Errorf("%d swept", n)
	}
	if s := r.sw.FDBStats(); s.Entries != 1 || s.Aged != 1 || s.Learned != 2 {
		t.Errorf("%+v", s)
	}
}

func TestMove(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{})
	r.learn(0, macA)
	r.learn(1, macA)
	r.expect(2, plain(macA, macC), "1")
	r.learn(0, macA)
	r.expect(2, plain(macA, macC), "0")
	if s := r.sw.FDBStats(); s.Moved != 2 || s.Entries != 2 {
		t.Errorf("%+v", s)
	}
	r.sw.fdb.check(t)
}

// The same address in two VLANs is two stations.
func TestVLANsAreSeparate(t *testing.T) {
	trunk := PortConfig{VLAN: VLANConfig{Trunk: []uint16{1, 2}}}
	r := newRig(t, Config{}, trunk, trunk, trunk)
	r.learn(0, macA, 1)
	r.learn(1, macA, 2)
	r.expect(2, plain(macA, macC, 1), "0/1")
	r.expect(2, plain(macA, macC, 2), "1/2")
}

func TestStatic(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{}, PortConfig{})
	r.learn(0, macA)
	r.must(r.sw.AddStatic(macA, 1, 1)) // takes the learned one's place
	r.learn(0, macA)                   // and does not move
	r.expect(2, plain(macA, macC), "1")
	r.wait(10 * DefaultAge)
	r.expect(2, plain(macA, macC), "1") // nor age
	if n := r.sw.Sweep(r.now); n != 0 {
		t.Errorf("%d swept", n) // C was just seen
	}
	r.must(r.sw.AddStatic(macA, 1, 0)) // but control moves it
	r.expect(2, plain(macA, macC), "0")
	r.sw.fdb.check(t)
	if !r.sw.Forget(macA, 1) || r.sw.Forget(macA, 1) {
		t.Error("Forget is true once")
	}
	r.expect(2, plain(macA, macC), "0 1")
	r.sw.fdb.check(t)
}

// A table full of static entries learns nothing and takes no more of them.
func TestStaticFillsTable(t *testing.T) {
	tab := newTable(8, 1)
	for i := range 8 {
		if err := tab.setStatic(fdbKey(station(i), 1), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.setStatic(fdbKey(station(8), 1), 0); err == nil {
		t.Error("a ninth found room")
	}
	if err := tab.setStatic(fdbKey(station(3), 1), 0); err != nil {
		t.Error("one that is there already:", err)
	}
	tab.see(9, 0, 1)
	if s := tab.statistics(); s.Refused != 1 || s.Entries != 8 || s.Learned != 0 {
		t.Errorf("%+v", s)
	}
	tab.check(t)
}

func TestLearnLimit(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{LearnLimit: 2}, PortConfig{}, PortConfig{LearnLimit: -1})
	for i := range 4 {
		r.expect(0, plain(frame.Broadcast, station(i)), "1 2") // forwarded all the same
	}
	r.learn(1, station(10))
	r.learn(0, station(10)) // a move counts too: it stays where it is
	r.learn(2, station(20))
	for mac, want := range map[frame.MAC]string{
		station(0): "0", station(1): "0", station(2): "-", station(10): "1", station(20): "-",
	} {
		if got := r.where(mac); got != want {
			t.Errorf("%s is behind %s, want %s", mac, got, want)
		}
	}
	if s := r.sw.FDBStats(); s.Limited != 3 {
		t.Errorf("%+v", s)
	}
	r.wait(DefaultAge)
	r.sw.Sweep(r.now)
	r.learn(0, station(2)) // there is room again
	if got := r.where(station(2)); got != "0" {
		t.Errorf("after aging: %s", got)
	}
	r.must(r.sw.AddStatic(station(30), 1, 0)) // static ones do not count
	r.learn(0, station(3))
	if got := r.where(station(3)); got != "0" {
		t.Errorf("beside a static one: %s", got)
	}
}

// Lowering the limit forgets the stations that were heard least recently.
func TestLearnLimitLowered(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{}, PortConfig{})
	for i := range 6 {
		r.learn(0, station(i))
		r.wait(1)
	}
	r.learn(0, station(0))
	r.must(r.sw.SetPort(0, PortConfig{LearnLimit: 2}))
	r.sw.fdb.check(t)
	for i, want := range []string{"0", "-", "-", "-", "-", "0"} {
		if got := r.where(station(i)); got != want {
			t.Errorf("station %d is behind %s, want %s", i, got, want)
		}
	}
	r.must(r.sw.SetPort(0, PortConfig{LearnLimit: -1}))
	if n := r.sw.FDBStats().Entries; n != 0 {
		t.Errorf("%d left on a port that learns none", n)
	}
}

// A worker that still works by an old configuration learns nothing: else an
// entry could outlive its port.
func TestOldEpochLearnsNothing(t *testing.T) {
	tab := newTable(16, 1)
	tab.setEpoch(7)
	s := &sighting{key: fdbKey(macA, 1), port: 0, sec: 1, epoch: 6}
	tab.learn(s)
	if st := tab.statistics(); st.Entries != 0 || st.Deferred != 1 {
		t.Errorf("%+v", st)
	}
	s.epoch = 7
	if tab.learn(s); tab.statistics().Entries != 1 {
		t.Error("the current epoch did not learn")
	}
	tab.close(0)
	tab.learn(&sighting{key: fdbKey(macB, 1), port: 0, sec: 1, epoch: 7})
	if n := tab.statistics().Entries; n != 0 {
		t.Errorf("%d entries behind a closed port", n)
	}
	tab.check(t)
}

// Who finds a writer at work learns next time.
func TestLearningNeverWaits(t *testing.T) {
	tab := newTable(16, 1)
	tab.mu.Lock()
	tab.see(1, 0, 1)
	tab.mu.Unlock()
	if tab.knows(1, 0, 1) || tab.statistics().Deferred != 1 {
		t.Error("learned without the lock")
	}
	tab.see(1, 0, 1)
	tab.mu.Lock()
	tab.see(1, 0, 2) // a refresh needs none
	tab.mu.Unlock()
	if !tab.knows(1, 0, DefaultAge+1) {
		t.Error("not refreshed under the lock")
	}
}
