package network

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"vswitch/internal/engine"
	"vswitch/internal/frame"
	"vswitch/internal/gateway"
	"vswitch/internal/uplink/leg"
	"vswitch/ipam"
	"vswitch/nat"
	vswitch "vswitch/switch"
)

// foot is where a network's NAT stands in another one: a leg, the port it has there,
// and the small gateway that speaks for its address (ARP, pings, refusals).
type foot struct {
	s     *Segment // inside
	nat   *nat.Table
	leg   *leg.Leg
	speak *gateway.Gateway
	port  *Local
	mac   frame.MAC
	addrs []netip.Prefix
	mtu   int
	// device is the TAP of a foot on a host's; nil in a network of ours.
	device *Plug
	// leave undoes what the network outside was asked for.
	leave func() error

	stop context.CancelFunc
	wg   sync.WaitGroup

	mu       sync.Mutex
	forwards []nat.Forward
}

// ground is the network outside, as a foot stands on it.
type ground struct {
	sw   *vswitch.Switch
	mtu  int
	port vswitch.PortConfig
	// next is the station that packets to an address are handed to.
	next   func(netip.Addr) (frame.MAC, bool)
	device *Plug
	// leave is called when the foot has gone.
	leave func() error
}

// stand puts a foot of s on the ground: addrs are its own there.
func (m *Manager) stand(s *Segment, g ground, addrs []netip.Prefix) (*foot, error) {
	f := &foot{s: s, mac: ipam.MACFor(addrs[0].Addr()), addrs: addrs, mtu: g.mtu, device: g.device, leave: g.leave}
	var err error
	if f.nat, err = nat.New(f.natConfig(g.mtu)); err != nil {
		return nil, errors.Join(err, g.leave())
	}
	f.nat.SetOuter(outerOf(addrs))
	router, errGate := gateway.NewRouter(), error(nil) // its own: this address is no gateway of the switch
	f.port, err = m.fabric.AttachLocal(g.sw, g.port, func(id frame.PortID) engine.Local {
		f.speak, errGate = gateway.New(router, gateway.Config{
			Name: s.rec.Name, MAC: f.mac, Addrs: addrs, Port: id, MTU: g.mtu,
		})
		if errGate != nil {
			return local{}
		}
		f.leg = leg.New(f.legConfig(id, g))
		return outside{f.leg}
	})
	if err = errors.Join(err, errGate); err == nil {
		err = g.sw.AddStatic(f.mac, vswitch.DefaultVID, f.port.ID)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.stop = cancel
	f.wg.Go(func() { f.expire(ctx) })
	return f, nil
}

func (f *foot) natConfig(mtu int) nat.Config {
	c := nat.Config{Personality: f.s.opts.personality, MaxPerSource: f.s.opts.maxFlows, Seed: randomWord()}
	if mtu != f.s.opts.mtu {
		c.MSS = min(mtu, f.s.opts.mtu) - frame.IPv6Len - frame.TCPLen
	}
	return c
}

func outerOf(addrs []netip.Prefix) (o nat.Outer) {
	for _, a := range addrs {
		if a.Addr().Is4() {
			o.V4 = a.Addr()
		} else {
			o.V6 = a.Addr()
		}
	}
	return o
}

func (f *foot) legConfig(id frame.PortID, g ground) leg.Config {
	o := outerOf(f.addrs)
	return leg.Config{
		NAT: f.nat, Port: id, MAC: f.mac, Addr4: o.V4, Addr6: o.V6, Next: g.next,
		Inside:     func(x leg.Outbox, fr *frame.Frame) frame.Reason { return f.s.gw.Deliver(x.(*engine.Exchange), fr) },
		Station:    func(a netip.Addr) (frame.MAC, bool) { return f.s.gw.Lookup(a) },
		InsidePort: f.s.insidePort, InsideMAC: f.s.insideMAC,
		Rest: func(x leg.Outbox, run []*frame.Frame) { f.speak.Serve(x.(*engine.Exchange), run) },
	}
}

// Take implements gateway.Uplink.
func (f *foot) Take(x gateway.Outbox, run []*frame.Frame) { f.leg.Take(x.(*engine.Exchange), run) }

// outside is a leg as the engine serves it.
type outside struct{ *leg.Leg }

// Serve implements engine.Local.
func (o outside) Serve(x *engine.Exchange, run []*frame.Frame) { o.Leg.Serve(x, run) }

// MTU lets everything through: the NAT says what is too big.
func (o outside) MTU() int { return 65535 }

// expire ends flows whose time is over.
func (f *foot) expire(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f.nat.Expire(f.s.m.fabric.Clock())
		}
	}
}

// forward publishes ports of a container: what comes to them at our address outside is
// for it.
func (f *foot) forward(add []nat.Forward) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := append(slices.Clone(f.forwards), add...)
	if err := f.nat.SetForwards(next); err != nil {
		return err
	}
	f.forwards = next
	return nil
}

// unforward undoes that.
func (f *foot) unforward(drop []nat.Forward) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forwards = slices.DeleteFunc(slices.Clone(f.forwards), func(o nat.Forward) bool { return slices.Contains(drop, o) })
	return f.nat.SetForwards(f.forwards)
}

func (f *foot) dropInside(a netip.Addr) { f.nat.DropInside(a) }

// close takes the foot off.
func (f *foot) close() error {
	if f.stop != nil {
		f.stop()
		f.wg.Wait()
	}
	var errs []error
	if f.port != nil {
		errs = append(errs, f.port.Close())
	}
	if f.speak != nil {
		f.speak.Close()
	}
	return errors.Join(append(errs, f.leave())...)
}

// openFoot makes the way out of a network that has one into another.
func (m *Manager) openFoot(s *Segment, n *Network) (*foot, error) {
	if s.opts.uplink.kind == uplinkTap {
		return m.openTap(s, n)
	}
	outer, err := m.outerOf(&n.rec, s.opts.uplink.of)
	if err != nil {
		return nil, err
	}
	s.opts.uplink.of, s.exit.of = outer.rec.Name, outer.rec.Name
	n.rec.leaveBy(outer.rec.Name)
	addrs, err := m.legAddrs(&n.rec, outer)
	if err != nil {
		return nil, err
	}
	g := m.groundOf(outer, n.rec.Name, addrs)
	f, err := m.stand(s, g, addrs)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		outer.seg.know(a.Addr(), f.mac, "uplink")
	}
	return f, nil
}
