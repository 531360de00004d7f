package engine

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"testing"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// inject injects a frame, also where that has to wait for room.
func (g *gateway) inject(b []byte) error {
	for {
		if err := g.r.e.Inject(g.id, b); !errors.Is(err, ErrBusy) {
			return err
		}
		runtime.Gosched()
	}
}

// TestInject: a frame enters as if the port had sent it, also when the worker
// sleeps, and the caller may use its bytes again at once.
func TestInject(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 2, 1)[0]
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Trunk: []uint16{1}}})
		gw := r.local(vswitch.PortConfig{}, sink)
		var injected uint64
		buf := make([]byte, 0, frame.MaxFrame)
		for i, n := range []int{4, 60, 1486, 60000} {
			asleep(t, r.e)
			buf = append(buf[:0], eth(frame.Broadcast, gw.mac, numbered(uint32(i), n))...)
			must(t, r.e.Inject(gw.id, buf))
			injected += uint64(len(buf))
			clear(buf)
			if got, want := a.recv(), eth(frame.Broadcast, gw.mac, numbered(uint32(i), n)); !bytes.Equal(got, want) {
				t.Errorf("frame of %d bytes: got %d, or others", len(want), len(got))
			}
			want := eth(frame.Broadcast, gw.mac, numbered(uint32(i), n), frame.VLANFields{TCI: 1})
			if got := b.recv(); !bytes.Equal(got, want) {
				t.Errorf("into the trunk: got %d bytes, want %d, or others", len(got), len(want))
			}
		}
		must(t, r.e.Inject(gw.id, make([]byte, 13)))
		must(t, r.e.Inject(gw.id, nil))
		totals := r.restCopied(6)
		ended(t, totals, map[frame.Reason]uint64{frame.DropRunt: 2})
		if p := gw.totals(); p.RxFrames != 6 || p.RxBytes != injected+13 || p.CopiedBytes != injected+13 {
			t.Errorf("%+v, want %d bytes", p, injected+13)
		}
	})
}

// TestInjectErrors: what cannot enter is refused, and not counted.
func TestInjectErrors(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		gw := r.local(vswitch.PortConfig{}, sink)
		b := eth(frame.Broadcast, gw.mac, nil)
		for _, id := range []frame.PortID{a.id, 77, frame.NoPort} {
			if err := r.e.Inject(id, b); !errors.Is(err, ErrNoLocal) {
				t.Errorf("port %d: %v", id, err)
			}
		}
		if err := r.e.Inject(gw.id, make([]byte, frame.MaxFrame+1)); err == nil {
			t.Error("more than a frame can have")
		}
		must(t, r.e.Inject(gw.id, b))
		a.recv()
		r.restCopied(1)
		_, err := r.e.Detach(gw.id)
		must(t, err)
		if err := r.e.Inject(gw.id, b); !errors.Is(err, ErrNoLocal) {
			t.Errorf("after Detach: %v", err)
		}
		must(t, r.e.AttachLocal(gw.id, &service{sink, 1500}))
		must(t, r.e.Close())
		if err := r.e.Inject(gw.id, b); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// TestInjectIsBounded: so many frames wait, and so many bytes; all of them arrive
// when the worker is free again, and there is room again.
func TestInjectIsBounded(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		seen := uint32(0)
		sunk := r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			for _, f := range run {
				if got := number(f.Bytes()); got != seen {
					t.Errorf("frame %d came as number %d", seen, got)
				}
				seen++
			}
			sink(x, run)
		})
		gw := r.local(vswitch.PortConfig{}, sink)
		total := uint32(0)
		for _, c := range []struct{ payload, want int }{{50, injectFrames}, {50000, injectBytes / 50014}, {50, injectFrames}} {
			onWorker(t, r.e, r.e.workers[0], func() {
				n := 0
				for ; r.e.Inject(gw.id, eth(sunk.mac, gw.mac, numbered(total, c.payload))) == nil; n++ {
					total++
				}
				if err := r.e.Inject(gw.id, eth(sunk.mac, gw.mac, make([]byte, c.payload))); !errors.Is(err, ErrBusy) || n != c.want {
					t.Errorf("%d frames of %d bytes, want %d: %v", n, c.payload, c.want, err)
				}
			})
			ended(t, r.restCopied(uint64(total)), map[frame.Reason]uint64{frame.Consumed: uint64(total)})
		}
	})
}

// TestInjectFromEverywhere: many goroutines, several ports, traffic beside it. What
// one goroutine injects at one port arrives in order.
func TestInjectFromEverywhere(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 3, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		must(t, r.sw.AddStatic(a.mac, 1, a.id))
		const authors, each = 6, 400
		var gws []*gateway
		for range 3 {
			gws = append(gws, r.local(vswitch.PortConfig{}, sink))
		}
		var wg sync.WaitGroup
		for k := range authors {
			wg.Go(func() {
				gw := gws[k%len(gws)]
				for i := range uint32(each) {
					if err := gw.inject(eth(a.mac, 0x020000000001+frame.MAC(k)<<8, numbered(i, 60))); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		next := map[frame.MAC]uint32{}
		full := uint64(0)
		for a.received(t, r, authors*each, &full) {
			b := a.recv()
			src := frame.Ethernet(b).Src()
			if got := number(b); got < next[src] {
				t.Fatalf("%v: frame %d after %d", src, got, next[src])
			} else {
				next[src] = got + 1
			}
		}
		wg.Wait()
		ended(t, r.restCopied(authors*each), map[frame.Reason]uint64{frame.DropPortFull: full})
	})
}

// received reports whether the station has another frame to receive of all that n
// injected ones will bring; it counts those that its queue did not take in full.
func (s *station) received(t *testing.T, r *rig, n uint64, full *uint64) (more bool) {
	t.Helper()
	s.taken++
	eventually(t, "a frame, or all of them", func() bool {
		p, _ := r.e.PortTotals(s.id)
		*full = p.Ends[frame.DropPortFull]
		more = p.TxFrames >= s.taken
		return more || p.TxFrames+*full == n
	})
	return more
}
