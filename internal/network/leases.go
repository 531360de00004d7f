package network

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"

	"vswitch/internal/api"
	"vswitch/internal/frame"
	"vswitch/ipam/dhcp"
)

// A network's DHCP server shares the pools with what is given out by ourselves: a
// container that was given an address and then asks by DHCP gets the same one, and
// nobody else gets it.

// leastMTUDHCP is what a message of DHCP needs (RFC 2131, section 2): a network with
// smaller frames has none.
const leastMTUDHCP = 576

// openDHCP makes the server of a network that has a gateway address.
func (v *services) openDHCP() error {
	r := &v.n.rec
	cfg := dhcp.Config{
		Network: r.Name, ServerMAC: v.mac, MTU: v.s.opts.mtu, LeaseTime: v.s.opts.lease, Domain: domainOf(r),
		Owner: v.owner, OnLease: v.leased, InUse: v.inUse, Probe: v.probe,
	}
	for _, g := range v.s.addrs() {
		if g.Addr().Is4() {
			cfg.Subnet, cfg.ServerAddr, cfg.Pool = g.Masked(), g.Addr(), v.n.pool4
			cfg.DNS = []netip.Addr{g.Addr()}
			if !r.Internal {
				cfg.Router = g.Addr()
			}
			continue
		}
		cfg.Prefix6, cfg.LinkLocal, cfg.Pool6 = g.Masked(), frame.LinkLocalAddr(v.mac), v.n.pool6
		cfg.DNS6 = []netip.Addr{g.Addr()}
		cfg.Managed, cfg.Other, cfg.OnLink, cfg.Autonomous, cfg.Router6 = true, true, true, g.Bits() == 64, !r.Internal
	}
	if !cfg.Subnet.IsValid() && !cfg.Prefix6.IsValid() || cfg.MTU < leastMTUDHCP {
		return nil
	}
	if badLabel(cfg.Domain) {
		cfg.Domain = ""
	}
	var err error
	v.dhcp, err = dhcp.New(cfg)
	return err
}

// badLabel reports whether a network's name cannot be a domain.
func badLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return true
		}
	}
	return s == "" || len(s) > 63
}

// storedLeases is the document of a network's leases.
type storedLeases struct {
	Leases []dhcp.Lease
}

// restoreLeases goes on with the leases of before a restart. The addresses of
// containers are reserved already: a lease may be at one of them.
func (m *Manager) restoreLeases(n *Network) {
	if n.seg == nil || n.seg.services == nil || n.seg.services.dhcp == nil {
		return
	}
	var doc storedLeases
	switch err := m.cfg.Store.Load(KindLease, n.rec.ID, &doc); {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		m.cfg.Found(api.Errorf(api.StateDamaged, err, "the leases of network %q are lost", n.rec.Name))
		return
	}
	m.mu.Lock()
	n.leases = map[netip.Addr]dhcp.Lease{}
	for _, l := range doc.Leases {
		n.leases[l.Addr] = l
	}
	m.mu.Unlock()
	if err := n.seg.services.dhcp.Restore(doc.Leases, m.now()); err != nil {
		m.cfg.Found(api.Errorf(api.StateDamaged, err, "some leases of network %q are lost", n.rec.Name))
	}
}

// saveLeases writes the leases that last. extra is one that the server is about to
// bind and does not list yet.
func (v *services) saveLeases(extra dhcp.Lease, gone bool) error {
	var doc storedLeases
	v.s.m.mu.Lock()
	if v.n.leases == nil {
		v.n.leases = map[netip.Addr]dhcp.Lease{}
	}
	if gone {
		delete(v.n.leases, extra.Addr)
	} else {
		v.n.leases[extra.Addr] = extra
	}
	for _, l := range v.n.leases {
		doc.Leases = append(doc.Leases, l)
	}
	v.s.m.mu.Unlock()
	slices.SortFunc(doc.Leases, func(a, b dhcp.Lease) int { return a.Addr.Compare(b.Addr) })
	return v.s.m.save(KindLease, v.n.rec.ID, &doc)
}

// forgetLeases removes the document of a network that goes.
func (v *services) forgetLeases() { _ = v.s.m.forgetFile(KindLease, v.n.rec.ID) }

