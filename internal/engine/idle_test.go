package engine

import (
	"testing"
	"time"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// asleep waits until the workers of e neither carry anything nor wake up during a
// thousand naps of this goroutine, and shows that they do sleep: a worker that is
// called finishes the call and goes to sleep once more. One that turns in circles
// would stand still in its counters too, but never do that.
func asleep(t *testing.T, e *Engine) {
	t.Helper()
	state := func() (s [8]WorkerStats) {
		copy(s[:], e.Stats())
		return s
	}
	var before [8]WorkerStats
	eventually(t, "no work", func() bool {
		before = state()
		for range 1000 {
			time.Sleep(time.Microsecond)
		}
		return state() == before
	})
	for i, w := range e.workers {
		onWorker(t, e, w, func() {})
		eventually(t, "sleep", func() bool { return e.Stats()[i].Sleeps > before[i].Sleeps })
	}
}

// onWorker runs fn on a worker's thread, outside any batch.
func onWorker(t testing.TB, e *Engine, w *worker, fn func()) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	must(t, w.call(func() error { fn(); return nil }))
}

// TestIdle: a hundred ports without traffic leave the workers asleep, also after
// there was some.
func TestIdle(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, func(c *Config) { c.Workers = 2 })
		var all []*station
		for range 100 {
			all = append(all, r.plug(vswitch.PortConfig{}))
		}
		asleep(t, r.e)
		all[3].hello(all[4:]...)
		r.rest(1)
		asleep(t, r.e)
	})
}

// TestNothingIsPutOff: a worker that goes to sleep at once has first booked all
// that it did, and all slots are free again.
func TestNothingIsPutOff(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, func(c *Config) { c.Spin = -1 })
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		for n := range uint64(100) {
			a.hello(b)
			if totals := r.rest(n + 1); totals.TxFrames != n+1 {
				t.Fatalf("%d frames sent, want %d", totals.TxFrames, n+1)
			}
		}
		asleep(t, r.e)
	})
}

// TestFairness: of two ports that both have a full queue none has to wait until the
// other's is empty.
func TestFairness(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		order := &turns{}
		r := newRig(t, io, func(c *Config) { c.Forwarder = order })
		ports := []*station{r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})}
		const n = 600
		onWorker(t, r.e, r.e.workers[0], func() { // it reads nothing meanwhile
			for range n {
				for _, s := range ports {
					must(t, s.Send(eth(1, s.mac, nil)))
				}
			}
		})
		r.rest(n * uint64(len(ports)))
		for i, at := range order.at(n) {
			if at < n/4 {
				t.Errorf("when a port had had its %d frames, port %d had had %d", n, i, at)
			}
		}
	})
}

// turns consumes frames and remembers by which ports they came.
type turns struct {
	consumer
	in []frame.PortID
}

func (o *turns) Forward(worker int, b *frame.Batch) {
	o.consumer.Forward(worker, b)
	for range b.Live() {
		o.in = append(o.in, b.In)
	}
}

// at returns how many frames each of three ports had had when the first of them
// had had n.
func (o *turns) at(n int) (had [3]int) {
	for _, in := range o.in {
		if had[in]++; had[in] == n {
			break
		}
	}
	return had
}
