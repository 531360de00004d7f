package network

import (
	"cmp"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"vswitch/internal/api"
	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// chosen are the networks that a table is asked for: one, or all, by name.
func (m *Manager) chosen(ref string) ([]*Network, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ref != "" {
		n, err := m.network(ref)
		return []*Network{n}, err
	}
	_, nets := m.all()
	slices.SortFunc(nets, func(a, b *Network) int { return strings.Compare(a.rec.Name, b.rec.Name) })
	return nets, nil
}

// who names the container and the interface behind each port.
type who struct{ container, network, ifname, name string }

func (m *Manager) behindPorts() map[frame.PortID]who {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[frame.PortID]who{}
	for _, b := range m.containers {
		for i := range b.rec.Endpoints {
			e := &b.rec.Endpoints[i]
			if p := b.plugs[e.ID]; p != nil {
				w := who{container: b.rec.Name, ifname: e.Ifname}
				if n := m.networks[e.Network]; n != nil {
					w.network = n.rec.Name
				}
				out[p.id] = w
			}
		}
	}
	for _, n := range m.networks {
		if n.seg != nil && n.seg.exit.leg != nil {
			out[n.seg.exit.leg.port.ID] = who{name: "uplink of " + n.rec.Name}
			if p := n.seg.exit.leg.device; p != nil {
				out[p.id] = who{name: n.seg.exit.of, ifname: n.seg.exit.of}
			}
		}
	}
	return out
}

// FDB lists which station is behind which port.
func (m *Manager) FDB(ref string) ([]api.Station, error) {
	nets, err := m.chosen(ref)
	if err != nil {
		return nil, err
	}
	behind, now := m.behindPorts(), m.fabric.Clock()
	out := []api.Station{}
	for _, n := range nets {
		if n.seg == nil {
			continue
		}
		for _, e := range n.seg.sw.FDB(now) {
			out = append(out, api.Station{
				Network: n.rec.Name, MAC: e.MAC.String(), VLAN: int(e.VID), Port: int(e.Port),
				Container: behind[e.Port].container, Static: e.Static, Age: int(e.Age),
			})
		}
	}
	return out, nil
}

// Neighbours lists what the gateways answer ARP and ND for.
func (m *Manager) Neighbours(ref string) ([]api.Neighbour, error) {
	nets, err := m.chosen(ref)
	if err != nil {
		return nil, err
	}
	out := []api.Neighbour{}
	for _, n := range nets {
		if n.seg == nil || n.seg.gw == nil {
			continue
		}
		holders := m.holders(n)
		c := n.seg.gw.Config()
		for _, a := range c.Addrs {
			out = append(out, api.Neighbour{Network: n.rec.Name, Address: a.Addr().String(), MAC: c.MAC.String(), Origin: "gateway"})
		}
		for _, e := range n.seg.gw.Neighbours() {
			out = append(out, api.Neighbour{
				Network: n.rec.Name, Address: e.Addr.String(), MAC: e.MAC.String(), Container: holders[e.MAC], Origin: e.Origin,
			})
		}
	}
	return out, nil
}

// holders names a network's containers by their hardware addresses.
func (m *Manager) holders(n *Network) map[frame.MAC]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[frame.MAC]string{}
	for id := range n.users {
		if b := m.containers[id]; b != nil {
			if e := b.rec.endpoint(n.rec.ID); e != nil && b.plugs[e.ID] != nil {
				out[e.MAC] = b.rec.Name
			}
		}
	}
	return out
}

// Leases lists what DHCP has given.
func (m *Manager) Leases(ref string) ([]api.Lease, error) {
	nets, err := m.chosen(ref)
	if err != nil {
		return nil, err
	}
	out := []api.Lease{}
	for _, n := range nets {
		if n.seg == nil {
			continue
		}
		holders := m.holders(n)
		for _, l := range n.seg.Leases() {
			id := l.ClientID
			if l.V6() {
				id = l.DUID
			}
			out = append(out, api.Lease{
				Network: n.rec.Name, Address: l.Addr.String(), MAC: l.MAC.String(), ClientID: hex.EncodeToString(id),
				Hostname: l.Hostname, Container: cmp.Or(l.Container, holders[l.MAC]), State: string(l.State), Expires: l.Expires,
			})
		}
	}
	return out, nil
}

