package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vswitch/internal/api"
)

// Containers lists the running containers, or all, the newest first as Docker does.
func (m *Manager) Containers(all bool) []api.ContainerSummary {
	m.mu.Lock()
	defer m.mu.Unlock()
	boxes, _ := m.all()
	slices.SortStableFunc(boxes, func(a, b *box) int { return b.rec.Created.Compare(a.rec.Created) })
	out := []api.ContainerSummary{}
	for _, b := range boxes {
		if all || b.rec.State == Running {
			out = append(out, m.summary(b))
		}
	}
	return out
}

func (m *Manager) summary(b *box) api.ContainerSummary {
	r := &b.rec
	s := api.ContainerSummary{
		ID: r.ID, Names: []string{"/" + r.Name}, Command: strings.Join(r.Cmd, " "), Created: r.Created.Unix(),
		Ports: m.portList(b), Labels: orEmpty(r.Labels), State: string(r.State), Status: m.status(r), VSwitch: m.extra(b),
	}
	s.NetworkSettings.Networks = m.settings(b)
	return s
}

// status is the state in Docker's words.
func (m *Manager) status(r *Container) string {
	switch r.State {
	case Running:
		return "Up " + ago(m.now().Sub(r.Started))
	case Exited:
		return fmt.Sprintf("Exited (%d) %s ago", r.ExitCode, ago(m.now().Sub(r.Finished)))
	case Dead:
		return "Dead"
	}
	return "Created"
}

// ago says how long something lasts as Docker does: one unit, in words.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	switch s := int(d.Seconds()); {
	case s < 1:
		return "Less than a second"
	case s == 1:
		return "1 second"
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", s)
	case d < 2*time.Minute:
		return "About a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 2*time.Hour:
		return "About an hour"
	case d < 2*day:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case d < 14*day:
		return fmt.Sprintf("%d days", int(d/day))
	case d < 60*day:
		return fmt.Sprintf("%d weeks", int(d/(7*day)))
	}
	return fmt.Sprintf("%d months", int(d/(30*day)))
}

// Container shows one.
func (m *Manager) Container(ref string) (api.Container, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.container(ref)
	if err != nil {
		return api.Container{}, err
	}
	return m.inspect(b), nil
}

func (m *Manager) inspect(b *box) api.Container {
	r := &b.rec
	c := api.Container{
		ID: r.ID, Created: r.Created, Args: []string{}, Name: "/" + r.Name, LogPath: m.LogPath(r.ID),
		State: api.ContainerState{
			Status: string(r.State), Running: r.State == Running, Dead: r.State == Dead, Pid: r.PID,
			ExitCode: r.ExitCode, Error: r.Error, StartedAt: r.Started, FinishedAt: r.Finished,
		},
		HostConfig: api.HostConfig{
			NetworkMode: m.networkMode(r), PortBindings: r.asked(), PublishAllPorts: r.PublishAll, AutoRemove: r.AutoRemove,
			DNS: texts(r.DNS), DNSOptions: listed(r.DNSOptions), DNSSearch: listed(r.DNSSearch), ExtraHosts: listed(r.ExtraHosts),
		},
		Config: api.ContainerConfig{
			Hostname: r.Hostname, Tty: r.Tty, Env: listed(r.Env), Cmd: listed(r.Cmd), WorkingDir: r.Dir, Labels: orEmpty(r.Labels),
			ExposedPorts: r.exposed(),
		},
		VSwitch: m.extra(b),
	}
	if len(r.Cmd) > 0 {
		c.Path, c.Args = r.Cmd[0], listed(r.Cmd[1:])
	}
	c.NetworkSettings = m.networkSettings(b, c.VSwitch.NetNS)
	return c
}

// networkMode is Docker's: the first network's name, "default" for the bridge.
func (m *Manager) networkMode(r *Container) string {
	for _, e := range r.Endpoints {
		if n := m.networks[e.Network]; n != nil {
			return n.rec.Name
		}
	}
	return "none"
}

