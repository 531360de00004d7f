package flow

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// modelWheel is a Wheel beside a map. Deadlines are in ticks of 10 nanoseconds.
type modelWheel struct {
	w    *Wheel
	now  int64
	want map[uint32]int64
}

const tick = 10

func newModelWheel(now int64) *modelWheel {
	return &modelWheel{NewWheel(tick, now), now, map[uint32]int64{}}
}

func (m *modelWheel) set(id uint32, when int64) {
	m.w.Set(id, when)
	m.want[id] = max(when, m.now) // what is past is due soon
}

func (m *modelWheel) clear(id uint32) {
	m.w.Clear(id)
	delete(m.want, id)
}

// advance compares what is due: nothing before its time, everything a tick after it.
func (m *modelWheel) advance(t *testing.T, now int64) {
	t.Helper()
	m.now = now
	m.w.Advance(now, func(id uint32) {
		when, ok := m.want[id]
		if !ok {
			t.Fatalf("%d is due at %d and was not set", id, now)
		}
		if when > now {
			t.Fatalf("%d is due at %d, before %d", id, now, when)
		}
		delete(m.want, id)
	})
	for id, when := range m.want {
		if when <= now-2*tick {
			t.Fatalf("%d was to be due at %d, it is %d", id, when, now)
		}
	}
	if m.w.Len() != len(m.want) {
		t.Fatalf("Len is %d, want %d", m.w.Len(), len(m.want))
	}
	m.checkNext(t)
}

// checkNext: whoever sleeps until Next is not late.
func (m *modelWheel) checkNext(t *testing.T) {
	t.Helper()
	when, ok := m.w.Next()
	if ok != (len(m.want) > 0) {
		t.Fatalf("Next is ok: %v, with %d set", ok, len(m.want))
	}
	if !ok {
		return
	}
	first := slices.Min(slices.Collect(maps.Values(m.want)))
	if when > max(first, m.now)+2*tick {
		t.Fatalf("Next is %d, the first deadline %d, now %d", when, first, m.now)
	}
	if when <= m.now-tick {
		t.Fatalf("Next is %d, before now, %d", when, m.now)
	}
}

func TestWheelTable(t *testing.T) {
	const far = wheelSize * tick
	for name, deadlines := range map[string][]int64{
		"past":       {-100, 0},
		"near":       {1, 9, 10, 11, 20, 25},
		"edges":      {far - 10, far - 1, far, far + 1, far + 10},
		"second":     {far * wheelSize, far*wheelSize - 1, far*wheelSize + 1, 3*far + 17},
		"third":      {far * wheelSize * 2, far*wheelSize*wheelSize - 5, far*wheelSize*wheelSize + 5},
		"all levels": {5, far + 5, far*wheelSize + 5, far*wheelSize*wheelSize + 5},
	} {
		for _, start := range []int64{0, 3, 255 * tick, 256 * tick, 65535*tick + 7, 1 << 40} {
			m := newModelWheel(start)
			for i, d := range deadlines {
				m.set(uint32(i), start+d)
			}
			for steps := 0; len(m.want) > 0; steps++ {
				when, ok := m.w.Next()
				if !ok || steps > 2000 {
					t.Fatalf("%s from %d: %d left after %d steps", name, start, len(m.want), steps)
				}
				m.advance(t, max(when, m.now))
			}
		}
	}
}

// What waits on a coarse level may be due before what was set later on a fine one.
func TestWheelNextIsOfAllLevels(t *testing.T) {
	m := newModelWheel(0)
	m.set(0, 300*tick)
	m.advance(t, 250*tick)
	m.set(1, 400*tick)
	for len(m.want) > 0 {
		when, _ := m.w.Next()
		m.advance(t, when)
	}
}

// A deadline beyond the reach of the wheel is kept as one that far.
func TestWheelReach(t *testing.T) {
	w := NewWheel(1, 0)
	w.Set(0, 1<<40)
	early := false
	w.Advance(1<<32-2, func(uint32) { early = true })
	if early || w.Len() != 1 {
		t.Errorf("due early: %v, Len %d", early, w.Len())
	}
	w.Advance(1<<32, func(uint32) {})
	if w.Len() != 0 {
		t.Errorf("Len %d", w.Len())
	}
}

// Random changes, small and large steps, an idle wheel that goes far at once.
func TestWheelAgainstMap(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		m := newModelWheel(rnd.Int64N(1 << 40))
		for range 1000 {
			switch id := uint32(rnd.IntN(50)); rnd.IntN(5) {
			case 0, 1:
				m.set(id, m.now+rnd.Int64N(1<<(4+rnd.IntN(24)))-20)
			case 2:
				m.clear(id)
			case 3:
				m.advance(t, m.now+rnd.Int64N(300))
			case 4:
				m.advance(t, m.now+rnd.Int64N(1<<(4+rnd.IntN(20))))
			}
		}
		m.advance(t, m.now+1<<30)
		m.advance(t, m.now+2*tick)
		if len(m.want) != 0 {
			t.Errorf("%d are left", len(m.want))
		}
	}
}

// What is due may set itself again and clear others.
func TestWheelChangesWhileDue(t *testing.T) {
	w := NewWheel(tick, 0)
	for id := range uint32(10) {
		w.Set(id, 100)
	}
	var due []uint32
	w.Advance(200, func(id uint32) {
		due = append(due, id)
		switch {
		case id%2 == 0:
			w.Clear(id + 1)
		case w.Len() < 100:
			w.Set(id-1, 500)
		}
		if len(due) == 1 {
			w.Set(id, 300)
		}
	})
	if len(due) < 5 || len(due) > 10 || w.Len() == 0 {
		t.Errorf("due: %v, Len %d", due, w.Len())
	}
	w.Advance(1000, func(uint32) {})
	if _, ok := w.Next(); ok || w.Len() != 0 {
		t.Errorf("Len %d", w.Len())
	}
	w.Clear(3)
	w.Clear(1 << 20)
	w.Advance(500, func(uint32) { t.Error("time went back and something was due") })
}

// FuzzWheel sets, clears and advances by the input, three bytes a step.
func FuzzWheel(f *testing.F) {
	f.Add([]byte{0, 1, 10, 1, 2, 200, 3, 0, 50, 3, 7, 255, 2, 1, 0})
	f.Add([]byte{0x10, 1, 255, 0x20, 2, 255, 0x33, 9, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		m := newModelWheel(int64(len(in)) * 999)
		for ; len(in) >= 3; in = in[3:] {
			id, span := uint32(in[1]%16), int64(in[2])<<(in[0]>>4)
			switch in[0] % 4 {
			case 0, 1:
				m.set(id, m.now+span)
			case 2:
				m.clear(id)
			case 3:
				m.advance(t, m.now+span)
			}
		}
	})
}

func TestWheelAllocations(t *testing.T) {
	w := NewWheel(tick, 0)
	now := int64(0)
	for id := range uint32(100) {
		w.Set(id, int64(id)*1000)
	}
	n := testing.AllocsPerRun(200, func() {
		now += 1000
		w.Advance(now, func(id uint32) { w.Set(id, now+100_000) })
		w.Set(5, now+50)
		w.Clear(6)
		w.Next()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
