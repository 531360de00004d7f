package network

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"vswitch/internal/api"
	"vswitch/internal/frame"
)

// CreateContainer makes a container that does not run yet.
func (m *Manager) CreateContainer(c api.ContainerCreate) (api.Created, error) {
	rec, err := m.newContainer(c)
	if err != nil {
		return api.Created{}, err
	}
	if len(c.Networks) == 0 {
		c.Networks = []api.EndpointConfig{{Network: "bridge"}}
	}
	return m.addContainer(rec, c.Networks)
}

// newContainer reads what the user asked for, but for the networks.
func (m *Manager) newContainer(c api.ContainerCreate) (Container, error) {
	r := Container{
		ID: newID(), Name: c.Name, Created: m.now().UTC(), Cmd: c.Cmd, Env: c.Env, Dir: c.WorkingDir,
		Hostname: c.Hostname, Labels: c.Labels, Tty: c.Tty, AutoRemove: c.AutoRemove,
		DNSSearch: c.DNSSearch, DNSOptions: c.DNSOptions, ExtraHosts: c.ExtraHosts, State: Created,
	}
	if c.Name != "" && !validName(c.Name) {
		return r, badName("container", c.Name)
	}
	bad := func(what, value, why string) error {
		return api.Errorf(api.InvalidValue, nil, "cannot create container %q", c.Name).Because("%s %q: %s", what, value, why)
	}
	for _, s := range c.DNS {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return r, bad("name server", s, "it is not an address")
		}
		r.DNS = append(r.DNS, a)
	}
	for _, e := range c.Env {
		if k, _, ok := strings.Cut(e, "="); !ok || k == "" {
			return r, bad("variable", e, "it is not of the form KEY=value")
		}
	}
	for _, s := range c.DNSSearch {
		if !domains.MatchString(s) {
			return r, bad("search domain", s, "it is not a domain")
		}
	}
	for _, s := range c.DNSOptions {
		if !resolvWords.MatchString(s) {
			return r, bad("option of the resolver", s, "it is not a word")
		}
	}
	if r.Hostname != "" && !validName(r.Hostname) {
		return r, bad("host name", r.Hostname, "it has other characters than letters, digits, dots and dashes")
	}
	if err := r.readPublish("create container", c.Publish); err != nil {
		return r, err
	}
	_, err := r.extraHosts()
	return r, err
}

// addContainer resolves the networks and keeps the container.
func (m *Manager) addContainer(r Container, nets []api.EndpointConfig) (api.Created, error) {
	b := &box{m: m, plugs: map[string]*Plug{}, clients: map[string]*dhcpClient{}}
	b.op.Lock() // nobody starts it before its file is written
	defer b.op.Unlock()
	m.mu.Lock()
	err := m.enter(b, r, nets)
	m.mu.Unlock()
	if err != nil {
		return api.Created{}, err
	}
	if err := b.save(); err != nil {
		m.mu.Lock()
		m.leave(b)
		m.mu.Unlock()
		return api.Created{}, err
	}
	return api.Created{ID: b.rec.ID, Warnings: m.publishWarnings(b)}, nil
}

// enter puts a container into the tables. The caller holds mu.
func (m *Manager) enter(b *box, r Container, nets []api.EndpointConfig) error {
	if m.closed {
		return api.Errorf(api.SwitchUnreachable, nil, "cannot create container %q", r.Name).Because("the switch is ending")
	}
	taken := func(name string) bool { _, ok := m.names[name]; return ok }
	if r.Name == "" {
		r.Name = anyName(taken)
	}
	if id, ok := m.names[r.Name]; ok {
		return api.Errorf(api.NameExists, nil, "cannot create container %q", r.Name).
			Because("the name is in use by container %s", shortID(id)).
			WithFix("choose another name, or remove that one:  vswitch rm -f %s", r.Name)
	}
	if r.Hostname == "" {
		r.Hostname = shortID(r.ID)
	}
	var joined []*Network
	for _, c := range nets {
		n, e, err := m.newEndpoint(&r, c)
		if err != nil {
			return err
		}
		r.Endpoints = append(r.Endpoints, e)
		joined = append(joined, n)
	}
	b.rec = r
	for _, n := range joined {
		n.users[r.ID] = true
	}
	m.names[r.Name], m.containers[r.ID] = r.ID, b
	return nil
}

// leave takes a container out of the tables. The caller holds mu.
func (m *Manager) leave(b *box) {
	for _, e := range b.rec.Endpoints {
		if n := m.networks[e.Network]; n != nil {
			delete(n.users, b.rec.ID)
		}
	}
	delete(m.containers, b.rec.ID)
	delete(m.names, b.rec.Name)
	b.removed = true
}

