package network

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/nat"
	"vswitch/portfwd"
)

// residents names the containers behind the addresses of a network.
func (m *Manager) residents(n *Network) map[netip.Addr]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[netip.Addr]string{}
	for id := range n.users {
		b := m.containers[id]
		if b == nil {
			continue
		}
		if e := b.rec.endpoint(n.rec.ID); e != nil {
			for _, p := range e.addrs() {
				out[p.Addr()] = b.rec.Name
			}
		}
	}
	return out
}

// connections are those of the way out by sockets.
func (m *Manager) connections() []uplink.Flow {
	if w := m.way.Load(); w != nil {
		return w.flows()
	}
	return nil
}

func byNetwork(all []uplink.Flow) map[string][]uplink.Flow {
	out := map[string][]uplink.Flow{}
	for _, f := range all {
		out[f.Network] = append(out[f.Network], f)
	}
	return out
}

// Connections lists what passes a way out, and in by published ports.
func (m *Manager) Connections(ref string) ([]api.Connection, error) {
	nets, err := m.chosen(ref)
	if err != nil {
		return nil, err
	}
	sockets, spliced := byNetwork(m.connections()), m.splicer.Connections()
	out := []api.Connection{}
	for _, n := range nets {
		if n.seg == nil {
			continue
		}
		who := m.residents(n)
		for _, c := range spliced {
			if name := who[c.Inside.Addr()]; name != "" && m.nameOf(c.Owner) == name {
				out = append(out, splicedRow(n.rec.Name, name, c))
			}
		}
		for _, f := range sockets[n.rec.Name] {
			out = append(out, socketRow(f, who))
		}
		if f := n.seg.exit.leg; f != nil {
			for _, c := range f.nat.Flows() {
				out = append(out, natRow(n.rec.Name, c, who, m.fabric.Clock()))
			}
		}
	}
	slices.SortFunc(out, func(a, b api.Connection) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.Inside, b.Inside), cmp.Compare(a.Remote, b.Remote))
	})
	return out, nil
}

func socketRow(f uplink.Flow, who map[netip.Addr]string) api.Connection {
	return api.Connection{
		Network: f.Network, Container: who[f.Inside.Addr()], Protocol: f.Proto, State: f.State, Direction: direction(f.In), Path: "socket",
		Inside: f.Inside.String(), Remote: f.Remote.String(), Outside: end(f.Host), Peer: end(f.Peer),
		TxPackets: f.TxPackets, TxBytes: f.TxBytes, RxPackets: f.RxPackets, RxBytes: f.RxBytes,
		Idle: seconds(f.Idle), Timeout: seconds(f.Timeout),
	}
}

// splicedRow: no packets are seen of a spliced connection.
func splicedRow(network, container string, c portfwd.Connection) api.Connection {
	state := "ESTABLISHED"
	if c.HalfClosed {
		state = "HALF-CLOSED"
	}
	return api.Connection{
		Network: network, Container: container, Protocol: portfwd.TCP, State: state, Direction: direction(true), Path: api.PublishSplice,
		Inside: c.Inside.String(), Remote: end(c.Remote), Outside: end(c.Host), Peer: end(c.Peer), TxBytes: c.BytesOut, RxBytes: c.BytesIn,
	}
}

func natRow(network string, f nat.Flow, who map[netip.Addr]string, now int64) api.Connection {
	return api.Connection{
		Network: network, Container: who[f.Inside.Addr()], Protocol: protoName(f.Proto), State: strings.ToUpper(f.State.String()),
		Direction: direction(f.Forwarded), Path: "nat",
		Inside: f.Inside.String(), Remote: f.Remote.String(), Outside: end(f.Outer), Peer: end(f.Remote),
		TxPackets: f.Out.Packets, TxBytes: f.Out.Bytes, RxPackets: f.In.Packets, RxBytes: f.In.Bytes,
		Timeout: seconds(time.Duration(max(f.Until-now, 0))),
	}
}

// NATMappings lists which end outside stands for which one inside. A connection of its
// own socket has one as well.
func (m *Manager) NATMappings(ref string) ([]api.NATMapping, error) {
	nets, err := m.chosen(ref)
	if err != nil {
		return nil, err
	}
	sockets := byNetwork(m.connections())
	out := []api.NATMapping{}
	for _, n := range nets {
		if n.seg == nil {
			continue
		}
		who := m.residents(n)
		if f := n.seg.exit.leg; f != nil {
			for _, x := range f.nat.Mappings() {
				out = append(out, api.NATMapping{
					Network: n.rec.Name, Container: who[x.Inside.Addr()], Protocol: protoName(x.Proto),
					Inside: x.Inside.String(), Outside: end(x.Outer), Kind: mappingKind(x.Forward),
					Filtering: legFiltering(x.Forward, n.seg.opts.personality), Flows: x.Flows,
				})
			}
		}
		out = append(out, socketMappings(n, sockets[n.rec.Name], who)...)
	}
	slices.SortFunc(out, func(a, b api.NATMapping) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Inside, b.Inside),
			cmp.Compare(a.Outside, b.Outside))
	})
	return out, nil
}

// socketMappings puts the connections of one socket together: of UDP one socket talks
// to many.
func socketMappings(n *Network, all []uplink.Flow, who map[netip.Addr]string) []api.NATMapping {
	type key struct {
		proto        string
		inside, host netip.AddrPort
	}
	flows := map[key]*api.NATMapping{}
	for _, f := range all {
		k := key{f.Proto, f.Inside, f.Host}
		x := flows[k]
		if x == nil {
			x = &api.NATMapping{
				Network: n.rec.Name, Container: who[f.Inside.Addr()], Protocol: f.Proto, Inside: f.Inside.String(),
				Outside: end(f.Host), Kind: mappingKind(f.In), Filtering: filtering(f.Proto, n.seg.opts.personality),
			}
			flows[k] = x
		}
		x.Flows++
		x.Timeout = max(x.Timeout, seconds(f.Timeout-f.Idle))
	}
	out := make([]api.NATMapping, 0, len(flows))
	for _, x := range flows {
		out = append(out, *x)
	}
	return out
}

// legFiltering: a forward is there to let everybody in.
func legFiltering(forward bool, p nat.Personality) string {
	if forward {
		return nat.FullCone.String()
	}
	return p.String()
}

// filtering of a TCP connection is its socket's: nobody else gets in.
func filtering(proto string, p nat.Personality) string {
	if proto == "udp" {
		return p.String()
	}
	return nat.Symmetric.String()
}

func mappingKind(forward bool) string {
	if forward {
		return "forward"
	}
	return "dynamic"
}

func direction(in bool) string {
	if in {
		return "in"
	}
	return "out"
}

// end is an end of a connection in text form; one that is not known is empty.
func end(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		if a.Port() == 0 {
			return ""
		}
		return "*:" + strconv.Itoa(int(a.Port()))
	}
	return a.String()
}

func seconds(d time.Duration) float64 { return max(d, 0).Round(time.Millisecond).Seconds() }

func protoName(p uint8) string {
	switch p {
	case frame.ProtoTCP:
		return "tcp"
	case frame.ProtoUDP:
		return "udp"
	case frame.ProtoICMP, frame.ProtoICMPv6:
		return "icmp"
	}
	return strconv.Itoa(int(p))
}
