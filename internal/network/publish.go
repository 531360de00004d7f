package network

import (
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
// moves, they move. What was chosen for a port that the user left open is kept in the
// record, so that a restart of the switch process gives the same.

// PortRecord is a published port of a container's.
type PortRecord struct {
	Spec portfwd.Spec
	// Port is the host's port that it has; 0: none yet.
	Port uint16 `json:",omitempty"`
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
	exposed := map[string]bool{}
	for port := range p.ExposedPorts {
		some, err := portfwd.ParseSpec(port)
		if err != nil {
			return bad(err)
		}
		for _, s := range some {
			exposed[portKey(s)] = true
			if p.PublishAllPorts && !slices.ContainsFunc(specs, func(o portfwd.Spec) bool { return o.Port == s.Port && o.Proto == s.Proto }) {
				specs = append(specs, s)
			}
		}
	}
	for _, s := range specs {
		exposed[portKey(s)] = true
		c.Ports = append(c.Ports, PortRecord{Spec: s})
	}
	switch p.PublishMode {
	case "", api.PublishSource, api.PublishSplice:
	default:
		return api.Errorf(api.InvalidValue, nil, "cannot %s %q", what, c.Name).
			Because("the publish mode %q is neither %s nor %s", p.PublishMode, api.PublishSource, api.PublishSplice)
	}
	c.Exposed, c.PublishAll, c.PublishMode = sortedKeys(exposed), p.PublishAllPorts, p.PublishMode
	return nil
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
	return at, at.target != portfwd.Target{}
}

// setPorts publishes a container's ports where its default route leads now, all or
// none. What was published elsewhere is moved; what stands right stays untouched.
func (m *Manager) setPorts(b *box) error {
	at, ok := m.publishPlace(b)
	if b.published == at.endpoint && (b.published != "" || len(b.rec.Ports) == 0) {
		return nil
	}
	if err := m.unsetPorts(b); err != nil {
		return err
	}
	if len(b.rec.Ports) == 0 {
		return nil
	}
	if !ok {
		b.edit(func() { b.rec.PublishError = "no network with a way out" })
		return nil
	}
	b.edit(func() { b.published = at.endpoint })
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
	if b.published == "" {
		return nil
	}
	b.edit(func() { b.published = "" })
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

// Publish publishes more ports of a container, all or none, also while it runs.
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
	was := b.record()
	b.edit(func() {
		if p.PublishMode != "" {
			b.rec.PublishMode = p.PublishMode
		}
		b.rec.Ports = slices.Concat(b.rec.Ports, add.Ports)
		b.rec.Exposed = merged(b.rec.Exposed, add.Exposed)
	})
	err = m.publishMore(b, len(was.Ports))
	if err == nil {
		err = b.save()
	}
	if err != nil {
		err = errors.Join(err, m.unpublishFrom(b, len(was.Ports)))
		b.edit(func() { b.rec.Ports, b.rec.Exposed, b.rec.PublishMode = was.Ports, was.Exposed, was.PublishMode })
		return api.Ports{}, err
	}
	return m.portsOf(b), nil
}

// publishMore publishes the ports from a place in the record on, of a container that
// runs.
func (m *Manager) publishMore(b *box, from int) error {
	if b.rec.State != Running {
		return nil
	}
	if b.published == "" {
		return m.setPorts(b)
	}
	at, ok := m.publishPlace(b)
	if !ok {
		return nil
	}
	for i := from; i < len(b.rec.Ports); i++ {
		port, err := m.publishOne(b, at, b.rec.Ports[i])
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

// Unpublish ends the publishing of ports, also while the container runs.
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
	if b.published != "" {
		for _, r := range gone {
			errs = append(errs, m.unpublishOne(b, r))
		}
	}
	b.edit(func() { b.rec.Ports = kept })
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

// publishError makes what went wrong with a host's port one that a person can use.
func (m *Manager) publishError(b *box, s portfwd.Spec, err error) error {
	code := api.Unexpected
	for means, c := range map[error]api.Code{
		portfwd.ErrExhausted: api.PortRangeUsed, portfwd.ErrInUse: api.PortInUse, portfwd.ErrPrivileged: api.PrivilegedPort,
		portfwd.ErrAddress: api.HostAddressMissing, portfwd.ErrFiles: api.SocketsExhausted, portfwd.ErrFamily: api.InvalidValue,
		portfwd.ErrProtocol: api.PublishProtocol,
	} {
		if errors.Is(err, means) {
			code = c
		}
	}
	if errors.Is(err, portfwd.ErrExhausted) {
		code = api.PortRangeUsed // it wraps ErrInUse
	}
	e := api.Errorf(code, err, "cannot publish port %s of container %q", s, b.rec.Name)
	bind, ok := errors.AsType[*portfwd.BindError](err)
	if !ok {
		return e
	}
	switch {
	case code == api.PortInUse && bind.Owner != "":
		return e.Because("Bind for %v failed: port is already allocated, by container %q", bind.Host, m.nameOf(bind.Owner)).
			WithFix("choose another port, or see who has it:  vswitch port %s", m.nameOf(bind.Owner))
	case code == api.HostAddressMissing:
		return e.Because("Bind for %v failed: %v is not an address of this host", bind.Host, bind.Host.Addr())
	case code == api.PrivilegedPort:
		return e.Because("Bind for %v failed: an ordinary user may listen on ports from net.ipv4.ip_unprivileged_port_start on", bind.Host).
			WithFix("use a higher port:  -p %d:%d/%s", highPort(bind.Host.Port()), s.Port, s.Proto)
	}
	return e
}

// highPort is a port for who may not have a low one: 80 becomes 8080.
func highPort(p uint16) uint16 {
	if p < 1000 {
		return 8000 + p
	}
	return p + 10000
}

// nameOf is a container's name by its ID.
func (m *Manager) nameOf(id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.containers[id]; b != nil {
		return b.rec.Name
	}
	return shortID(id)
}

// publishWarnings says what of a container's ports will not come to be.
func (m *Manager) publishWarnings(b *box) []string {
	if len(b.rec.Ports) > 0 && b.hostNet() {
		return []string{"Published ports are discarded when using host network mode"}
	}
	return []string{}
}
