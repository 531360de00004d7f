package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"vswitch/internal/engine"
	"vswitch/internal/frame"
	"vswitch/internal/gateway"
	"vswitch/ipam"
	vswitch "vswitch/switch"
)

// fdbLimit is how many stations a network's switch remembers. A network has at most
// a few thousand containers, whose entries are static.
const fdbLimit = 4096

// Segment is an open network: its switch, and the gateway and services that answer
// on it.
type Segment struct {
	m    *Manager
	rec  *Record
	opts options
	sw   *vswitch.Switch

	gw       *gateway.Gateway // nil: the network has none
	port     *Local
	services *services
	exit     exit
	// insidePort and insideMAC are the gateway's, for who is made before it.
	insidePort frame.PortID
	insideMAC  frame.MAC
	// reserved are the addresses kept for their containers at the DHCP server;
	// guarded by Manager.mu.
	reserved map[netip.Addr]frame.MAC
}

// openSegment makes the switch of a network, its gateway and its services.
func (m *Manager) openSegment(n *Network) (*Segment, error) {
	o, err := readOptions(n.rec.Options)
	if err != nil {
		return nil, err
	}
	s := &Segment{m: m, rec: &n.rec, opts: o, reserved: map[netip.Addr]frame.MAC{}}
	s.sw = m.fabric.NewSwitch(vswitch.Config{FDBLimit: fdbLimit})
	if err := s.openGateway(n); err != nil {
		return nil, errors.Join(fmt.Errorf("network %s: %w", n.rec.Name, err), s.Close())
	}
	return s, nil
}

// openGateway plugs the gateway in: even a network without a gateway address has
// one, which answers for its containers and serves DHCP and names; it has no
// address then and nothing is routed by it.
func (s *Segment) openGateway(n *Network) error {
	if s.opts.isolatedMode() {
		return nil
	}
	addrs := s.addrs()
	mac := gatewayMAC(s.rec, addrs)
	s.services = newServices(s, n, mac)
	var gwErr error
	port, err := s.m.fabric.AttachLocal(s.sw, vswitch.PortConfig{Name: s.rec.Name}, func(id frame.PortID) engine.Local {
		s.insidePort, s.insideMAC = id, mac
		if gwErr = s.openExit(n, addrs); gwErr != nil {
			return local{}
		}
		s.gw, gwErr = gateway.New(s.m.router, gateway.Config{
			Name: s.rec.Name, MAC: mac, Addrs: addrs, Port: id, MTU: s.opts.mtu,
			Internal: s.rec.Internal, NoICC: !s.opts.icc, Routed4: s.opts.mode4 == modeRouted, Routed6: s.opts.mode6 == modeRouted,
			UDP: s.services.udp(), TCP: s.services.streams(), RouterSolicit: s.services.solicit(), Heard: s.services.heard,
			Uplink: s.exit.gate, UplinkName: s.exit.name(), UplinkMTU: s.exit.mtu, UplinkFirst: s.exit.first,
		})
		return local{s.gw}
	})
	s.port = port
	if err = errors.Join(gwErr, err); err != nil {
		return err
	}
	s.sw.SetResponder(&vswitch.Responder{Port: s.port.ID, Knows: s.gw.Knows})
	if err := s.sw.AddStatic(mac, vswitch.DefaultVID, s.port.ID); err != nil {
		return err
	}
	return s.services.start()
}

// addrs are the addresses that the gateway has itself: with inhibit_ipv4 the IPv4 one
// is somebody else's.
func (s *Segment) addrs() []netip.Prefix {
	return slices.DeleteFunc(s.rec.gateways(), func(p netip.Prefix) bool { return s.opts.inhibit4 && p.Addr().Is4() })
}

// gatewayMAC is made of the gateway's address as a container's is of its own, so
// that it stays the same over a restart.
func gatewayMAC(r *Record, addrs []netip.Prefix) frame.MAC {
	for _, a := range addrs {
		return ipam.MACFor(a.Addr())
	}
	return ipam.MACFor(r.Pools[0].Subnet.Masked().Addr())
}

// local is a gateway as the engine serves it.
type local struct{ gw *gateway.Gateway }

// Serve has nothing to serve with for the moment in which the port is taken out
// again because the gateway could not be made.
func (l local) Serve(x *engine.Exchange, run []*frame.Frame) {
	if l.gw != nil {
		l.gw.Serve(x, run)
	}
}

// MTU lets everything through: what is too big the gateway says itself, by ICMP.
func (l local) MTU() int { return 65535 }

// member is how an endpoint's port behaves.
func (s *Segment) member(n *Network, name string, e *Endpoint) vswitch.PortConfig {
	return vswitch.PortConfig{Name: name, Isolated: !s.opts.icc, Guard: s.guard(n, e)}
}

// guard lets a port claim the endpoint's own addresses only, and those that DHCP has
// given it.
func (s *Segment) guard(n *Network, e *Endpoint) *vswitch.Guard {
	if e.NoGuard {
		return nil
	}
	g := &vswitch.Guard{MACs: []frame.MAC{e.MAC}}
	for _, a := range e.addrs() {
		g.Addrs = append(g.Addrs, a.Addr())
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	for _, l := range n.leases {
		if l.MAC == e.MAC && !slices.Contains(g.Addrs, l.Addr) {
			g.Addrs = append(g.Addrs, l.Addr)
		}
	}
	return g
}

// know has the network answer for an address: ARP and ND without asking everybody.
func (s *Segment) know(a netip.Addr, mac frame.MAC, origin string) {
	if s.gw != nil {
		s.gw.SetNeighbour(a, mac, origin)
	}
}

// forget undoes know.
func (s *Segment) forget(a netip.Addr) {
	if s.gw != nil {
		s.gw.DropNeighbour(a)
	}
}

// Switch returns the network's switch.
func (s *Segment) Switch() *vswitch.Switch { return s.sw }

// Gateway returns the network's gateway, nil where it has none.
func (s *Segment) Gateway() *gateway.Gateway { return s.gw }

// Close ends the services and takes the gateway out. No endpoint is left.
func (s *Segment) Close() error {
	var errs []error
	if s.services != nil {
		s.services.stop()
	}
	if s.port != nil {
		s.sw.SetResponder(nil)
		errs = append(errs, s.port.Close())
	}
	if s.gw != nil {
		s.gw.Close()
	}
	errs = append(errs, s.exit.close())
	s.m.fabric.DropSwitch(s.sw)
	return errors.Join(errs...)
}
