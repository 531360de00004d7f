package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"vswitch/internal/api"
)

// After a restart everything is made anew from the files, in this order: networks,
// since containers stand on them; containers, those that run last, so that the
// addresses of all are taken before anybody is given a new one; and what the keeper
// holds and no file speaks of is ended.

// load reads the store. Damaged documents were set aside by it.
func (m *Manager) load() error {
	if err := m.loadNetworks(); err != nil {
		return err
	}
	if err := m.makePredefined(); err != nil {
		return err
	}
	if err := m.loadContainers(); err != nil {
		return err
	}
	m.dropStrays()
	m.forgetEnded()
	m.watchers.Go(m.lookAfter)
	return nil
}

// each reads all documents of a kind.
func each[T any](m *Manager, kind string, use func(*T)) error {
	damaged, err := m.cfg.Store.Each(kind, func(key string, raw []byte) error {
		v := new(T)
		if err := json.Unmarshal(raw, v); err != nil {
			m.cfg.Found(api.Errorf(api.StateDamaged, err, "the file of the %s %s does not say what it should", kind, shortID(key)))
			return nil
		}
		use(v)
		return nil
	})
	for _, d := range damaged {
		m.cfg.Found(api.Errorf(api.StateDamaged, d.Err, "the file of a %s could not be read", kind).
			WithFix("it was kept as:  %s", d.Aside))
	}
	if err != nil {
		return fmt.Errorf("load the %ss: %w", kind, err)
	}
	return nil
}

func (m *Manager) loadNetworks() error {
	var all []*Network
	if err := each(m, kindNetwork, func(r *Record) { all = append(all, &Network{rec: *r, users: map[string]bool{}}) }); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b *Network) int { return a.rec.Created.Compare(b.rec.Created) })
	for _, n := range all {
		if n.fault = m.reopen(n); n.fault != nil {
			m.cfg.Found(api.Errorf(api.Unexpected, n.fault, "network %q is not up", n.rec.Name))
		}
		m.mu.Lock()
		m.networks[n.rec.ID] = n
		m.mu.Unlock()
	}
	return nil
}

// reopen starts a network of before.
func (m *Manager) reopen(n *Network) (err error) {
	if n.driver, err = driverOf(n.rec.Driver); err != nil {
		n.driver = nullDriver{}
		return err
	}
	o, err := readOptions(n.rec.Options)
	if err != nil {
		return err
	}
	for _, p := range n.rec.Pools {
		if err := m.space.Claim(p.Subnet, "network "+n.rec.Name); err != nil {
			return err
		}
	}
	if err := m.openPools(n, o); err != nil {
		return err
	}
	return m.openNetwork(n)
}

// makePredefined makes the networks of the first start that are not there.
func (m *Manager) makePredefined() error {
	for _, r := range predefined {
		if m.nameFree(r.Name) != nil {
			continue
		}
		r.ID, r.Created, r.Labels = newID(), m.now().UTC(), map[string]string{}
		driver, err := driverOf(r.Driver)
		if err != nil {
			return err
		}
		if err := m.addNetwork(r, driver); err != nil {
			return fmt.Errorf("make the network %s: %w", r.Name, err)
		}
	}
	return nil
}

func (m *Manager) loadContainers() error {
	var all []*box
	err := each(m, kindContainer, func(r *Container) {
		all = append(all, &box{m: m, rec: *r, plugs: map[string]*Plug{}, clients: map[string]*dhcpClient{}})
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b *box) int { return strings.Compare(a.rec.ID, b.rec.ID) })
	for _, b := range all {
		m.enterLoaded(b)
	}
	for _, b := range all {
		m.reserveLoaded(b)
	}
	m.mu.Lock()
	_, nets := m.all()
	m.mu.Unlock()
	for _, n := range nets {
		m.restoreLeases(n)
	}
	for _, b := range all {
		m.rejoin(b)
	}
	return nil
}

