package network

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"vswitch/internal/api"
	"vswitch/ipam"
	"vswitch/ipam/dhcp"
)

// Network is a network as it runs. Its fields are guarded by Manager.mu, but for
// the segment, which has locks of its own.
type Network struct {
	rec          Record
	driver       Driver
	pool4, pool6 *ipam.Pool
	seg          *Segment // nil: the driver has none, or it could not be opened
	fault        error    // why it could not be opened
	// leases are those that DHCP has given, as the file has them.
	leases map[netip.Addr]dhcp.Lease
	// users counts endpoints by container ID, also those that are just joining.
	users map[string]bool
}

// pool returns the network's addresses of a family, nil without them.
func (n *Network) pool(v6 bool) *ipam.Pool {
	if v6 {
		return n.pool6
	}
	return n.pool4
}

// predefined are the networks of the first start, in the order of their making.
var predefined = []Record{
	{Name: "bridge", Driver: "bridge", Predefined: true, EnableIPv4: true, Options: map[string]string{
		optDefault: "true", optICC: "true", optMasquerade: "true",
		optHostBinding: "0.0.0.0", optName: "docker0", optMTU: "1500",
	}},
	{Name: "host", Driver: "host", Predefined: true, EnableIPv4: true},
	{Name: "none", Driver: "null", Predefined: true, EnableIPv4: true},
}

// reserved are names that no network of the user's may have.
func reserved(name string) bool {
	return name == "default" || strings.HasPrefix(name, "container:") ||
		slices.ContainsFunc(predefined, func(r Record) bool { return r.Name == name })
}

// CreateNetwork makes a network.
func (m *Manager) CreateNetwork(c api.NetworkCreate) (api.Created, error) {
	rec, err := m.newRecord(c)
	if err != nil {
		return api.Created{}, err
	}
	driver, err := driverOf(c.Driver)
	if err != nil {
		return api.Created{}, err
	}
	rec.Driver = driver.Name()
	warnings, err := driver.Check(&rec)
	if err != nil {
		return api.Created{}, err
	}
	if err := m.addNetwork(rec, driver); err != nil {
		return api.Created{}, err
	}
	return api.Created{ID: rec.ID, Warnings: append([]string{}, warnings...)}, nil
}

// newRecord reads what the user asked for. Subnets are not yet chosen.
func (m *Manager) newRecord(c api.NetworkCreate) (Record, error) {
	r := Record{
		ID: newID(), Name: c.Name, Created: m.now().UTC(), EnableIPv4: c.EnableIPv4 == nil || *c.EnableIPv4,
		EnableIPv6: c.EnableIPv6, Internal: c.Internal, Attachable: c.Attachable,
		IPAMDriver: c.IPAM.Driver, IPAMOpts: c.IPAM.Options, Options: c.Options, Labels: c.Labels,
	}
	switch {
	case reserved(c.Name):
		return r, api.Errorf(api.Predefined, nil, "cannot create network %q", c.Name).Because("the name is reserved")
	case !validName(c.Name):
		return r, badName("network", c.Name)
	case c.IPAM.Driver != "" && c.IPAM.Driver != "default":
		return r, api.Errorf(api.InvalidValue, nil, "cannot create network %q", c.Name).
			Because("there is no IPAM driver %q; there is default", c.IPAM.Driver)
	case !r.EnableIPv4 && !r.EnableIPv6:
		return r, api.Errorf(api.InvalidValue, nil, "cannot create network %q", c.Name).
			Because("a network has IPv4, IPv6 or both")
	}
	var err error
	r.Pools, err = readPools(c)
	return r, err
}

// addNetwork chooses the subnets, opens the network and keeps it.
func (m *Manager) addNetwork(rec Record, driver Driver) error {
	m.making.Lock() // one at a time: two must not choose the same subnet, nor the same name
	defer m.making.Unlock()
	if err := m.nameFree(rec.Name); err != nil {
		return err
	}
	n := &Network{rec: rec, driver: driver, users: map[string]bool{}}
	if driver.Addressed() {
		if err := m.choosePools(n); err != nil {
			return err
		}
	}
	err := m.openNetwork(n)
	if err == nil {
		err = m.save(kindNetwork, n.rec.ID, &n.rec)
	}
	if err != nil {
		return errors.Join(err, m.closeNetwork(n))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.networks[n.rec.ID] = n
	return nil
}

func (m *Manager) nameFree(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return api.Errorf(api.SwitchUnreachable, nil, "cannot create network %q", name).Because("the switch is ending")
	}
	for _, n := range m.networks {
		if n.rec.Name == name {
			return api.Errorf(api.NameExists, nil, "cannot create network %q", name).
				Because("network with name %s already exists", name)
		}
	}
	return nil
}

// openNetwork starts a network by its driver.
func (m *Manager) openNetwork(n *Network) (err error) {
	n.seg, err = n.driver.Open(m, n)
	return err
}

// closeNetwork gives back all that a network has but its file.
func (m *Manager) closeNetwork(n *Network) error {
	var err error
	if n.seg != nil {
		err = n.seg.Close()
	}
	for _, p := range n.rec.Pools {
		m.space.Release(p.Subnet)
	}
	return err
}

// RemoveNetwork removes a network that nobody uses.
func (m *Manager) RemoveNetwork(ref string) error {
	m.making.Lock()
	defer m.making.Unlock()
	n, err := m.takeNetwork(ref)
	if err != nil {
		return err
	}
	if err := m.forgetFile(kindNetwork, n.rec.ID); err != nil {
		m.mu.Lock()
		m.networks[n.rec.ID] = n
		m.mu.Unlock()
		return err
	}
	return m.endNetwork(n)
}

