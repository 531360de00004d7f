package network

import (
	"errors"

	"vswitch/internal/api"
	"vswitch/portfwd"
)

// publishError makes what went wrong with a host's port one that a person can use.
func (m *Manager) publishError(b *box, s portfwd.Spec, err error) error {
	code := publishCode(err)
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
		return e.Because("Bind for %v failed: an ordinary user may listen on ports from %d on", bind.Host, portfwd.LowestPort()).
			WithFix("use a higher port:  -p %d:%d/%s", highPort(bind.Host.Port()), s.Port, s.Proto)
	}
	return e
}

// publishCode names what went wrong. That a range is used up comes first: it wraps that
// its last port is in use.
func publishCode(err error) api.Code {
	for _, c := range []struct {
		means error
		code  api.Code
	}{
		{portfwd.ErrExhausted, api.PortRangeUsed}, {portfwd.ErrInUse, api.PortInUse}, {portfwd.ErrPrivileged, api.PrivilegedPort},
		{portfwd.ErrAddress, api.HostAddressMissing}, {portfwd.ErrFiles, api.SocketsExhausted},
		{portfwd.ErrFamily, api.InvalidValue}, {portfwd.ErrProtocol, api.PublishProtocol},
	} {
		if errors.Is(err, c.means) {
			return c.code
		}
	}
	return api.Unexpected
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
