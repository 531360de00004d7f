package daemon

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/engine"
	"vswitch/internal/testnet"
)

// The steady state allocates nothing: what the process allocates while many frames
// pass is what the test itself does meanwhile.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	const frames = 10_000
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2, noOffloads)
		for _, l := range []testnet.Load{
			{}, {Reverse: true}, {UDP: true, Rate: "0", Length: 64},
		} {
			l.Seconds = 60 // until it is stopped
			load := testnet.StartIperf(t, a.host(), b.host(), l)
			await(t, r, 2_000) // it is under way
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			crossed := await(t, r, frames)
			runtime.ReadMemStats(&after)
			load.Stop(t)
			allocated := after.Mallocs - before.Mallocs
			t.Logf("%+v: %d allocations during %d frames", l, allocated, crossed)
			if allocated > crossed/200 {
				t.Errorf("%+v: %d allocations during %d frames", l, allocated, crossed)
			}
		}
	})
}

// await waits until n more frames came and returns how many did.
func await(t *testing.T, r *rig, n uint64) uint64 {
	t.Helper()
	start, now := r.Totals().RxFrames, uint64(0)
	if !testnet.Eventually(func() bool { now = r.Totals().RxFrames - start; return now >= n }) {
		t.Errorf("%d frames came, want %d", now, n)
	}
	return now
}

// A hundred containers without traffic: the workers sleep.
func TestIdleSwitchSleeps(t *testing.T) {
	const containers = 100
	eachLoop(t, func(t *testing.T, r *rig) {
		for i := range containers {
			s := r.join(fmt.Sprint("c", i), i+1)
			quiet(t, s)
		}
		before, after := quietSecond(t, r)
		for i := range after {
			if after[i].Batches != before[i].Batches || after[i].Sleeps > before[i].Sleeps+2 {
				t.Errorf("worker %d does not sleep: before %+v, after %+v", i, before[i], after[i])
			}
		}
		if n := len(after); n > 0 && sumPorts(r) != containers {
			t.Errorf("%d workers have %d ports", n, sumPorts(r))
		}
	})
}

// quietSecond waits for a second in which no frame came, for what the containers'
// kernels still had to say, and returns what the workers had done before and after.
func quietSecond(t *testing.T, r *rig) (before, after []engine.WorkerStats) {
	t.Helper()
	for range 10 {
		totals := r.rest()
		before = r.Workers()
		cpu := cpuTime(t)
		time.Sleep(time.Second)
		spent := cpuTime(t) - cpu
		after = r.Workers()
		if r.Totals() == totals {
			t.Logf("in a second without traffic: %v of processor time; workers before %+v, after %+v", spent, before, after)
			return before, after
		}
	}
	t.Fatal("there is traffic all the time")
	return nil, nil
}

func sumPorts(r *rig) (n int) {
	for _, w := range r.Workers() {
		n += w.Ports
	}
	return n
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Several workers, each with ports of its own, forward to each other's ports.
func TestManyWorkers(t *testing.T) {
	for _, io := range []string{"epoll", "uring"} {
		t.Run(io, func(t *testing.T) {
			r := newRig(t, Config{IO: io, Workers: 3})
			var s []*station
			for i := range 6 {
				s = append(s, r.join(fmt.Sprint("c", i), i+1))
			}
			for _, w := range r.Workers() {
				if w.Ports != 2 {
					t.Errorf("workers %+v", r.Workers())
				}
			}
			var loads []*testnet.Running
			for i := range 3 {
				loads = append(loads, testnet.StartIperf(t, s[i].host(), s[5-i].host(), testnet.Load{Streams: 2}))
			}
			s[0].MustPing(t, s[1].V4, 20)
			for _, l := range loads {
				if l.Result(t).Received == 0 {
					t.Error("a load carried nothing")
				}
			}
		})
	}
}
