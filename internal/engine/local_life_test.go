package engine

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

func TestAttachLocalErrors(t *testing.T) {
	r := newNetworks(t, Epoll, 2, 1)[0]
	a := r.plug(vswitch.PortConfig{})
	gw := r.local(vswitch.PortConfig{}, sink)
	s := &service{sink, 1500}
	for _, id := range []frame.PortID{a.id, gw.id, frame.NoPort} {
		if err := r.e.AttachLocal(id, s); err == nil {
			t.Errorf("port %d was attached", id)
		}
	}
	if err := r.e.Attach(gw.id, a.Device); err == nil {
		t.Error("a device took a local port's number")
	}
	if s := r.e.Stats(); s[0].Ports+s[1].Ports != 1 {
		t.Errorf("local ports count as read: %+v", s)
	}
	must(t, r.e.Close())
	if err := r.e.AttachLocal(9, s); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, ok := r.e.PortTotals(gw.id); !ok {
		t.Error("its counts are gone with the engine")
	}
}

// visitor is a Local that knows whether it may still be called.
type visitor struct {
	t      *testing.T
	inside atomic.Int32
	gone   atomic.Bool
	served atomic.Uint64
}

func (v *visitor) Serve(x *Exchange, run []*frame.Frame) {
	v.inside.Add(1)
	defer v.inside.Add(-1)
	if v.gone.Load() {
		v.t.Error("served after it was detached")
	}
	v.served.Add(uint64(len(run)))
	echo(x, run)
}

func (v *visitor) MTU() int { return 1500 }

// TestDetachLocalUnderLoad: in the middle of frames to it, replies from it and
// frames injected, by several workers. When Detach has returned nobody is inside,
// nothing of it waits, and the ledger balances; its number serves the next one.
func TestDetachLocalUnderLoad(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 3, 1)[0]
		var wg sync.WaitGroup
		var all []*station
		gw := &gateway{r: r, mac: 0x02000000ff01}
		for range 3 {
			s := r.plug(vswitch.PortConfig{})
			all = append(all, s)
			s.flood(&wg, gw.mac)
			s.drain(&wg, nil)
		}
		var last frame.Totals
		for range 15 {
			v := &visitor{t: t}
			id, err := r.sw.AddPort(vswitch.PortConfig{})
			must(t, err)
			must(t, r.e.AttachLocal(id, v))
			must(t, r.sw.AddStatic(gw.mac, 1, id))
			gw.id = id
			stop := make(chan struct{})
			var authors sync.WaitGroup
			for range 2 {
				authors.Go(func() { author(t, gw, all[0].mac, stop) })
			}
			eventually(t, "work", func() bool { return v.served.Load() > 200 && gw.totals().CopiedBytes > 0 })
			must(t, r.sw.RemovePort(id))
			last, err = r.e.Detach(id)
			v.gone.Store(true)
			must(t, err)
			if v.inside.Load() != 0 {
				t.Error("a worker is inside")
			}
			if last.RxFrames == 0 || last.Ends[frame.Consumed] == 0 {
				t.Errorf("last counts: %+v", last)
			}
			for _, w := range r.e.workers {
				w.inbox.mu.Lock()
				for _, l := range w.inbox.waiting.frames {
					t.Errorf("a frame of port %d waits", l.at.id)
				}
				w.inbox.mu.Unlock()
			}
			close(stop)
			authors.Wait()
			must(t, r.sw.ReleasePort(id))
		}
		for _, s := range all {
			s.unplug()
		}
		wg.Wait()
		if totals := r.e.Totals(); !totals.Balanced() {
			t.Errorf("no balance: %+v", totals)
		}
		slotsFree(t, r.e)
	})
}

// author injects frames until stop is closed; the port may go meanwhile.
func author(t *testing.T, gw *gateway, dst frame.MAC, stop <-chan struct{}) {
	b := eth(dst, gw.mac, make([]byte, 100))
	id, e := gw.id, gw.r.e
	for {
		err := e.Inject(id, b)
		if err != nil && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrNoLocal) {
			t.Error(err)
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// TestInjectDuringClose: every frame that Inject took is accounted for.
func TestInjectDuringClose(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		left := nothingLeft(t)
		for range 10 {
			r := newNetworks(t, io, 2, 1)[0]
			gws := []*gateway{r.local(vswitch.PortConfig{}, sink), r.local(vswitch.PortConfig{}, sink)}
			var wg sync.WaitGroup
			var taken atomic.Uint64
			for i := range 4 {
				wg.Go(func() {
					gw, to := gws[i%2], gws[(i+1)%2]
					for gw.inject(eth(to.mac, gw.mac, nil)) == nil {
						taken.Add(1)
					}
				})
			}
			eventually(t, "traffic", func() bool { return taken.Load() > 100 })
			must(t, r.e.Close())
			wg.Wait()
			totals := r.e.Totals()
			if totals.RxFrames != taken.Load() || !totals.Balanced() {
				t.Errorf("%d frames were taken: %+v", taken.Load(), totals)
			}
		}
		left(10)
	})
}

// TestLocalIsForgotten: what was detached is not kept alive.
func TestLocalIsForgotten(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		gw := r.local(vswitch.PortConfig{}, echo)
		must(t, a.Send(eth(gw.mac, a.mac, nil)))
		a.recv()
		must(t, gw.inject(eth(a.mac, gw.mac, nil)))
		a.recv()
		_, err := r.e.Detach(gw.id)
		must(t, err)
		onWorker(t, r.e, r.e.workers[0], func() {
			c, q := &r.e.workers[0].chain, &r.e.workers[0].inbox
			held := c.x.at != nil
			for _, list := range [][]entry{c.now[:cap(c.now)], c.next[:cap(c.next)]} {
				for _, e := range list {
					held = held || e.at != nil
				}
			}
			for _, l := range []letters{q.waiting, q.taken} {
				for _, one := range l.frames[:cap(l.frames)] {
					held = held || one.at != nil
				}
			}
			if held {
				t.Error("the port is still held")
			}
		})
	})
}
