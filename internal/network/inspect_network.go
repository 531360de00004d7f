package network

import (
	"maps"
	"slices"
	"strings"

	"vswitch/internal/api"
)

// Networks lists all networks, by name.
func (m *Manager) Networks() []api.Network {
	m.mu.Lock()
	_, nets := m.all()
	m.mu.Unlock()
	out := make([]api.Network, 0, len(nets))
	for _, n := range nets {
		out = append(out, m.inspectNetwork(n))
	}
	slices.SortFunc(out, func(a, b api.Network) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Network shows one.
func (m *Manager) Network(ref string) (api.Network, error) {
	m.mu.Lock()
	n, err := m.network(ref)
	m.mu.Unlock()
	if err != nil {
		return api.Network{}, err
	}
	return m.inspectNetwork(n), nil
}

func (m *Manager) inspectNetwork(n *Network) api.Network {
	r := &n.rec
	out := api.Network{
		Name: r.Name, ID: r.ID, Created: r.Created, Scope: n.driver.Scope(), Driver: r.Driver,
		EnableIPv4: r.EnableIPv4, EnableIPv6: r.EnableIPv6,
		IPAM:     api.IPAM{Driver: "default", Options: orEmpty(r.IPAMOpts), Config: poolConfigs(r.Pools)},
		Internal: r.Internal, Attachable: r.Attachable,
		Options: orEmpty(r.Options), Labels: orEmpty(r.Labels), Containers: m.endpointsOn(n),
	}
	if r.Predefined {
		out.IPAM.Options = nil // Docker shows null here, and {} for others
	}
	out.VSwitch = m.extraOf(n)
	return out
}

func orEmpty(in map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, in)
	return out
}

func poolConfigs(pools []PoolRecord) []api.IPAMConfig {
	out := []api.IPAMConfig{}
	for _, p := range pools {
		c := api.IPAMConfig{Subnet: p.Subnet.String()}
		if p.Range.IsValid() {
			c.IPRange = p.Range.String()
		}
		if p.Gateway.IsValid() {
			c.Gateway = p.Gateway.String()
		}
		for name, a := range p.Aux {
			if c.AuxiliaryAddresses == nil {
				c.AuxiliaryAddresses = map[string]string{}
			}
			c.AuxiliaryAddresses[name] = a.String()
		}
		out = append(out, c)
	}
	return out
}

// endpointsOn are a network's running containers. One whose namespace is gone goes
// by its endpoint.
func (m *Manager) endpointsOn(n *Network) map[string]api.NetworkEndpoint {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]api.NetworkEndpoint{}
	for id := range n.users {
		b := m.containers[id]
		if b == nil || b.rec.State != Running {
			continue
		}
		e := b.rec.endpoint(n.rec.ID)
		if e == nil {
			continue
		}
		row := api.NetworkEndpoint{Name: b.rec.Name, EndpointID: e.ID}
		if e.MAC != 0 {
			row.MacAddress = e.MAC.String()
		}
		if e.IPv4.IsValid() {
			row.IPv4Address = e.IPv4.String()
		}
		if e.IPv6.IsValid() {
			row.IPv6Address = e.IPv6.String()
		}
		if e.Error != "" {
			id = "ep-" + e.ID
		}
		out[id] = row
	}
	return out
}

func (m *Manager) extraOf(n *Network) *api.NetworkExtra {
	x := &api.NetworkExtra{Schema: api.Schema("network"), Pools: []api.PoolUse{}, Error: api.Reason(n.fault)}
	if s := n.seg; s != nil {
		x.MTU, x.Ports = s.opts.mtu, len(s.sw.Ports())
		x.Stations = s.sw.FDBStats().Entries
		if s.gw != nil {
			x.GatewayMAC = s.gw.Config().MAC.String()
		}
		x.Uplink = m.uplinkState(s)
		x.DHCP = s.services != nil && s.services.dhcp != nil
		x.Leases = len(s.Leases())
	}
	for _, p := range n.rec.Pools {
		if pool := n.pool(p.Subnet.Addr().Is6()); pool != nil {
			used, free := pool.Use()
			x.Pools = append(x.Pools, api.PoolUse{Subnet: p.Subnet.String(), Used: used, Free: min(free, 1<<53)})
		}
	}
	return x
}
