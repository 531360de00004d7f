package network

import (
	"errors"
	"slices"

	"vswitch/internal/api"
)

// Connect joins a container to one more network, also while it runs and under
// traffic.
func (m *Manager) Connect(network string, c api.EndpointConfig, container string) error {
	b, err := m.hold(container)
	if err != nil {
		return err
	}
	defer b.op.Unlock()
	c.Network = network
	e, err := m.addEndpoint(b, c)
	if err != nil {
		return err
	}
	if b.rec.State == Running {
		err = m.connectRunning(b, e)
	}
	if err == nil {
		err = b.save()
	}
	if err != nil {
		return errors.Join(err, m.leaveAgain(b, e))
	}
	return nil
}

// leaveAgain takes an endpoint off its network; what still runs goes on without it.
func (m *Manager) leaveAgain(b *box, e *Endpoint) error {
	err := m.dropEndpoint(b, e)
	if b.rec.State == Running {
		err = errors.Join(err, m.refresh(b))
	}
	return err
}

// addEndpoint notes a new endpoint and returns it where it stands in the record.
func (m *Manager) addEndpoint(b *box, c api.EndpointConfig) (*Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, e, err := m.newEndpoint(&b.rec, c)
	if err != nil {
		return nil, err
	}
	b.rec.Endpoints = append(b.rec.Endpoints, e)
	n.users[b.rec.ID] = true
	return &b.rec.Endpoints[len(b.rec.Endpoints)-1], nil
}

func (m *Manager) connectRunning(b *box, e *Endpoint) error {
	if err := m.assign(b, e); err != nil {
		return err
	}
	if err := m.joinOne(b, e); err != nil {
		return err
	}
	return m.refresh(b)
}

// refresh has a running container know about its networks as they are now: routes,
// name servers, hosts. Its ports come last: their places may be taken.
func (m *Manager) refresh(b *box) error {
	if err := m.setRoutes(b); err != nil {
		return err
	}
	if err := m.refreshNames(b); err != nil {
		return err
	}
	return m.setPorts(b)
}

func (m *Manager) refreshNames(b *box) error {
	if b.sb == nil {
		return nil
	}
	if err := m.openNames(b); err != nil {
		return err
	}
	if err := b.sb.SetHosts(m.hosts(b)); err != nil {
		return err
	}
	return b.sb.SetResolv(m.resolv(b))
}

// dropEndpoint takes an endpoint off its network and out of the record.
func (m *Manager) dropEndpoint(b *box, e *Endpoint) error {
	var err error
	if b.published.endpoint == e.ID {
		err = m.unsetPorts(b) // first: the address may be another's right after
	}
	err = errors.Join(err, m.leaveOne(b, e))
	m.mu.Lock()
	defer m.mu.Unlock()
	id, network := e.ID, e.Network
	if n := m.networks[network]; n != nil {
		m.giveBack(n, e)
		delete(n.users, b.rec.ID)
	}
	// A new slice: others may be reading a copy of the old one.
	kept := make([]Endpoint, 0, len(b.rec.Endpoints))
	for _, o := range b.rec.Endpoints {
		if o.ID != id {
			kept = append(kept, o)
		}
	}
	b.rec.Endpoints = kept
	return err
}

// Disconnect takes a container off a network, also while it runs and under
// traffic: its connections there end.
func (m *Manager) Disconnect(network, container string, force bool) error {
	b, err := m.hold(container)
	if err != nil {
		return err
	}
	defer b.op.Unlock()
	m.mu.Lock()
	n, err := m.network(network)
	var e *Endpoint
	if err == nil {
		e = b.rec.endpoint(n.rec.ID)
	}
	m.mu.Unlock()
	switch {
	case err != nil:
		return err
	case e == nil:
		return api.Errorf(api.UnknownName, nil, "container %q is not connected to network %q", b.rec.Name, n.rec.Name).
			WithFix("see its networks:  vswitch inspect %s", b.rec.Name)
	case !n.driver.Addressed() && b.rec.State == Running && n.rec.Name == "host":
		return api.Errorf(api.ModeExclusive, nil, "cannot disconnect container %q from network %q", b.rec.Name, n.rec.Name).
			Because("container cannot be disconnected from host network")
	}
	if err := m.saveWithout(b, e.ID); err != nil {
		return err
	}
	ports := b.record().Ports
	err = m.leaveAgain(b, e)
	if !slices.Equal(ports, b.rec.Ports) {
		err = errors.Join(err, b.save()) // some were chosen where they are now
	}
	if err != nil && !force {
		return api.Errorf(api.Unexpected, err, "container %q left network %q, but something is left", b.rec.Name, n.rec.Name)
	}
	return nil
}

// saveWithout writes the record as it will be without an endpoint: an interface that
// is gone could not be had back when the file cannot be written.
func (m *Manager) saveWithout(b *box, endpoint string) error {
	r := b.record()
	r.Endpoints = slices.DeleteFunc(r.Endpoints, func(e Endpoint) bool { return e.ID == endpoint })
	return m.save(kindContainer, r.ID, &r)
}
