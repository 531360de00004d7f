package vswitch

import (
	"testing"

	"vswitch/internal/frame"
)

// taken counts how many of n frames pass at now.
func (s *storm) taken(rate int, now int64, n int) int {
	passed := 0
	for range n {
		if s.take(rate, now) {
			passed++
		}
	}
	return passed
}

func TestStorm(t *testing.T) {
	for _, c := range []struct {
		name  string
		rate  int
		start int64
		steps []struct {
			after   int64 // ns since the step before
			n, want int
		}
	}{
		{"no limit", 0, 5, []struct {
			after   int64
			n, want int
		}{{0, 1000, 1000}, {0, 1000, 1000}}},
		{"a burst of a second's worth, then evenly", 10, 5 * second, []struct {
			after   int64
			n, want int
		}{{0, 15, 10}, {second / 10, 15, 1}, {second / 20, 15, 0}, {second / 20, 15, 1}, {second / 2, 15, 5}, {9 * second, 15, 10}}},
		{"from time zero on", 2, 0, []struct {
			after   int64
			n, want int
		}{{0, 5, 2}, {0, 5, 0}, {second / 2, 5, 1}}},
		{"a clock that goes back gives nothing", 2, 10 * second, []struct {
			after   int64
			n, want int
		}{{0, 5, 2}, {-second, 5, 0}, {second + second/2, 5, 1}}},
		{"the largest rate", maxStorm, 1, []struct {
			after   int64
			n, want int
		}{{0, 10, 10}, {second - 1, 10, 10}, {1 << 62, 10, 10}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s storm
			now := c.start
			for i, step := range c.steps {
				now += step.after
				if got := s.taken(c.rate, now, step.n); got != step.want {
					t.Errorf("step %d: %d of %d passed, want %d", i, got, step.n, step.want)
				}
			}
		})
	}
}

// All that is flooded counts, what is sent to a known station does not, and the
// budget is the port's own.
func TestStormOfPort(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{Storm: 3}, PortConfig{}, PortConfig{Storm: 1})
	r.learn(1, macB)
	r.expect(0, plain(frame.Broadcast, macA), "1 2")
	r.expect(0, plain(groupIP6, macA), "1 2")
	r.expect(0, plain(macD, macA), "1 2")
	r.expect(0, plain(macD, macA), "storm")
	r.expect(0, plain(frame.Broadcast, macA), "storm")
	r.expect(0, plain(macB, macA), "1")
	r.expect(2, plain(frame.Broadcast, macC), "0 1")
	r.expect(2, plain(frame.Broadcast, macC), "storm")
	r.wait(1)
	r.expect(0, plain(frame.Broadcast, macA), "1 2")
}

// A changed limit holds from the next refill on; the bucket stays the port's.
func TestStormChanged(t *testing.T) {
	r := newRig(t, Config{}, PortConfig{Storm: 1000}, PortConfig{})
	r.expect(0, plain(frame.Broadcast, macA), "1")
	r.must(r.sw.SetPort(0, PortConfig{Storm: 1}))
	r.now++
	r.expect(0, plain(frame.Broadcast, macA), "1")
	r.expect(0, plain(frame.Broadcast, macA), "storm")
	r.must(r.sw.SetPort(0, PortConfig{}))
	r.expect(0, plain(frame.Broadcast, macA), "1")
}
