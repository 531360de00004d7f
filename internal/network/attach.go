package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
)

// attachments are looked at this often: nobody tells when a namespace that somebody
// else made has lost its last process, and our device would keep it.
const lookEvery = 5 * time.Second

// Attach joins a network namespace that somebody else made: an interface appears
// there, and nothing else of it is touched.
func (m *Manager) Attach(a api.Attach) (api.Created, error) {
	f := &Foreign{Path: a.NetNS, PID: a.PID, Ifname: a.Interface}
	switch {
	case a.NetNS == "" && a.PID == 0, a.NetNS != "" && a.PID != 0:
		return api.Created{}, api.Errorf(api.WrongUsage, nil, "cannot attach").Because("a path or a process is needed, one of them")
	case a.PID != 0:
		f.Path = fmt.Sprintf("/proc/%d/ns/net", a.PID)
	}
	ns, err := openForeign(f)
	if err != nil {
		return api.Created{}, err
	}
	defer ns.Close()
	f.Dev, f.Ino = ns.ID().Dev, ns.ID().Ino
	rec, err := m.newContainer(api.ContainerCreate{Name: a.Name, Publish: a.Publish})
	if err != nil {
		return api.Created{}, err
	}
	rec.Foreign = f
	if a.Endpoint.Network == "" {
		a.Endpoint.Network = "bridge"
	}
	made, err := m.addContainer(rec, []api.EndpointConfig{a.Endpoint})
	if err != nil {
		return made, err
	}
	return made, m.attachHeld(made.ID)
}

// openForeign opens a namespace that somebody else made.
func openForeign(f *Foreign) (*netnsx.NS, error) {
	ns, err := netnsx.Open(f.Path)
	fail := func(code api.Code) error {
		return api.Errorf(code, err, "cannot attach the network namespace %s", f.Path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return nil, fail(api.NamespaceGone)
	case errors.Is(err, fs.ErrPermission):
		return nil, fail(api.NamespaceClosed)
	case err != nil:
		return nil, fail(api.InvalidValue)
	}
	if err = ns.Do(func() error { return nil }); err != nil {
		return nil, errors.Join(fail(api.NamespaceClosed), ns.Close())
	}
	return ns, nil
}

// attachHeld makes the interface; on an error nothing is left of the attachment.
func (m *Manager) attachHeld(id string) error {
	b, err := m.hold(id)
	if err != nil {
		return err
	}
	defer b.op.Unlock()
	b.begin()
	b.edit(func() {
		if b.rec.Foreign.Ifname != "" {
			b.rec.Endpoints[0].Ifname = b.rec.Foreign.Ifname
		}
	})
	if err := m.bringAttached(b); err != nil {
		err = errors.Join(err, m.takeDown(b, 0), m.remove(b))
		b.over() // it may have been seen running, and be waited for
		return err
	}
	return nil
}

func (m *Manager) bringAttached(b *box) error {
	ns, err := openForeign(b.rec.Foreign)
	if err != nil {
		return err
	}
	b.edit(func() { b.ns = ns })
	endpoints := m.endpointsOf(b)
	for _, e := range endpoints {
		if err := m.assign(b, e); err != nil {
			return err
		}
	}
	if err := m.plugAll(b, endpoints); err != nil {
		return err
	}
	b.edit(func() { b.rec.State, b.rec.Started = Running, m.now().UTC() })
	return b.save()
}

// Detach takes our interface out of a namespace that somebody else made.
func (m *Manager) Detach(ctx context.Context, ref string) error {
	b, err := m.hold(ref)
	if err != nil {
		return err
	}
	defer b.op.Unlock()
	if b.rec.Foreign == nil {
		return api.Errorf(api.InvalidValue, nil, "cannot detach container %q", b.rec.Name).
			Because("it is a container of its own").WithFix("remove it:  vswitch rm -f %s", b.rec.Name)
	}
	return m.removeHeld(b, true)
}

// lookAfter takes attachments down whose namespaces are gone.
func (m *Manager) lookAfter() {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-t.C:
			for _, b := range m.attached() {
				m.lookAt(b)
			}
		}
	}
}

func (m *Manager) attached() []*box {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*box
	for _, b := range m.containers {
		if b.rec.Foreign != nil && b.rec.State == Running {
			out = append(out, b)
		}
	}
	return out
}

// lookAt marks an attachment dead whose namespace is not where it was.
func (m *Manager) lookAt(b *box) {
	if !b.op.TryLock() {
		return // somebody is busy with it; next time
	}
	defer b.op.Unlock()
	if b.rec.State != Running || b.removed || b.rec.Foreign.there() {
		return
	}
	err := m.takeDown(b, 0)
	b.edit(func() { b.rec.State, b.rec.Error = Dead, "its network namespace is gone" })
	b.over()
	m.cfg.Found(api.Errorf(api.NamespaceGone, errors.Join(err, b.save()), "container %q is gone", b.rec.Name).
		Because("%s is not the namespace any more that was attached", b.rec.Foreign.Path).
		WithFix("forget it:  vswitch detach %s", b.rec.Name))
}

// there reports whether the path still leads to the namespace.
func (f *Foreign) there() bool {
	info, err := os.Stat(f.Path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && uint64(st.Dev) == f.Dev && st.Ino == f.Ino
}
