package network

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"

	"vswitch/internal/api"
	"vswitch/portfwd"
)

// Published ports
//
// A container's ports are published by the network of its default route, as Docker
// has it: by sockets of the host where that network's way out is sockets, and by
// forwards of its NAT at its foot outside where it is a leg. When the default route
// moves, or the container's address there, they move. What was chosen for a port that the
// user left open is kept in the record, so that a restart of the switch process gives the
// same. Where one of them cannot be had then, none is, and the record says why; they are
// tried again with every change of the container's networks or of its ports.

// PortRecord is a published port of a container's.
type PortRecord struct {
	Spec portfwd.Spec
	// Port is the host's port that it has; 0: none yet.
	Port uint16 `json:",omitempty"`
	// All: it was not asked for itself, but with all that is exposed.
	All bool `json:",omitempty"`
}

// again is the spec that asks for the port that it had.
func (r PortRecord) again() portfwd.Spec {
	if r.Port == 0 {
		return r.Spec
	}
	return r.Spec.At(r.Port)
}

// readPublish reads which ports of a container are to be published.
func (c *Container) readPublish(what string, p api.Publish) error {
	bad := func(err error) error {
		code := api.InvalidValue
		if errors.Is(err, portfwd.ErrProtocol) {
			code = api.PublishProtocol
		}
		return api.Errorf(code, err, "cannot %s %q", what, c.Name)
	}
	specs, err := portfwd.FromBindings(p.PortBindings)
	if err != nil {
		return bad(err)
	}
	all, exposed, err := readExposed(p, specs)
	if err != nil {
		return bad(err)
	}
	slices.SortStableFunc(specs, func(a, b portfwd.Spec) int { return cmp.Compare(choice(a), choice(b)) })
	for _, s := range specs {
		exposed[portKey(s)] = true
		c.Ports = append(c.Ports, PortRecord{Spec: s})
	}
	c.Ports = append(c.Ports, all...)
	switch p.PublishMode {
	case "", api.PublishSource, api.PublishSplice:
	default:
		return api.Errorf(api.InvalidValue, nil, "cannot %s %q", what, c.Name).
			Because("the publish mode %q is neither %s nor %s", p.PublishMode, api.PublishSource, api.PublishSplice)
	}
	c.Exposed, c.PublishAll, c.PublishMode = sortedKeys(exposed), p.PublishAllPorts, p.PublishMode
	return nil
}

// readExposed reads the ports that are exposed, and returns those of them that are to be
// published without having been asked for.
func readExposed(p api.Publish, asked []portfwd.Spec) (all []PortRecord, exposed map[string]bool, err error) {
	exposed = map[string]bool{}
	for _, port := range sortedKeys(p.ExposedPorts) {
		some, err := portfwd.ParseSpec(port)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range some {
			same := func(o portfwd.Spec) bool { return portKey(o) == portKey(s) }
			if p.PublishAllPorts && !exposed[portKey(s)] && !slices.ContainsFunc(asked, same) {
				all = append(all, PortRecord{Spec: s, All: true})
			}
			exposed[portKey(s)] = true
		}
	}
	return all, exposed, nil
}

// choice is how many ports a spec may have instead of its first. Who has the least
// choice is served first, so that none is taken by who could have had another.
func choice(s portfwd.Spec) int {
	if s.HostPort == 0 {
		return 1 << 16
	}
	return int(s.HostPortEnd) - int(s.HostPort)
}

// publishAt is where a container's ports are published: an endpoint, its network, and
// the container's addresses there.
type publishAt struct {
	endpoint string
	net      *Network
	target   portfwd.Target
}

// publishPlace finds it; not ok where no default route leads out.
func (m *Manager) publishPlace(b *box) (at publishAt, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, _ := m.defaultEndpoint(b, false)
	if e == nil {
		e, _ = m.defaultEndpoint(b, true)
	}
	if e == nil {
		return at, false
	}
	n := m.networks[e.Network]
	if n == nil || n.seg == nil || n.seg.exit.gate == nil {
		return at, false
	}
	at = publishAt{endpoint: e.ID, net: n}
	// A routed network's containers are reached by their own addresses.
	if e.IPv4.IsValid() && n.seg.opts.mode4 != modeRouted {
		at.target.V4 = e.IPv4.Addr()
	}
	if e.IPv6.IsValid() && n.seg.opts.mode6 != modeRouted {
		at.target.V6 = e.IPv6.Addr()
	}
	if at.target == (portfwd.Target{}) {
		return publishAt{}, false
	}
	return at, true
}

// setPorts publishes a container's ports where its default route leads now, all or
// none. What was published elsewhere is moved; what stands right stays untouched.
func (m *Manager) setPorts(b *box) error {
	at, ok := m.publishPlace(b)
	if ok && b.published == at {
		return nil
	}
	if err := m.unsetPorts(b); err != nil {
		return err
	}
	if len(b.rec.Ports) == 0 {
		b.edit(func() { b.rec.PublishError = "" })
		return nil
	}
	if !ok {
		b.edit(func() { b.rec.PublishError = "its networks are internal or routed, or have no way out" })
		return nil
	}
	b.edit(func() { b.published = at })
	for i := range b.rec.Ports {
		port, err := m.publishOne(b, at, b.rec.Ports[i])
		if err != nil {
			err = m.publishError(b, b.rec.Ports[i].Spec, err)
			b.edit(func() { b.rec.PublishError = api.AsError(err).Error() })
			return errors.Join(err, m.unsetPorts(b))
		}
		b.edit(func() { b.rec.Ports[i].Port = port })
	}
	b.edit(func() { b.rec.PublishError = "" })
	return nil
}

// publishOne publishes one port and returns the host's port.
func (m *Manager) publishOne(b *box, at publishAt, r PortRecord) (uint16, error) {
	if at.net.seg.exit.leg != nil {
		return m.forwards.publish(b.rec.ID, at, r)
	}
	pubs, err := m.ports.Publish(b.rec.ID, []portfwd.Spec{r.again()}, portfwd.Options{
		Default: at.net.seg.opts.hostBinding, Target: at.target,
		Splice: b.rec.PublishMode == api.PublishSplice, Dial: dialInside(b),
	})
	if err != nil {
		return 0, err
	}
	return pubs[0].Port(), nil
}

// dialInside connects from inside a container, for its spliced ports.
func dialInside(b *box) portfwd.Dial {
	ns := b.ns
	return func(ctx context.Context, network string, addr netip.AddrPort) (c *net.TCPConn, err error) {
		err = ns.Do(func() (err error) {
			c, err = portfwd.DialHere(ctx, network, addr)
			return err
		})
		return c, err
	}
}

// unsetPorts ends the publishing of all of a container's ports; their connections end
// with it.
func (m *Manager) unsetPorts(b *box) error {
	if b.published == (publishAt{}) {
		return nil
	}
	b.edit(func() { b.published = publishAt{} })
	return errors.Join(m.ports.UnpublishAll(b.rec.ID), m.forwards.unpublishAll(b.rec.ID))
}

// forgetPorts has ports that the user left open chosen anew at the next start, as
// Docker has it.
func (c *Container) forgetPorts() {
	for i := range c.Ports {
		c.Ports[i].Port = 0
	}
	c.PublishError = ""
}