// Names lists what DNS answers with.
func (m *Manager) Names(ref string) ([]api.Name, error) {
	nets, err := m.chosen(ref)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, n := range nets {
		wanted[n.rec.ID] = true
	}
	m.mu.Lock()
	containers := map[string]string{}
	for _, b := range m.containers {
		for i := range b.rec.Endpoints {
			containers[b.rec.Endpoints[i].ID] = b.rec.Name
		}
	}
	m.mu.Unlock()
	out := []api.Name{}
	for _, r := range m.zone.List() {
		if !wanted[r.Network] {
			continue
		}
		for _, name := range r.Names {
			out = append(out, api.Name{Network: r.NetworkName, Name: name, Container: containers[r.Endpoint], Addresses: texts(r.Addrs)})
		}
	}
	slices.SortStableFunc(out, func(a, b api.Name) int {
		return cmp.Or(strings.Compare(a.Network, b.Network), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

// Routes lists where the gateways send what.
func (m *Manager) Routes(ref string) ([]api.Route, error) {
	nets, err := m.chosen(ref)
	if err != nil {
		return nil, err
	}
	out := []api.Route{}
	for _, n := range nets {
		if n.seg == nil || n.seg.gw == nil {
			continue
		}
		for _, r := range n.seg.gw.Routes() {
			out = append(out, api.Route{Of: n.rec.Name, Kind: "network", Dst: dst(r.Dst), Device: r.Kind, Note: r.Note})
		}
	}
	if ref == "" {
		out = append(out, m.containerRoutes()...)
	}
	return out, nil
}

func dst(p netip.Prefix) string {
	if p.Bits() == 0 {
		return "default"
	}
	return p.String()
}

func (m *Manager) containerRoutes() []api.Route {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []api.Route
	boxes, _ := m.all()
	slices.SortFunc(boxes, func(a, b *box) int { return strings.Compare(a.rec.Name, b.rec.Name) })
	for _, b := range boxes {
		if b.rec.State != Running {
			continue
		}
		for _, v6 := range []bool{false, true} {
			if e, g := m.defaultEndpoint(b, v6); e != nil {
				out = append(out, api.Route{Of: b.rec.Name, Kind: "container", Dst: "default", Gateway: g.String(), Device: e.Ifname})
			}
		}
		for i := range b.rec.Endpoints {
			for _, p := range b.rec.Endpoints[i].addrs() {
				out = append(out, api.Route{Of: b.rec.Name, Kind: "container", Dst: p.Masked().String(), Device: b.rec.Endpoints[i].Ifname})
			}
		}
	}
	return out
}

// Stats are the counts of all ports.
func (m *Manager) Stats() api.Stats {
	s := api.Stats{Schema: api.Schema("stats"), Ports: []api.PortStats{}}
	nets, _ := m.chosen("")
	behind := m.behindPorts()
	for _, n := range nets {
		if n.seg == nil {
			continue
		}
		for _, id := range n.seg.sw.Ports() {
			s.Ports = append(s.Ports, m.portStats(n, n.seg.sw, id, behind[id]))
		}
		if leg := n.seg.exit.leg; leg != nil && leg.device != nil {
			for _, id := range leg.device.sw.Ports() {
				s.Ports = append(s.Ports, m.portStats(n, leg.device.sw, id, behind[id]))
			}
		}
	}
	t := m.fabric.Totals()
	s.Total = api.PortStats{Port: -1, Name: "all", Ends: map[string]uint64{}}
	fill(&s.Total, t)
	s.Balanced, s.CopiedBytes = t.Balanced(), t.CopiedBytes
	return s
}

func (m *Manager) portStats(n *Network, sw *vswitch.Switch, id frame.PortID, w who) api.PortStats {
	p := api.PortStats{Port: int(id), Network: n.rec.Name, Container: w.container, Interface: w.ifname, Ends: map[string]uint64{}}
	p.Name = cmp.Or(w.container, w.name, "gateway")
	t, ring := m.fabric.portTotals(id)
	fill(&p, t)
	p.RingDrops = ring
	var k vswitch.Kinds
	k, _ = sw.Kinds(id)
	p.Unicast, p.Multicast, p.Broadcast, p.Unknown = k.Unicast, k.Multicast, k.Broadcast, k.Unknown
	return p
}

func fill(p *api.PortStats, t frame.Totals) {
	p.RxFrames, p.RxBytes, p.TxFrames, p.TxBytes, p.Copies = t.RxFrames, t.RxBytes, t.TxFrames, t.TxBytes, t.Copies
	for r, n := range t.Ends {
		if n > 0 {
			p.Ends[frame.Reason(r).String()] = n
		}
	}
}
