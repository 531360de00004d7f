package engine

import (
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// flood has messages go in at the far ends of all sockets until stop is closed.
func (u *uplink) flood(wg *sync.WaitGroup, b []byte, stop <-chan struct{}) {
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, w := range u.wires {
				w.say(b) // or not, when the socket is full
			}
		}
	})
}

// TestCloseWatcherUnderLoad: when Close has returned, Ready is not called any more and
// no epoll set has a descriptor of the source. Other sources go on.
func TestCloseWatcherUnderLoad(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 2, 1)[0]
		sunk := r.local(vswitch.PortConfig{}, sink)
		stays := newUplink(r, 1, 3, 2)
		others := watchedBy(t, r.e, r.e.workers[1])
		for range 10 {
			u := newUplink(r, 1, 20, 5)
			if got := watchedBy(t, r.e, r.e.workers[1]); got != others+20 {
				t.Errorf("%d descriptors are watched, want %d", got, others+20)
			}
			var wg sync.WaitGroup
			stop := make(chan struct{})
			u.flood(&wg, eth(sunk.mac, u.gw.mac, make([]byte, 60)), stop)
			eventually(t, "traffic", func() bool { return u.frames.Load() > 100 })
			must(t, u.o.Close())
			last := u.calls.Load()
			onWorker(t, r.e, r.e.workers[1], func() {
				if n := len(r.e.workers[1].sources.list); n != 1 {
					t.Errorf("%d sources are kept", n)
				}
			})
			if got := watchedBy(t, r.e, r.e.workers[1]); got != others {
				t.Errorf("%d descriptors are watched, want %d", got, others)
			}
			close(stop)
			wg.Wait()
			before := stays.frames.Load()
			must(t, stays.wires[0].say(eth(sunk.mac, stays.gw.mac, nil)))
			eventually(t, "a frame of the other source", func() bool { return stays.frames.Load() > before })
			if got := u.calls.Load(); got != last {
				t.Errorf("told %d times after Close", got-last)
			}
			must(t, r.sw.RemovePort(u.gw.id))
			_, err := r.e.Detach(u.gw.id)
			must(t, err)
			must(t, r.sw.ReleasePort(u.gw.id))
		}
		asleep(t, r.e)
		if totals := r.e.Totals(); !totals.Balanced() || strays(r.e) != 0 {
			t.Errorf("%d strays; %+v", strays(r.e), totals)
		}
	})
}

// TestDetachUnderSource: a local port goes while a source has frames enter by it. When
// Detach has returned nothing of the port is under way, and As says so; the ledger
// balances, and the port of the same number that comes next is another one.
func TestDetachUnderSource(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 2, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		must(t, r.sw.AddStatic(a.mac, 1, a.id))
		var wg sync.WaitGroup
		a.drain(&wg, nil)
		us := []*uplink{newUplink(r, 0, 4, 3), newUplink(r, 1, 4, 30)}
		must(t, us[1].o.Do(func(*Exchange) error { us[1].gw = us[0].gw; return nil })) // two workers, one port
		u := us[0]
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for _, u := range us {
			u.flood(&writers, eth(a.mac, u.gw.mac, make([]byte, 60)), stop)
		}
		entered := func() uint64 { return us[0].frames.Load() + us[1].frames.Load() }
		var sum uint64
		for range 10 {
			before := []uint64{us[0].frames.Load(), us[1].frames.Load()}
			eventually(t, "frames by both", func() bool {
				return us[0].frames.Load() > before[0]+100 && us[1].frames.Load() > before[1]+100
			})
			last, err := r.e.Detach(u.gw.id)
			must(t, err)
			sum += last.RxFrames
			if got := entered(); got != sum {
				t.Errorf("%d frames entered, %d are booked", got, sum)
			}
			none := us[0].none.Load()
			eventually(t, "a call without the port", func() bool { return us[0].none.Load() > none })
			if got := entered(); got != sum {
				t.Errorf("%d frames entered without the port", got-sum)
			}
			must(t, r.e.AttachLocal(u.gw.id, &service{u.Serve, 1500}))
		}
		close(stop)
		writers.Wait()
		asleep(t, r.e)
		a.unplug()
		wg.Wait()
		if totals := r.e.Totals(); !totals.Balanced() || totals.RxFrames != entered() || strays(r.e) != 0 {
			t.Errorf("%d frames entered, %d strays: %+v", entered(), strays(r.e), totals)
		}
	})
}

// TestEngineCloseUnderSources: the end of the engine is theirs, too; nothing is left.
func TestEngineCloseUnderSources(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		all := wires(t, 8)
		left := nothingLeft(t)
		for range 10 {
			r := newNetworks(t, io, 2, 1)[0]
			var told atomic.Uint64
			var over atomic.Bool
			for i := range 4 {
				var o *Watcher
				o = r.listen(i%2, func(x *Exchange, events []unix.EpollEvent) {
					if over.Load() {
						t.Error("told after the end")
					}
					told.Add(1)
					o.Again()
				})
				o.watch(t, all[2*i:2*i+2], unix.EPOLLOUT)
			}
			eventually(t, "traffic", func() bool { return told.Load() > 1000 })
			must(t, r.e.Close())
			over.Store(true)
		}
		left(10)
	})
}

// TestSourcesOfTwoWorkers: what Serve does on each worker with the Watcher of that
// worker is no race.
func TestSourcesOfTwoWorkers(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 2, 1)[0]
		stations := []*station{r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})}
		var watched, told [2]int
		var os [2]*Watcher
		all := wires(t, 2)
		gw := r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			i := x.Worker()
			if watched[i] == told[i] {
				must(t, os[i].Watch(all[i].fd, unix.EPOLLOUT, int32(i)))
				watched[i]++
			}
			os[i].Again()
			sink(x, run)
		})
		for i := range os {
			os[i] = r.listen(i, func(x *Exchange, events []unix.EpollEvent) {
				for _, ev := range events {
					told[ev.Fd]++
					must(t, os[i].Unwatch(all[i].fd))
				}
			})
		}
		for i := range os {
			r.looked(i) // each worker sees its own
		}
		const n = 200
		for i := range uint64(n) {
			for _, s := range stations {
				must(t, s.Send(eth(gw.mac, s.mac, nil)))
			}
			r.rest(2 * (i + 1))
		}
		asleep(t, r.e)
		must(t, r.e.Close())
		if told != watched || told[0] == 0 || told[1] == 0 {
			t.Errorf("watched %v times, told %v times", watched, told)
		}
	})
}