// newEndpoint reads how a container is to join a network. Addresses are given when
// it starts. The caller holds mu.
func (m *Manager) newEndpoint(r *Container, c api.EndpointConfig) (*Network, Endpoint, error) {
	e := Endpoint{ID: newID(), Aliases: c.Aliases, GwPriority: c.GwPriority, DriverOpts: c.DriverOpts, NoGuard: c.NoGuard}
	if c.DHCP {
		e.DHCP = &DHCPLease{}
	}
	n, err := m.network(c.Network)
	if err != nil {
		return nil, e, err
	}
	e.Network = n.rec.ID
	if err := m.mayJoin(r, n); err != nil {
		return nil, e, err
	}
	fail := func(code api.Code, format string, args ...any) error {
		return api.Errorf(code, nil, "cannot connect container %q to network %q", r.Name, n.rec.Name).Because(format, args...)
	}
	if !n.driver.Addressed() {
		if c.IPv4+c.IPv6+c.MAC != "" || c.DHCP || len(c.Aliases) > 0 {
			return nil, e, fail(api.InvalidValue, "the network %s takes no addresses and no aliases", n.rec.Name)
		}
		return n, e, nil
	}
	if len(c.Aliases) > 0 && n.rec.Predefined {
		return nil, e, fail(api.InvalidValue, "network-scoped aliases are supported only for containers in user-defined networks")
	}
	for _, a := range c.Aliases {
		if !validName(a) {
			return nil, e, badName("network alias", a)
		}
	}
	if e.Fixed4, err = fixedAddress(n, c.IPv4, false, fail); err != nil {
		return nil, e, err
	}
	if e.Fixed6, err = fixedAddress(n, c.IPv6, true, fail); err != nil {
		return nil, e, err
	}
	if c.DHCP && (e.Fixed4.IsValid() || e.Fixed6.IsValid()) {
		return nil, e, fail(api.WrongUsage, "a fixed address and --dhcp exclude each other")
	}
	if c.MAC != "" {
		hw, err := net.ParseMAC(c.MAC)
		if err != nil || len(hw) != 6 || frame.MACFrom(hw).Group() || frame.MACFrom(hw) == 0 {
			return nil, e, fail(api.InvalidValue, "%q is not the hardware address of a station", c.MAC)
		}
		e.MAC, e.FixedMAC = frame.MACFrom(hw), true
	}
	return n, e, nil
}

// mayJoin says whether a container with these networks may join one more.
func (m *Manager) mayJoin(r *Container, n *Network) error {
	fail := func(code api.Code) *api.Error {
		return api.Errorf(code, nil, "cannot connect container %q to network %q", r.Name, n.rec.Name)
	}
	if r.endpoint(n.rec.ID) != nil {
		return fail(api.NameExists).Because("it is connected to that network already").
			WithFix("see its networks:  vswitch inspect %s", r.Name)
	}
	for _, e := range r.Endpoints {
		if o := m.networks[e.Network]; o != nil && (!o.driver.Addressed() || !n.driver.Addressed()) {
			alone := o
			if !n.driver.Addressed() {
				alone = n
			}
			return fail(api.ModeExclusive).Because("container cannot be connected to multiple networks with one of the networks in %s mode", alone.rec.Name)
		}
	}
	if r.Foreign != nil && !n.driver.Addressed() {
		return fail(api.ModeExclusive).Because("an attached namespace joins networks that have addresses")
	}
	return nil
}

// fixedAddress reads an address that the user asked for.
func fixedAddress(n *Network, s string, v6 bool, fail func(api.Code, string, ...any) error) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	switch p := n.rec.Pool(v6); {
	case err != nil || a.Is6() != v6 || a.Zone() != "" || a.Is4In6():
		return a, fail(api.InvalidValue, "%q is not an IPv%d address", s, map[bool]int{false: 4, true: 6}[v6])
	case p == nil:
		return a, fail(api.AddressOutside, "the network has no IPv%d subnet", map[bool]int{false: 4, true: 6}[v6])
	case !p.ByUser:
		return a, fail(api.AddressNoSubnet, "user specified IP address is supported only when connecting to networks with user configured subnets")
	case !p.Subnet.Contains(a):
		return a, fail(api.AddressOutside, "%s is not in the subnet %s", a, p.Subnet)
	}
	return a, nil
}

// extraHosts reads the lines that the user wants in /etc/hosts.
func (r *Container) extraHosts() ([]hostLine, error) {
	var out []hostLine
	for _, s := range r.ExtraHosts {
		name, addr, ok := strings.Cut(s, ":")
		a, err := netip.ParseAddr(strings.Trim(addr, "[]"))
		if !ok || err != nil || !validName(name) {
			return nil, api.Errorf(api.InvalidValue, nil, "--add-host does not take %q", s).Because("it takes NAME:ADDRESS")
		}
		out = append(out, hostLine{a, name})
	}
	return out, nil
}

// hostLine is an address and its name.
type hostLine struct {
	addr netip.Addr
	name string
}

// clone returns a copy that shares no slice that changes.
func (r *Container) clone() Container {
	c := *r
	c.Endpoints = slices.Clone(r.Endpoints)
	c.Ports = slices.Clone(r.Ports)
	for i := range c.Endpoints {
		if l := c.Endpoints[i].DHCP; l != nil {
			copied := *l
			c.Endpoints[i].DHCP = &copied
		}
	}
	if r.Foreign != nil {
		f := *r.Foreign
		c.Foreign = &f
	}
	return c
}

// errNotThere: a container was removed while one waited for it.
var errNotThere = errors.New("the container was removed meanwhile")