// owner says who is behind a port. It is called under the server's lock.
func (v *services) owner(from frame.PortID) (dhcp.Owner, bool) {
	m := v.s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	b, e := v.behind(from)
	if b == nil {
		return dhcp.Owner{}, false
	}
	o := dhcp.Owner{Container: b.rec.Name, Hostname: b.rec.Hostname}
	if !e.NoGuard {
		o.MACs, o.MaxLeases = []frame.MAC{e.MAC}, 2
	}
	if badLabel(o.Hostname) {
		o.Hostname = ""
	}
	return o, true
}

// behind finds the container and endpoint of a port. The caller holds Manager.mu.
func (v *services) behind(port frame.PortID) (*box, *Endpoint) {
	for id := range v.n.users {
		b := v.s.m.containers[id]
		if b == nil {
			continue
		}
		if e := b.rec.endpoint(v.n.rec.ID); e != nil && b.plugs[e.ID] != nil && b.plugs[e.ID].id == port {
			return b, e
		}
	}
	return nil, nil
}

// inUse reports whether the network knows the address as somebody else's.
func (v *services) inUse(a netip.Addr, asker frame.MAC) bool {
	mac, ok := v.s.gw.Lookup(a)
	return ok && mac != asker
}

// leased is told of every change of a lease, under the server's lock: it writes it
// down, lets the port use the address and has the network answer for it.
func (v *services) leased(l dhcp.Lease, what dhcp.Event) error {
	gone := what == dhcp.EventReleased || what == dhcp.EventExpired
	if err := v.saveLeases(l, gone); err != nil {
		return err
	}
	v.look()
	if what == dhcp.EventDeclined {
		return nil
	}
	return v.allow(l, !gone)
}

// allow lets a port use a leased address, or no more.
func (v *services) allow(l dhcp.Lease, on bool) error {
	m := v.s.m
	m.mu.Lock()
	b, e := v.behind(l.Port)
	var p *Plug
	own := false
	if e != nil {
		p = b.plugs[e.ID]
		// An address that DHCP has given lasts as long as its lease, whoever asked for it.
		own = e.DHCP == nil && slices.ContainsFunc(e.addrs(), func(a netip.Prefix) bool { return a.Addr() == l.Addr })
	}
	m.mu.Unlock()
	if own {
		return nil // the endpoint's own address, which stays as long as it
	}
	if on {
		v.s.know(l.Addr, l.MAC, "lease")
	} else {
		v.s.forget(l.Addr)
	}
	if p == nil || e.NoGuard {
		return nil
	}
	return p.allow(l.Addr, on)
}

// The DHCP server calls back under its own lock, and the callbacks take Manager.mu:
// so nobody calls the server with mu held.

// reserve keeps an endpoint's address for it, should it ask by DHCP.
func (s *Segment) reserve(b *box, e *Endpoint) {
	if s.services == nil || s.services.dhcp == nil || e.DHCP != nil {
		return
	}
	for _, p := range e.addrs() {
		if p.Addr().Is6() || s.hasReserved(p.Addr(), e.MAC) {
			continue // a DHCPv6 client has a DUID that we do not know
		}
		err := s.services.dhcp.Reserve(dhcp.Reservation{Addr: p.Addr(), MAC: e.MAC, Hostname: hostLabel(b.rec.Hostname), Allocated: true})
		if err != nil {
			s.m.log.Warn("an address is not reserved for DHCP", "container", b.rec.Name, "err", err)
		}
	}
}

// hasReserved notes a reservation and reports whether it was there.
func (s *Segment) hasReserved(a netip.Addr, mac frame.MAC) bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.reserved[a] == mac {
		return true
	}
	s.reserved[a] = mac
	return false
}

func hostLabel(s string) string {
	if badLabel(s) {
		return ""
	}
	return s
}

// unreserve undoes reserve.
func (s *Segment) unreserve(e *Endpoint) {
	if s.services == nil || s.services.dhcp == nil || e.DHCP != nil {
		return
	}
	for _, p := range e.addrs() {
		s.services.dhcp.Unreserve(s.m.now(), p.Addr())
		s.m.mu.Lock()
		delete(s.reserved, p.Addr())
		s.m.mu.Unlock()
	}
}

// releaseLeases ends the leases of a container that goes.
func (s *Segment) releaseLeases(container string) {
	if s.services != nil && s.services.dhcp != nil {
		s.services.dhcp.ReleaseContainer(s.m.now(), container)
	}
}

// Leases lists a network's leases.
func (s *Segment) Leases() []dhcp.Lease {
	if s.services == nil || s.services.dhcp == nil {
		return nil
	}
	return s.services.dhcp.Leases(s.m.now())
}