// enterLoaded puts a container of before into the tables and takes its addresses.
func (m *Manager) enterLoaded(b *box) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.containers[b.rec.ID], m.names[b.rec.Name] = b, b.rec.ID
	for i := range b.rec.Endpoints {
		e := &b.rec.Endpoints[i]
		n := m.networks[e.Network]
		if n == nil {
			continue
		}
		n.users[b.rec.ID] = true
		for _, p := range e.addrs() {
			pool := n.pool(p.Addr().Is6())
			if pool == nil || e.DHCP != nil && p.Addr().Is4() {
				continue // a lease is restored by the DHCP server
			}
			if err := pool.Request(p.Addr()); err != nil {
				m.cfg.Found(api.Errorf(api.AddressTaken, err, "container %q may not keep its address", b.rec.Name))
			}
		}
	}
}

// reserveLoaded keeps a running container's addresses for it at the DHCP servers.
func (m *Manager) reserveLoaded(b *box) {
	if b.rec.State != Running {
		return
	}
	for _, e := range m.endpointsOf(b) {
		if n := m.networkOf(e); n != nil && n.seg != nil {
			n.seg.reserve(b, e)
		}
	}
}

// rejoin goes on with a container that ran when the last switch process ended.
func (m *Manager) rejoin(b *box) {
	b.op.Lock()
	defer b.op.Unlock()
	if b.rec.State != Running {
		return
	}
	b.begin()
	gone, err := m.reattach(b)
	switch {
	case gone:
		m.finish(b, b.rec.ExitCode)
	case err != nil:
		m.cfg.Found(api.Errorf(api.Unexpected, err, "container %q was not joined again completely", b.rec.Name))
		fallthrough
	default:
		m.watch(b)
	}
}

// reattach finds a running container's namespaces and joins them again. gone says
// that it has ended meanwhile.
func (m *Manager) reattach(b *box) (gone bool, err error) {
	if b.rec.Foreign != nil {
		return m.reattachForeign(b)
	}
	sb, err := m.cfg.Programs.Held(b.rec.ID)
	if err != nil {
		b.edit(func() { b.rec.ExitCode, b.rec.Error = 128+9, "its namespaces ended with the machine or the keeper" })
		return true, nil
	}
	b.edit(func() { b.sb, b.ns = sb, sb.NetNS() })
	if b.rec.Run != "" {
		p, err := m.cfg.Programs.Program(b.rec.Run)
		if err != nil {
			b.edit(func() { b.rec.ExitCode = exitStartFailed })
			return true, nil
		}
		b.edit(func() { b.program = p })
	}
	return false, m.plugAgain(b)
}

func (m *Manager) reattachForeign(b *box) (gone bool, err error) {
	ns, err := openForeign(b.rec.Foreign)
	if err == nil && !b.rec.Foreign.there() {
		err = errors.Join(os.ErrNotExist, ns.Close())
	}
	if err != nil {
		b.edit(func() { b.rec.Error = "its network namespace is gone" })
		return true, nil
	}
	b.edit(func() { b.ns = ns })
	return false, m.plugAgain(b)
}

// plugAgain attaches a container's persistent devices. One that cannot be had is
// noted; the others go on.
func (m *Manager) plugAgain(b *box) error {
	var errs []error
	endpoints := m.endpointsOf(b)
	for _, e := range endpoints {
		if err := m.joinOne(b, e); err != nil {
			errs = append(errs, err)
			b.edit(func() { e.Error = api.AsError(err).Error() })
		}
	}
	errs = append(errs, m.setRoutes(b), m.openNames(b))
	if len(endpoints) > 0 {
		errs = append(errs, m.setPorts(b))
	}
	return errors.Join(errs...)
}

// dropStrays ends what the keeper holds and no container is: one that was being
// made, or whose file is lost.
func (m *Manager) dropStrays() {
	ids, err := m.cfg.Programs.Holds()
	if err != nil {
		m.cfg.Found(api.AsError(err))
		return
	}
	for _, id := range ids {
		m.mu.Lock()
		b := m.containers[id]
		m.mu.Unlock()
		if b != nil && b.sb != nil {
			continue
		}
		sb, err := m.cfg.Programs.Held(id)
		if err == nil {
			err = sb.Close()
		}
		if err = errors.Join(err, m.cfg.Programs.Drop(id)); err != nil {
			m.cfg.Found(api.Errorf(api.Unexpected, err, "namespaces of nobody are left"))
		}
	}
}
