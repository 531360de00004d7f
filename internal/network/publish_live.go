package network

import (
	"errors"
	"net/netip"
	"slices"

	"vswitch/internal/api"
	"vswitch/portfwd"
)

// Publish publishes more ports of a container, all or none, also while it runs. Those of
// before that are not published, since their places were taken, are tried again.
func (m *Manager) Publish(ref string, p api.PortPublish) (api.Ports, error) {
	b, err := m.hold(ref)
	if err != nil {
		return api.Ports{}, err
	}
	defer b.op.Unlock()
	add := Container{Name: b.rec.Name}
	if err := add.readPublish("publish ports of container", api.Publish{PortBindings: p.PortBindings, PublishMode: p.PublishMode}); err != nil {
		return api.Ports{}, err
	}
	switch {
	case b.hostNet():
		return api.Ports{}, api.Errorf(api.ModeExclusive, nil, "cannot publish ports of container %q", b.rec.Name).
			Because("it is on the host's network, where its ports are the host's")
	case p.PublishMode != "" && len(b.rec.Ports) > 0 && p.PublishMode != b.mode():
		return api.Ports{}, api.Errorf(api.InvalidValue, nil, "cannot publish ports of container %q", b.rec.Name).
			Because("its other ports are published in the mode %s", b.mode())
	}
	was, more := b.record(), b.newPorts(add.Ports)
	b.edit(func() {
		if p.PublishMode != "" {
			b.rec.PublishMode = p.PublishMode
		}
		b.rec.Ports = slices.Concat(b.rec.Ports, more)
		b.rec.Exposed = merged(b.rec.Exposed, add.Exposed)
	})
	err = m.publishMore(b, len(was.Ports))
	if err == nil {
		err = b.save()
	}
	if err != nil {
		err = errors.Join(err, m.unpublishFrom(b, len(was.Ports)))
		b.edit(func() {
			b.rec.Ports = slices.Clip(b.rec.Ports[:len(was.Ports)])
			b.rec.Exposed, b.rec.PublishMode = was.Exposed, was.PublishMode
			if b.published == (publishAt{}) {
				b.rec.PublishError = was.PublishError
			}
		})
		return api.Ports{}, err
	}
	return m.portsOf(b), nil
}

// newPorts leaves out what the record has already and is not published: who asks for that
// again does not want it twice.
func (b *box) newPorts(asked []PortRecord) []PortRecord {
	if b.published != (publishAt{}) {
		return asked
	}
	return slices.DeleteFunc(asked, func(p PortRecord) bool {
		return slices.ContainsFunc(b.rec.Ports, func(r PortRecord) bool { return r.Spec == p.Spec })
	})
}

// publishMore publishes the ports from a place in the record on, of a container that
// runs.
func (m *Manager) publishMore(b *box, from int) error {
	if b.rec.State != Running {
		return nil
	}
	if b.published == (publishAt{}) {
		return m.setPorts(b)
	}
	for i := from; i < len(b.rec.Ports); i++ {
		port, err := m.publishOne(b, b.published, b.rec.Ports[i])
		if err != nil {
			return m.publishError(b, b.rec.Ports[i].Spec, err)
		}
		b.edit(func() { b.rec.Ports[i].Port = port })
	}
	return nil
}

func (m *Manager) unpublishFrom(b *box, from int) error {
	var errs []error
	for _, r := range b.rec.Ports[from:] {
		if r.Port != 0 {
			errs = append(errs, m.unpublishOne(b, r))
		}
	}
	return errors.Join(errs...)
}

func (m *Manager) unpublishOne(b *box, r PortRecord) error {
	err := m.ports.Unpublish(b.rec.ID, r.again())
	if errors.Is(err, portfwd.ErrNotPublished) {
		err = nil
	}
	return errors.Join(err, m.forwards.unpublish(b.rec.ID, r.again()))
}

// Unpublish ends the publishing of ports, also while the container runs. Where one of
// them had kept the others from being published, these are.
func (m *Manager) Unpublish(ref string, p api.PortUnpublish) (api.Ports, error) {
	b, err := m.hold(ref)
	if err != nil {
		return api.Ports{}, err
	}
	defer b.op.Unlock()
	fail := func(code api.Code, err error) (api.Ports, error) {
		return api.Ports{}, api.Errorf(code, err, "cannot unpublish ports of container %q", b.rec.Name)
	}
	var gone, kept []PortRecord
	for port, bindings := range p.PortBindings {
		if len(bindings) == 0 {
			bindings = []api.PortBinding{{}}
		}
		specs, err := portfwd.FromBindings(map[string][]api.PortBinding{port: bindings})
		if err != nil {
			return fail(api.InvalidValue, err)
		}
		for _, s := range specs {
			n := len(gone)
			for _, r := range b.rec.Ports {
				if meant(s, r) && !slices.Contains(gone, r) {
					gone = append(gone, r)
				}
			}
			if len(gone) == n {
				return fail(api.NotPublished, errors.New(s.String()+" is not published"))
			}
		}
	}
	for _, r := range b.rec.Ports {
		if !slices.Contains(gone, r) {
			kept = append(kept, r)
		}
	}
	r := b.record()
	r.Ports = kept
	if err := m.save(kindContainer, r.ID, &r); err != nil {
		return api.Ports{}, err
	}
	var errs []error
	waiting := b.rec.State == Running && b.published == (publishAt{})
	if !waiting {
		for _, r := range gone {
			errs = append(errs, m.unpublishOne(b, r))
		}
	}
	b.edit(func() { b.rec.Ports = kept })
	if waiting {
		_ = m.setPorts(b) // what stands in the way of these is in the record
		errs = append(errs, b.save())
	}
	return m.portsOf(b), errors.Join(errs...)
}

// meant reports whether a user who writes s means a published port.
func meant(s portfwd.Spec, r PortRecord) bool {
	return s.Port == r.Spec.Port && s.Proto == r.Spec.Proto && meantHost(s.HostIP, r.Spec.HostIP) &&
		(s.HostPort == 0 || s.HostPort <= r.Port && r.Port <= s.HostPortEnd || r.Port == 0 && s.HostPort == r.Spec.HostPort)
}

// meantHost: an address that stands for all is also how a port without one is shown.
func meantHost(typed, has netip.Addr) bool {
	return !typed.IsValid() || typed == has || typed.IsUnspecified() && !has.IsValid()
}

// mode is how a container's ports are published.
func (b *box) mode() string {
	if b.rec.PublishMode == "" {
		return api.PublishSource
	}
	return b.rec.PublishMode
}

func merged(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}
