package engine

import (
	"sync/atomic"
	"testing"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// networks forwards for several switches that share an engine and its numbers.
type networks struct {
	all []*vswitch.Switch
	of  [vswitch.MaxPorts]atomic.Pointer[vswitch.Switch]
}

func (n *networks) Forward(worker int, b *frame.Batch) {
	sw := n.of[b.In].Load()
	for i := 0; sw == nil; i++ { // the first frame of the port
		if _, ok := n.all[i].Port(b.In); ok {
			sw = n.all[i]
			n.of[b.In].Store(sw)
		}
	}
	sw.Forward(worker, b)
}

// newNetworks starts an engine with some switches: one rig a switch.
func newNetworks(t testing.TB, io string, workers, switches int) []*rig {
	t.Helper()
	nets := &networks{}
	first := newRig(t, io, func(c *Config) { c.Workers, c.Forwarder = workers, nets })
	numbers := vswitch.NewNumbers()
	var all []*rig
	for i := range switches {
		r := *first
		r.sw = vswitch.New(vswitch.Config{Workers: workers, Seed: uint64(i), Numbers: numbers})
		nets.all = append(nets.all, r.sw)
		all = append(all, &r)
	}
	t.Cleanup(func() { slotsFree(t, first.e) })
	return all
}

// slotsFree checks that no slot is held, once nothing is under way.
func slotsFree(t testing.TB, e *Engine) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.workers {
		if e.closed {
			unheld(t, w)
			continue
		}
		must(t, w.call(func() error {
			w.loop.settle()
			unheld(t, w)
			return nil
		}))
	}
}

// service is a local port made of a function.
type service struct {
	serve func(x *Exchange, run []*frame.Frame)
	mtu   int
}

func (s *service) Serve(x *Exchange, run []*frame.Frame) { s.serve(x, run) }
func (s *service) MTU() int                              { return s.mtu }

// gateway is a local port as a test sees it: its number and its address.
type gateway struct {
	r   *rig
	id  frame.PortID
	mac frame.MAC
}

// local adds a local port to the rig's switch, and its address to the FDB.
func (r *rig) local(cfg vswitch.PortConfig, serve func(*Exchange, []*frame.Frame)) *gateway {
	r.t.Helper()
	g := r.door(cfg)
	g.attach(65536, serve)
	return g
}

// door is local for a Serve that needs to know its gateway: attach follows.
func (r *rig) door(cfg vswitch.PortConfig) *gateway {
	r.t.Helper()
	id, err := r.sw.AddPort(cfg)
	must(r.t, err)
	g := &gateway{r: r, id: id, mac: 0x02000000ff00 + frame.MAC(id)}
	must(r.t, r.sw.AddStatic(g.mac, vlanOf(cfg), id))
	return g
}

func (g *gateway) attach(mtu int, serve func(*Exchange, []*frame.Frame)) {
	g.r.t.Helper()
	must(g.r.t, g.r.e.AttachLocal(g.id, &service{serve, mtu}))
}

func vlanOf(cfg vswitch.PortConfig) uint16 {
	if len(cfg.VLAN.Trunk) > 0 {
		return cfg.VLAN.Trunk[0]
	}
	return max(cfg.VLAN.Access, 1)
}

// totals returns what happened at the port.
func (g *gateway) totals() frame.Totals {
	t, ok := g.r.e.PortTotals(g.id)
	if !ok {
		g.r.t.Errorf("port %d has no counts", g.id)
	}
	return t
}

// route is the Serve of a gateway that has all that it owns enter by another one,
// for a station there.
func route(to *gateway, dst frame.MAC) func(*Exchange, []*frame.Frame) {
	return func(x *Exchange, run []*frame.Frame) {
		for _, f := range run {
			if !x.Owned(f) {
				x.Ledger().End(frame.DropNoRoute)
				continue
			}
			f.Ethernet().SetSrc(to.mac)
			f.Ethernet().SetDst(dst)
			x.Reenter(f, to.id)
		}
	}
}

// sink is the Serve of a port that takes all.
func sink(x *Exchange, run []*frame.Frame) {
	for range run {
		x.Ledger().End(frame.Consumed)
	}
}

// echo is the Serve of a port that sends everything back.
func echo(x *Exchange, run []*frame.Frame) {
	for _, f := range run {
		b := x.Reply(f.Len)
		if b == nil {
			x.Ledger().End(frame.DropServiceBusy)
			continue
		}
		copy(b, f.Bytes())
		frame.Ethernet(b).SetDst(f.Src)
		frame.Ethernet(b).SetSrc(0x02000000ffff)
		x.Ledger().End(frame.Consumed)
	}
}
