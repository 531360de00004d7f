package vswitch

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"vswitch/internal/frame"
)

// Four workers forward while control changes everything. Run it with -race.
func TestForwardUnderControl(t *testing.T) {
	const workers, rounds = 4, 400
	open := make([]PortConfig, workers)
	r := newRig(t, Config{Workers: workers, FDBLimit: 100}, open...)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { work(t, r.sw, w, frame.PortID(w), &stop) })
	}
	for i := range rounds {
		churn(t, r, i)
	}
	stop.Store(true)
	wg.Wait()
	r.sw.fdb.check(t)
	for _, e := range r.sw.FDB(r.now) {
		if _, ok := r.sw.Port(e.Port); !ok {
			t.Errorf("%v is behind a port that is gone", e)
		}
	}
}

// All workers bring frames of one port, as of one that is a part of the switch.
func TestPortOfAllWorkers(t *testing.T) {
	const workers = 4
	r := newRig(t, Config{Workers: workers}, PortConfig{Storm: 1000}, PortConfig{})
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { work(t, r.sw, w, 0, &stop) })
	}
	for range 100 {
		r.must(r.sw.EditPort(0, func(c *PortConfig) { c.Isolated = !c.Isolated }))
		r.sw.Kinds(0)
	}
	stop.Store(true)
	wg.Wait()
	r.sw.fdb.check(t)
}

// work has worker w bring frames from a port.
func work(t *testing.T, sw *Switch, w int, in frame.PortID, stop *atomic.Bool) {
	rnd := rand.New(rand.NewPCG(uint64(w), 3))
	r := &rig{TB: t, sw: sw, now: 1e9}
	b := r.batch(in, make([][]byte, 32)...)
	for i := range b.Frames {
		b.Frames[i].Buf = plain(frame.Broadcast, macA, uint16(i%2*(1+i%3)))
		if i%8 == 0 {
			b.Frames[i].Buf = ask(frame.Broadcast, frame.ARPRequest, ip4A, known4)
		}
		b.Frames[i].Len = len(b.Frames[i].Buf)
	}
	for now := int64(1e9); !stop.Load(); now += int64(rnd.IntN(int(second))) {
		b.Now = now
		for i := range b.Live() {
			f := &b.Frames[i]
			frame.Ethernet(f.Buf).SetSrc(station(rnd.IntN(200)))
			frame.Ethernet(f.Buf).SetDst([]frame.MAC{frame.Broadcast, station(rnd.IntN(200))}[i&1])
			f.Verdict = frame.Verdict{}
			f.Drop = f.Parse()
		}
		sw.Forward(w, b)
		for i := range b.Live() {
			if f := &b.Frames[i]; (f.Drop == frame.Accepted) == (len(f.Out) == 0) {
				t.Errorf("dropped as %v, out by %v", f.Drop, f.Out)
				return
			}
		}
	}
}

// churn makes one change of each kind.
func churn(t *testing.T, r *rig, i int) {
	id := r.add(PortConfig{LearnLimit: 10, Isolated: i%2 == 0, Storm: i % 3 * 10})
	w := frame.PortID(i % 4)
	kinds := []PortConfig{
		{}, {VLAN: VLANConfig{Trunk: []uint16{1, 2}, Native: 1}}, {Down: true},
		{VLAN: VLANConfig{Access: 2}, LearnLimit: 20}, {Isolated: true},
	}
	r.must(r.sw.SetPort(w, kinds[i%len(kinds)]))
	if err := r.sw.AddStatic(station(300+i%20), 1, id); err != nil && !errors.Is(err, ErrFDBFull) {
		t.Error(err)
	}
	r.sw.SetResponder(&Responder{Port: id, Knows: knows(known4)})
	r.now += second
	r.sw.Sweep(r.now)
	r.sw.FDB(r.now)
	r.sw.FDBStats()
	r.sw.Kinds(w)
	r.sw.Ports()
	r.sw.Forget(station(i%200), 1)
	r.sw.Flush(w)
	r.must(r.sw.SetAge(1 + i%300))
	r.must(r.sw.RemovePort(id))
	r.must(r.sw.ReleasePort(id))
}

// While entries are evicted and learned again all the time, a reader finds a
// station where it is or not at all, never behind another port.
func TestLookupIsNeverWrong(t *testing.T) {
	const ports, stations, rounds = 4, 300, 200_000
	tab := newTable(64, ports)
	where := func(i int) frame.PortID { return frame.PortID(i % ports) }
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 4))
			for range rounds {
				i := rnd.IntN(stations)
				tab.see(i, where(i), 1)
			}
		})
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 5))
			for range rounds {
				i := rnd.IntN(stations)
				if p, ok := tab.lookup(fdbKey(station(i), 1), 1); ok && p != where(i) {
					t.Errorf("station %d found behind port %d, not %d", i, p, where(i))
					return
				}
			}
		})
	}
	wg.Wait()
	tab.check(t)
}
