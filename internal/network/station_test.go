package network

import (
	"net/netip"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// network makes a bridge network; subnet may be empty.
func (r *rig) network(name, subnet string, changes ...func(*api.NetworkCreate)) string {
	r.t.Helper()
	c := api.NetworkCreate{Name: name}
	if subnet != "" {
		c.IPAM.Config = []api.IPAMConfig{{Subnet: subnet}}
	}
	for _, change := range changes {
		change(&c)
	}
	made, err := r.CreateNetwork(c)
	must(r.t, err)
	return made.ID
}

func internal(c *api.NetworkCreate) { c.Internal = true }
func ipv6(c *api.NetworkCreate)     { c.EnableIPv6 = true }

func option(key, value string) func(*api.NetworkCreate) {
	return func(c *api.NetworkCreate) {
		if c.Options == nil {
			c.Options = map[string]string{}
		}
		c.Options[key] = value
	}
}

// on are endpoints of these networks.
func on(networks ...string) []api.EndpointConfig {
	var out []api.EndpointConfig
	for _, n := range networks {
		out = append(out, api.EndpointConfig{Network: n})
	}
	return out
}

// run makes a container without a program and starts it.
func (r *rig) run(name string, endpoints ...api.EndpointConfig) *station {
	r.t.Helper()
	_, err := r.CreateContainer(api.ContainerCreate{Name: name, Networks: endpoints})
	must(r.t, err)
	return r.begin(name)
}

// begin starts a container.
func (r *rig) begin(name string) *station {
	r.t.Helper()
	_, err := r.StartContainer(name, nil)
	must(r.t, err)
	return r.station(name)
}

// station is a running container as the tests talk to it, by its first interface.
type station struct {
	testnet.Station
	box *box
}

func (r *rig) station(name string) *station {
	r.t.Helper()
	b := r.box(name)
	s := &station{box: b, Station: testnet.Station{Box: b.sb}}
	if rec := b.record(); len(rec.Endpoints) > 0 {
		e := rec.Endpoints[0]
		s.Link, s.MAC, s.V4, s.V6 = e.Ifname, e.MAC, e.IPv4.Addr(), e.IPv6.Addr()
	}
	return s
}

func (r *rig) box(name string) *box {
	r.t.Helper()
	r.Manager.mu.Lock()
	defer r.Manager.mu.Unlock()
	b, err := r.container(name)
	must(r.t, err)
	return b
}

// address is a container's IPv4 address on its first network.
func (r *rig) address(name string) string {
	r.t.Helper()
	rec := r.box(name).record()
	return text(rec.Endpoints[0].IPv4.Addr())
}

func (r *rig) stop(name string) {
	r.t.Helper()
	must(r.t, r.StopContainer(r.t.Context(), name, time.Second))
}

func (r *rig) remove(name string) {
	r.t.Helper()
	must(r.t, r.RemoveContainer(r.t.Context(), name, true))
}

// gateway is a network's gateway of a family.
func (r *rig) gateway(name string, v6 bool) netip.Addr {
	r.t.Helper()
	r.Manager.mu.Lock()
	defer r.Manager.mu.Unlock()
	n, err := r.Manager.network(name)
	must(r.t, err)
	return n.rec.Pool(v6).Gateway
}
