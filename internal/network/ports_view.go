package network

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vswitch/internal/api"
	"vswitch/portfwd"
)

// portKey is how Docker names a port of a container's: "80/tcp".
func portKey(s portfwd.Spec) string { return strconv.Itoa(int(s.Port)) + "/" + s.Proto }

// bindingsOf are the host's ends of a container's published ports, in Docker's form.
// The caller may hold mu.
func (m *Manager) bindingsOf(b *box) map[string][]api.PortBinding {
	out := map[string][]api.PortBinding{}
	if b.rec.State == Running {
		out = portfwd.PortMap(m.ports.Of(b.rec.ID))
		for _, f := range m.forwards.of(b.rec.ID) {
			for _, h := range f.hosts {
				out[portKey(f.spec)] = append(out[portKey(f.spec)], api.PortBinding{
					HostIP: h.Addr().String(), HostPort: strconv.Itoa(int(h.Port())),
				})
			}
		}
	}
	return out
}

// portMap is bindingsOf with the ports that are exposed and not published, whose list is
// null, as Docker shows it. The caller may hold mu.
func (m *Manager) portMap(b *box) map[string][]api.PortBinding {
	out := m.bindingsOf(b)
	if b.rec.State == Running {
		for _, port := range b.rec.Exposed {
			if _, ok := out[port]; !ok {
				out[port] = nil
			}
		}
	}
	return out
}

// asked are the ports as the user asked for them, one by one.
func (c *Container) asked() map[string][]api.PortBinding {
	specs := make([]portfwd.Spec, 0, len(c.Ports))
	for _, r := range c.Ports {
		if !r.All {
			specs = append(specs, r.Spec)
		}
	}
	return portfwd.ToBindings(specs)
}

func (c *Container) exposed() map[string]struct{} {
	if len(c.Exposed) == 0 {
		return nil
	}
	out := map[string]struct{}{}
	for _, port := range c.Exposed {
		out[port] = struct{}{}
	}
	return out
}

// portList is a container's ports as ps has them. The caller may hold mu.
func (m *Manager) portList(b *box) []api.Port {
	out := []api.Port{}
	for port, bindings := range m.portMap(b) {
		number, proto, _ := strings.Cut(port, "/")
		private, _ := strconv.ParseUint(number, 10, 16)
		if len(bindings) == 0 {
			out = append(out, api.Port{PrivatePort: uint16(private), Type: proto})
		}
		for _, at := range bindings {
			public, _ := strconv.ParseUint(at.HostPort, 10, 16)
			out = append(out, api.Port{IP: at.HostIP, PrivatePort: uint16(private), PublicPort: uint16(public), Type: proto})
		}
	}
	slices.SortFunc(out, func(a, b api.Port) int {
		return cmp.Or(cmp.Compare(a.PrivatePort, b.PrivatePort), cmp.Compare(a.Type, b.Type),
			cmp.Compare(strings.Count(a.IP, ":"), strings.Count(b.IP, ":")), // IPv4 first
			cmp.Compare(a.IP, b.IP), cmp.Compare(a.PublicPort, b.PublicPort))
	})
	return out
}

func (m *Manager) portsOf(b *box) api.Ports {
	return api.Ports{Ports: m.bindingsOf(b)}
}

// PublishedPorts lists the published ports of the containers of one network, or of all.
func (m *Manager) PublishedPorts(ref string) ([]api.PublishedPort, error) {
	nets, err := m.chosen(ref)
	if err != nil {
		return nil, err
	}
	active := m.active()
	out := []api.PublishedPort{}
	for _, p := range m.ports.List() {
		for _, at := range p.Bindings {
			row := m.portRow(p.Owner, at.Proto, at.Host, at.Target)
			row.Mode, row.Activated = api.PublishSource, at.Activated()
			if at.Splice {
				row.Mode = api.PublishSplice
				c := m.splicer.Of(at)
				row.Accepted, row.Active, row.Refused = c.Accepted, uint64(c.Open), c.Refused
			} else {
				c := m.carrier.counts(at)
				row.Accepted, row.Active, row.Refused = c.Accepted, active[entry{at.Proto, at.Host, at.Target}], c.Refused
			}
			out = append(out, row)
		}
	}
	for _, f := range m.forwards.of("") {
		for i, r := range f.rules {
			row := m.portRow(f.owner, f.spec.Proto, f.hosts[i], r.Inner)
			row.Mode = "nat"
			out = append(out, row)
		}
	}
	out = slices.DeleteFunc(out, func(p api.PublishedPort) bool {
		return ref != "" && !slices.ContainsFunc(nets, func(n *Network) bool { return n.rec.Name == p.Network })
	})
	slices.SortStableFunc(out, func(a, b api.PublishedPort) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	return out, nil
}

// entry is a published port as connections come in by it.
type entry struct {
	proto        string
	host, inside netip.AddrPort
}

// active counts the connections that came in, by the host's address that they came by
// and by all of its family.
func (m *Manager) active() map[entry]uint64 {
	out := map[entry]uint64{}
	for _, f := range m.connections() {
		if !f.In {
			continue
		}
		any := netip.IPv4Unspecified()
		if f.Host.Addr().Is6() {
			any = netip.IPv6Unspecified()
		}
		out[entry{f.Proto, f.Host, f.Inside}]++
		out[entry{f.Proto, netip.AddrPortFrom(any, f.Host.Port()), f.Inside}]++
	}
	return out
}

func (m *Manager) portRow(owner, proto string, host, target netip.AddrPort) api.PublishedPort {
	row := api.PublishedPort{
		Container: m.nameOf(owner), Protocol: proto, HostIP: host.Addr().String(), HostPort: host.Port(),
		Address: target.Addr().String(), Port: target.Port(),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.containers[owner]; b != nil {
		row.Error = b.rec.PublishError
		if b.published.net != nil {
			row.Network = b.published.net.rec.Name
		}
	}
	return row
}
