package engine

import (
	"testing"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// TestEgressFull: a container that does not read loses its own frames, counted,
// and holds up nobody.
func TestEgressFull(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		a, slow, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		slow.hello(a, b)
		b.hello(a, slow)
		const n = 10_000
		for i := range uint32(n) {
			must(t, a.Send(eth(slow.mac, a.mac, numbered(i, 1400))))
		}
		must(t, a.Send(eth(b.mac, a.mac, numbered(n, 60))))
		if got := number(b.recv()); got != n {
			t.Fatalf("b got frame %d", got)
		}
		totals := r.rest(n + 3)
		p, _ := r.e.PortTotals(slow.id)
		if p.Ends[frame.DropPortFull] == 0 || p.TxFrames+p.Ends[frame.DropPortFull] != n+1 {
			t.Errorf("sent %d, dropped %d of %d", p.TxFrames, p.Ends[frame.DropPortFull], n)
		}
		ended(t, totals, map[frame.Reason]uint64{frame.DropPortFull: p.Ends[frame.DropPortFull]})
		// What was taken is whole and in order, and there is room again.
		for i := range p.TxFrames - 1 { // it has had a hello
			if got := number(slow.recv()); uint64(got) != i {
				t.Fatalf("frame %d came as number %d", got, i)
			}
		}
		must(t, a.Send(eth(slow.mac, a.mac, numbered(n, 1400))))
		if got := number(slow.recv()); got != n {
			t.Errorf("after it read again it got frame %d", got)
		}
	})
}

// TestEgressGone: a verdict may name a port that the engine no longer has, or
// never had.
func TestEgressGone(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, func(c *Config) {
			c.Forwarder = fixed{{Port: 0}, {Port: 1}, {Port: 7}, {Port: frame.NoPort}}
		})
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		must(t, a.Send(eth(frame.Broadcast, a.mac, numbered(1, 60))))
		b.recv()
		r.rest(1)
		b.unplug()
		must(t, a.Send(eth(frame.Broadcast, a.mac, numbered(2, 60))))
		ended(t, r.rest(2), map[frame.Reason]uint64{frame.DropPortGone: 2 + 3})
	})
}

// TestNoEgress: a frame whose only way out is the one it came in by.
func TestNoEgress(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, func(c *Config) { c.Forwarder = fixed{{Port: 0}} })
		a := r.plug(vswitch.PortConfig{})
		must(t, a.Send(eth(frame.Broadcast, a.mac, nil)))
		ended(t, r.rest(1), map[frame.Reason]uint64{frame.DropNoEgress: 1})
		a.silent()
	})
}

// TestConsumed: what a service takes is neither sent nor dropped.
func TestConsumed(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, func(c *Config) { c.Forwarder = consumer{} })
		a := r.plug(vswitch.PortConfig{})
		must(t, a.Send(eth(frame.Broadcast, a.mac, nil)))
		totals := r.rest(1)
		if totals.Ends[frame.Consumed] != 1 || totals.Dropped() != 0 {
			t.Errorf("ends: %v", totals.Ends)
		}
	})
}

// consumer takes every frame.
type consumer struct{}

func (consumer) Forward(_ int, b *frame.Batch) {
	for i := range b.Live() {
		b.Frames[i].Drop = frame.Consumed
	}
}
