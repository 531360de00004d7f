package nat

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"vswitch/internal/frame"
)

// Workers translate while control expires, lists, publishes and drops: whatever is
// accepted is right, and the books are at the end. Run it with -race.
func TestTableUnderControl(t *testing.T) {
	const workers = 4
	for _, p := range []Personality{FullCone, Restricted, Symmetric} {
		r := newRig(t, personality(p), limits(400, 300))
		var now atomic.Int64
		now.Store(r.now)
		var stop atomic.Bool
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() { work(t, r.t, w, &now, &stop) })
		}
		for i := 0; i < 100 || r.t.Counts().Opened < 3000; i++ {
			r.t.Expire(now.Add(second / 4))
			must(t, r.t.SetForwards([]Forward{forward(frame.ProtoUDP, "", 53, a), forward(frame.ProtoTCP, "", 7000+uint16(i%3), b)}))
			r.t.Flows()
			r.t.Mappings()
			if i%10 == 0 {
				r.t.DropInside(b.Addr())
			}
			if i%40 == 0 {
				r.t.SetOuter(Outer{V4: netip.MustParseAddr([]string{outer4, other4}[i/40%2]), V6: netip.MustParseAddr(outer6)})
			}
		}
		stop.Store(true)
		wg.Wait()
		r.t.Released(func([]byte, bool) {})
		r.t.check(t)
		if c := r.t.Counts(); c.Opened == 0 || c.Opened != c.Expired+c.Evicted+c.Ended+uint64(c.Flows) {
			t.Errorf("%v: %+v", p, c)
		}
	}
}

// work sends packets of some hundred flows and answers to them.
func work(t *testing.T, table *Table, w int, now *atomic.Int64, stop *atomic.Bool) {
	hosts := []string{hostA, hostB, "10.0.0.4", "10.0.0.5"}
	pieces := split(t, udp(at(hosts[w], 9), x, make([]byte, 200)...), 80)
	for i := uint16(0); !stop.Load(); i++ {
		from := at(hosts[(w+int(i))%4], 5000+i%100)
		for _, b := range [][]byte{udp(from, x), tcp(from, y, synFlag), tcp(from, y, rstFlag), udp(from, at(hostX, 100+i%7))} {
			f := slot(t, b)
			if table.Out(now.Load(), f) != frame.Accepted {
				continue
			}
			out := decode(f.Bytes())
			verify(t, out, f.Bytes())
			src, dst := ends(out)
			answer := tcp(dst, src, synFlag|ackFlag)
			if f.Proto == frame.ProtoUDP {
				answer = udp(dst, src)
			}
			g := slot(t, answer)
			if table.In(now.Load(), g) != frame.Accepted {
				continue
			}
			// Mostly it is the sender; the mapping may have gone and come anew in between.
			back := decode(g.Bytes())
			verify(t, back, g.Bytes())
			if _, to := ends(back); !slices.Contains(hosts, to.Addr().String()) {
				t.Errorf("an answer to %v went to %v", from, to)
			}
		}
		table.Out(now.Load(), slot(t, pieces[int(i)%len(pieces)]))
		if table.HasReleased() {
			table.Released(func([]byte, bool) {})
		}
	}
}
