package network

import (
	"errors"
	"net/netip"
	"sync"

	"vswitch/internal/engine"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/socket"
	"vswitch/internal/uplink/socket/echo"
)

// way is the way out by sockets of the host, one shard a worker. All networks share it.
type way struct {
	fabric *Fabric
	shards []*socket.Shard
	watch  []*engine.Watcher
	most   int // connections of one worker

	mu   sync.Mutex
	ids  map[uint16]bool // numbers of networks in use
	last uint16
}

// source has a shard told of its sockets.
type source struct{ *socket.Shard }

// Ready implements engine.Source.
func (s source) Ready(x *engine.Exchange, events []uplink.Event) { s.Shard.Ready(x, events) }

// openWay makes the way out of a fabric. flows is how many connections there may be in
// all; exhausted is told when the host has no socket to give.
func openWay(f *Fabric, flows int, exhausted func(error)) (*way, error) {
	w := &way{fabric: f, most: max(flows/f.workers, 2), ids: map[uint16]bool{}}
	seed := randomWord()
	for i := range f.workers {
		s := socket.New(socket.Config{
			Worker: i, Seed: seed, MaxFlows: w.most, Exhausted: exhausted,
		})
		o, err := f.engine.AddSource(i, source{s})
		if err == nil {
			w.shards, w.watch = append(w.shards, s), append(w.watch, o)
			err = o.Do(func(x *engine.Exchange) error { return s.Start(o, x.Now()) })
		}
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}

// each calls do on every worker's thread, one after the other.
func (w *way) each(do func(x *engine.Exchange, s *socket.Shard)) {
	for i := range w.shards {
		_ = w.on(i, func(x *engine.Exchange, s *socket.Shard) error { // fails when the engine ends, and the shard with it
			do(x, s)
			return nil
		})
	}
}

// on calls do on a worker's thread.
func (w *way) on(worker int, do func(x *engine.Exchange, s *socket.Shard) error) error {
	s := w.shards[worker]
	return w.watch[worker].Do(func(x *engine.Exchange) error { return do(x, s) })
}

// number gives a network its number among the connections.
func (w *way) number() uint16 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if w.last++; !w.ids[w.last] {
			w.ids[w.last] = true
			return w.last
		}
	}
}

// dropNet ends the connections of a network, and gives its number back.
func (w *way) dropNet(id uint16) {
	w.each(func(x *engine.Exchange, s *socket.Shard) { s.DropNet(x, id) })
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ids, id)
}

// dropInside ends the connections of a container.
func (w *way) dropInside(id uint16, a netip.Addr) {
	w.each(func(x *engine.Exchange, s *socket.Shard) { s.DropInside(x, id, a) })
}

// flows lists all connections.
func (w *way) flows() []uplink.Flow {
	var out []uplink.Flow
	w.each(func(x *engine.Exchange, s *socket.Shard) {
		s.Flows(x, func(f uplink.Flow) { out = append(out, f) })
	})
	return out
}

// counts sums up over the workers.
func (w *way) counts() uplink.Counts {
	var c uplink.Counts
	w.each(func(_ *engine.Exchange, s *socket.Shard) { c.Add(s.Counts()) })
	return c
}

// ping says what echo requests leave by.
func (w *way) ping() string {
	way, _ := echo.Probe() // why not is doctor's to say
	return way.String()
}

// close ends all connections.
func (w *way) close() error {
	var errs []error
	w.each(func(_ *engine.Exchange, s *socket.Shard) { s.Close() })
	for _, o := range w.watch {
		errs = append(errs, o.Close())
	}
	return errors.Join(errs...)
}
