package network

import (
	"net/netip"
	"slices"

	"vswitch/internal/api"
	"vswitch/internal/engine"
	"vswitch/internal/frame"
	"vswitch/internal/gateway"
	"vswitch/internal/uplink"
	"vswitch/nat"
)

// Kinds of ways out, as the option vswitch.uplink has them.
const (
	uplinkSocket  = "socket"
	uplinkTap     = "tap"
	uplinkNetwork = "network"
	uplinkNone    = "none"
)

// exit is a network's way out, as its segment holds it.
type exit struct {
	kind string
	of   string
	// gate is what the gateway gives packets to; nil: there is no way out.
	gate gateway.Uplink
	mtu  int // the longest packet that gate takes; 0: any
	// first: also what is for other networks of ours goes there.
	first bool
	// net is the network as the sockets of the host see it; nil for other kinds.
	net *uplink.Net
	way *way
	// leg is our foot in another network, for tap and network.
	leg *foot
}

// socketGate gives a gateway's packets to the shard of the worker that has them.
type socketGate struct {
	way *way
	net *uplink.Net
}

// Take implements gateway.Uplink.
func (g *socketGate) Take(x gateway.Outbox, run []*frame.Frame) {
	e := x.(*engine.Exchange)
	g.way.shards[e.Worker()].Take(e, g.net, run)
}

// loopback4 is by what containers reach the host's loopback, where they may: an address
// of the link-local block (RFC 3927) that no network has, and that their default routes
// lead to us.
var loopback4 = netip.AddrFrom4([4]byte{169, 254, 1, 2})

// loopback6 is the same for IPv6: in the switch's own block of unique local addresses
// (RFC 4193), in a subnet that is not given to a network.
func (m *Manager) loopback6() netip.Addr {
	b := m.own.Addr().As16()
	b[6], b[7], b[15] = 0xff, 0xff, 2
	return netip.AddrFrom16(b)
}

// openExit makes a network's way out, when the gateway's port has its number.
func (s *Segment) openExit(n *Network, addrs []netip.Prefix) (err error) {
	s.exit = exit{kind: s.opts.uplink.kind, of: s.opts.uplink.of}
	switch {
	case n.rec.Internal || s.opts.uplink.kind == uplinkNone || len(addrs) == 0:
		s.exit.kind = uplinkNone
	case s.opts.uplink.kind == uplinkSocket:
		err = s.openSockets(addrs)
	default:
		s.exit.leg, err = s.m.openFoot(s, n)
		if err == nil {
			s.exit.gate, s.exit.mtu, s.exit.first = s.exit.leg, s.exit.leg.mtu, true
		}
	}
	return err
}

// openSockets makes the way out by sockets of the host.
func (s *Segment) openSockets(addrs []netip.Prefix) error {
	w, err := s.m.theWay()
	if err != nil {
		return err
	}
	n := &uplink.Net{
		Name: s.rec.Name, ID: w.number(), Port: s.insidePort, MAC: s.insideMAC, MTU: s.opts.mtu,
		Lookup:    func(a netip.Addr) (frame.MAC, bool) { return s.gw.Lookup(a) },
		Loopback4: loopback4, Loopback6: s.m.loopback6(),
		HostLoopback: s.opts.hostLoopback || s.m.cfg.HostLoopback,
		Own:          s.m.router.Owns, Published: s.m.ports.Wildcard,
		Filter: filterOf(s.opts.personality),
		// A container's connections are all on one worker: half of those are for others.
		MaxFlows: min(s.opts.maxFlows, w.most/2),
	}
	for _, p := range addrs {
		if p.Addr().Is4() {
			n.Addr4 = p.Addr()
		} else {
			n.Addr6 = p.Addr()
		}
	}
	s.exit.net, s.exit.way, s.exit.gate = n, w, &socketGate{way: w, net: n}
	return nil
}

// filterOf is what a personality means where every mapping has a socket of its own.
func filterOf(p nat.Personality) uplink.Filter {
	switch p {
	case nat.FullCone:
		return uplink.ByNobody
	case nat.Restricted:
		return uplink.ByAddress
	}
	return uplink.ByEndpoint
}

// theWay returns the way out by sockets, made when the first network needs it.
func (m *Manager) theWay() (*way, error) {
	m.wayOnce.Do(func() {
		var w *way
		w, m.wayErr = openWay(m.fabric, m.maxFlows(), func(err error) { // once a minute at most
			m.cfg.Found(api.Errorf(api.SocketsExhausted, err, "a connection was refused"))
		})
		m.way.Store(w)
	})
	return m.way.Load(), m.wayErr
}

// reservedFiles are descriptors that connections leave to everything else.
const reservedFiles = 2048

// maxFlows is how many connections there may be: each is a descriptor.
func (m *Manager) maxFlows() int {
	limit := m.cfg.OpenFiles
	if limit <= 0 {
		limit = 1024
	}
	return max(limit-reservedFiles, limit/2)
}

// name is what tables call it.
func (e *exit) name() string {
	if e.of == "" {
		return e.kind
	}
	return e.kind + " " + e.of
}

// close ends the way out, with its connections.
func (e *exit) close() error {
	switch {
	case e.net != nil:
		e.way.dropNet(e.net.ID)
	case e.leg != nil:
		return e.leg.close()
	}
	return nil
}

// dropInside ends the connections of a container that leaves.
func (e *exit) dropInside(a netip.Addr) {
	switch {
	case e.net != nil:
		e.way.dropInside(e.net.ID, a)
	case e.leg != nil:
		e.leg.dropInside(a)
	}
}

// hostAddrs are what a container of the network reaches the host's loopback by.
func (e *exit) hostAddrs() []netip.Addr {
	if e.net == nil {
		return nil
	}
	var out []netip.Addr
	if e.net.Addr4.IsValid() {
		out = append(out, e.net.Loopback4)
	}
	if e.net.Addr6.IsValid() {
		out = append(out, e.net.Loopback6)
	}
	return slices.Clip(out)
}

// uplinkState shows a network's way out.
func (m *Manager) uplinkState(s *Segment) *api.UplinkState {
	e := &s.exit
	if s.gw == nil || e.kind == "" {
		return nil
	}
	out := &api.UplinkState{Kind: e.kind, Of: e.of, Filtering: s.opts.personality.String()}
	switch {
	case e.net != nil:
		out.HostLoopback = e.net.HostLoopback
		out.Ping = e.way.ping()
		c := e.way.counts()
		out.Opened, out.Refused, out.Failed, out.Limited, out.Exhausted = c.Opened, c.Refused, c.Failed, c.Limited, c.Exhausted
		out.Flows, out.StashedBytes, out.Resent = c.Flows, c.StashedBytes, c.Resent
	case e.leg != nil:
		for _, a := range e.leg.addrs {
			out.Outer = append(out.Outer, a.String())
		}
		c := e.leg.nat.Counts()
		out.Flows, out.Opened = uint64(c.Flows), c.Opened
	}
	return out
}