func (m *Manager) networkSettings(b *box, path string) api.NetworkSettings {
	s := api.NetworkSettings{Ports: m.portMap(b), Networks: m.settings(b), SandboxKey: path}
	if b.rec.State == Running {
		s.SandboxID = b.rec.ID
	}
	if e, ok := s.Networks["bridge"]; ok {
		s.EndpointID, s.Gateway, s.IPAddress, s.IPPrefixLen, s.MacAddress = e.EndpointID, e.Gateway, e.IPAddress, e.IPPrefixLen, e.MacAddress
		s.GlobalIPv6Address, s.GlobalIPv6PrefixLen, s.IPv6Gateway = e.GlobalIPv6Address, e.GlobalIPv6PrefixLen, e.IPv6Gateway
	}
	return s
}

// settings are the container's endpoints, by the names of their networks.
func (m *Manager) settings(b *box) map[string]api.EndpointSettings {
	out := map[string]api.EndpointSettings{}
	first4, _ := m.defaultEndpoint(b, false)
	first6, _ := m.defaultEndpoint(b, true)
	for i := range b.rec.Endpoints {
		e := &b.rec.Endpoints[i]
		name, n := shortID(e.Network), m.networks[e.Network]
		if n != nil {
			name = n.rec.Name
		}
		s := endpointSettings(b, e, n)
		s.VSwitch.Default = e == first4 || e == first6
		out[name] = s
	}
	return out
}

func endpointSettings(b *box, e *Endpoint, n *Network) api.EndpointSettings {
	s := api.EndpointSettings{
		Aliases: e.Aliases, DriverOpts: e.DriverOpts, GwPriority: e.GwPriority, NetworkID: e.Network, EndpointID: e.ID,
		VSwitch: api.EndpointExtra{Interface: e.Ifname, Port: -1, DHCP: e.DHCP != nil, Guard: !e.NoGuard, Error: e.Error},
	}
	if e.Fixed4.IsValid() || e.Fixed6.IsValid() {
		s.IPAMConfig = &api.EndpointIPAM{IPv4Address: text(e.Fixed4), IPv6Address: text(e.Fixed6)}
	}
	running := b.rec.State == Running // what a stopped one keeps stands under IPAMConfig
	if e.MAC != 0 && running {
		s.MacAddress = e.MAC.String()
	}
	if e.IPv4.IsValid() && running {
		s.IPAddress, s.IPPrefixLen = e.IPv4.Addr().String(), e.IPv4.Bits()
	}
	if e.IPv6.IsValid() && running {
		s.GlobalIPv6Address, s.GlobalIPv6PrefixLen = e.IPv6.Addr().String(), e.IPv6.Bits()
	}
	if p := b.plugs[e.ID]; p != nil {
		s.VSwitch.Port = int(p.id)
	}
	if n == nil {
		return s
	}
	if running && !n.rec.Internal {
		s.Gateway, s.IPv6Gateway = text(gatewayFor(n, e, false)), text(gatewayFor(n, e, true))
	}
	if !n.rec.Predefined {
		s.DNSNames = b.rec.names(e)
	}
	if n.seg != nil {
		s.VSwitch.MTU = n.seg.opts.mtu
	}
	return s
}

// extra is what Docker does not tell about a container.
func (m *Manager) extra(b *box) api.ContainerExtra {
	x := api.ContainerExtra{Schema: api.Schema("container"), Kind: "container", Addresses: []string{}}
	switch {
	case b.rec.Foreign != nil:
		x.Kind, x.NetNS = "attached", b.rec.Foreign.Path
	case b.rec.PID != 0:
		x.NetNS = fmt.Sprintf("/proc/%d/ns/net", b.rec.PID)
	case b.rec.State == Running && m.cfg.NetPath != nil:
		x.NetNS = m.cfg.NetPath(b.rec.ID)
	}
	if len(b.rec.Ports) > 0 {
		x.PublishMode, x.PublishError = b.mode(), b.rec.PublishError
	}
	for i := range b.rec.Endpoints {
		for _, p := range b.rec.Endpoints[i].addrs() {
			x.Addresses = append(x.Addresses, p.Addr().String())
		}
	}
	return x
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func texts(in []netip.Addr) []string {
	out := []string{}
	for _, a := range in {
		out = append(out, a.String())
	}
	return out
}

// listed is a list that is never null in JSON.
func listed(in []string) []string { return append([]string{}, in...) }