// endNetwork closes a network that will not come back.
func (m *Manager) endNetwork(n *Network) error {
	err := m.closeNetwork(n)
	if n.seg != nil && n.seg.services != nil {
		n.seg.services.forgetLeases() // last: until it is closed it may write them
	}
	return err
}

// takeNetwork takes a network out of the table, so that nobody joins it any more.
func (m *Manager) takeNetwork(ref string) (*Network, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.network(ref)
	if err != nil {
		return nil, err
	}
	if n.rec.Predefined {
		return nil, api.Errorf(api.Predefined, nil, "cannot remove network %q", n.rec.Name).
			Because("%s is a pre-defined network and cannot be removed", n.rec.Name)
	}
	if len(n.users) > 0 {
		return nil, api.Errorf(api.ObjectInUse, nil, "cannot remove network %q", n.rec.Name).
			Because("network %s has active endpoints: %s", n.rec.Name, strings.Join(m.userNames(n), ", ")).
			WithFix("disconnect them first:  vswitch network disconnect %s %s", n.rec.Name, m.userNames(n)[0])
	}
	if inner := m.leavingBy(n); len(inner) > 0 {
		return nil, api.Errorf(api.ObjectInUse, nil, "cannot remove network %q", n.rec.Name).
			Because("it is the way out of: %s", strings.Join(inner, ", ")).
			WithFix("remove that first:  vswitch network rm %s", inner[0])
	}
	delete(m.networks, n.rec.ID)
	return n, nil
}

// leavingBy are the names of the networks whose way out another one is. The caller
// holds mu.
func (m *Manager) leavingBy(n *Network) []string {
	var out []string
	for _, o := range m.networks {
		if o.seg != nil && o.seg.opts.uplink == (uplinkOption{uplinkNetwork, n.rec.Name}) {
			out = append(out, o.rec.Name)
		}
	}
	slices.Sort(out)
	return out
}

// userNames are the names of the containers on a network.
func (m *Manager) userNames(n *Network) []string {
	var out []string
	for id := range n.users {
		if b := m.containers[id]; b != nil {
			out = append(out, b.rec.Name)
		} else {
			out = append(out, shortID(id))
		}
	}
	slices.Sort(out)
	return out
}

// PruneNetworks removes all networks of the user's that nobody uses, and returns
// their names.
func (m *Manager) PruneNetworks() ([]string, error) {
	m.mu.Lock()
	var idle []Record
	for _, n := range m.networks {
		if !n.rec.Predefined && len(n.users) == 0 {
			idle = append(idle, n.rec)
		}
	}
	m.mu.Unlock()
	// The newest first: a network's way out is older than itself.
	slices.SortFunc(idle, func(a, b Record) int { return b.Created.Compare(a.Created) })
	gone, errs := []string{}, []error(nil)
	for _, r := range idle {
		err := m.RemoveNetwork(r.ID)
		if e := api.AsError(err); e != nil && (e.Code == api.ObjectInUse || e.Code == api.UnknownName) {
			continue // somebody was faster
		}
		if errs = append(errs, err); err == nil {
			gone = append(gone, r.Name)
		}
	}
	slices.Sort(gone)
	return gone, errors.Join(errs...)
}

// readPools reads the subnets that were asked for; at most one a family.
func readPools(c api.NetworkCreate) ([]PoolRecord, error) {
	bad := func(what, value, why string) error {
		return api.Errorf(api.InvalidValue, nil, "cannot create network %q", c.Name).Because("%s %q: %s", what, value, why)
	}
	var out []PoolRecord
	for _, in := range c.IPAM.Config {
		p := PoolRecord{ByUser: true}
		var err error
		if in.Subnet == "" {
			return nil, bad("gateway or range of", in.Gateway+in.IPRange, "they need a --subnet")
		}
		if p.Subnet, err = netip.ParsePrefix(in.Subnet); err != nil {
			return nil, bad("subnet", in.Subnet, "it is not of the form 10.0.0.0/24")
		}
		if in.IPRange != "" {
			if p.Range, err = netip.ParsePrefix(in.IPRange); err != nil {
				return nil, bad("address range", in.IPRange, "it is not of the form 10.0.0.128/25")
			}
		}
		if in.Gateway != "" {
			if p.Gateway, err = netip.ParseAddr(in.Gateway); err != nil {
				return nil, bad("gateway", in.Gateway, "it is not an address")
			}
		}
		for name, a := range in.AuxiliaryAddresses {
			addr, err := netip.ParseAddr(a)
			if err != nil {
				return nil, bad("auxiliary address", a, "it is not an address")
			}
			if p.Aux == nil {
				p.Aux = map[string]netip.Addr{}
			}
			p.Aux[name] = addr
		}
		v6 := p.Subnet.Addr().Is6()
		switch {
		case slices.ContainsFunc(out, func(o PoolRecord) bool { return o.Subnet.Addr().Is6() == v6 }):
			return nil, bad("subnet", in.Subnet, "a bridge network has one subnet a family")
		case v6 && !c.EnableIPv6:
			return nil, bad("subnet", in.Subnet, "it is IPv6: add --ipv6")
		case !v6 && c.EnableIPv4 != nil && !*c.EnableIPv4:
			return nil, bad("subnet", in.Subnet, "it is IPv4, which the network is to be without")
		}
		out = append(out, p)
	}
	return out, nil
}
