package vswitch

import (
	"errors"
	"sync"
	"testing"

	"vswitch/internal/frame"
)

// Switches that share numbers never give the same one twice, and a frame from a
// port of the other one ends as from none.
func TestNumbersAreShared(t *testing.T) {
	n := NewNumbers()
	a := &rig{TB: t, sw: New(Config{Numbers: n}), now: 1e9}
	b := &rig{TB: t, sw: New(Config{Numbers: n}), now: 1e9}
	for want := frame.PortID(0); want < 130; want += 2 { // over the end of a word
		if x, y := a.add(PortConfig{}), b.add(PortConfig{}); x != want || y != want+1 {
			t.Fatalf("got %d and %d, want %d and the next", x, y, want)
		}
	}
	a.expect(1, plain(frame.Broadcast, macA), "unknown-port")
	a.must(a.sw.RemovePort(4))
	a.must(b.sw.RemovePort(7))
	if err := b.sw.ReleasePort(4); !errors.Is(err, ErrNoPort) {
		t.Errorf("a switch released the other's number: %v", err)
	}
	b.must(b.sw.ReleasePort(7))
	a.must(a.sw.ReleasePort(4))
	if err := a.sw.ReleasePort(4); !errors.Is(err, ErrNoPort) {
		t.Errorf("released twice: %v", err)
	}
	if x, y := b.add(PortConfig{}), a.add(PortConfig{}); x != 4 || y != 7 {
		t.Errorf("got %d and %d, want the lowest free ones, 4 and 7", x, y)
	}
	b.expect(4, plain(macB, macA), "1 3 5 9 11 13 15 17 19 21 23 25 27 29 31 33 35 37 39 41 43 45 47 49 51 53 55 57 59 61 63 65 "+
		"67 69 71 73 75 77 79 81 83 85 87 89 91 93 95 97 99 101 103 105 107 109 111 113 115 117 119 121 123 125 127 129")
}

// All numbers can be had, each once, whoever asks.
func TestNumbersRunOut(t *testing.T) {
	n := NewNumbers()
	var mu sync.Mutex
	seen := map[frame.PortID]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for id, ok := n.take(); ok; id, ok = n.take() {
				mu.Lock()
				if seen[id] || id >= MaxPorts {
					t.Errorf("got %d", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != MaxPorts {
		t.Errorf("%d numbers, want %d", len(seen), MaxPorts)
	}
	n.free(5000)
	if id, ok := n.take(); !ok || id != 5000 {
		t.Errorf("got %d, %v; want the one that was freed", id, ok)
	}
}

// The last port may have the highest number: tables that are indexed by it grow.
func TestHighestNumber(t *testing.T) {
	n := NewNumbers()
	r := &rig{TB: t, sw: New(Config{Numbers: n}), now: 1e9}
	first := r.add(PortConfig{})
	for i := range n.taken {
		n.taken[i] = ^uint64(0)
	}
	n.free(MaxPorts - 1)
	last := r.add(PortConfig{})
	r.learn(last, macB)
	r.must(r.sw.AddStatic(macC, 1, last))
	r.expect(first, plain(macB, macA), "16383")
	r.expect(first, plain(macC, macA), "16383")
	if _, err := r.sw.AddPort(PortConfig{}); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	r.sw.fdb.check(t)
}
