package network

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"vswitch/internal/api"
	"vswitch/internal/sandbox"
)

// StartContainer starts a container that does not run: namespaces, interfaces,
// names, and its program. files are the caller's stdin, stdout and stderr; nil has
// the program write into the container's log.
func (m *Manager) StartContainer(ref string, files []*os.File) (*Started, error) {
	b, err := m.hold(ref)
	if err != nil {
		return nil, err
	}
	defer b.op.Unlock()
	if b.rec.State == Running {
		return nil, api.Errorf(api.IsRunning, nil, "cannot start container %q", b.rec.Name).WithFix("see it:  vswitch inspect %s", b.rec.Name)
	}
	if b.rec.Foreign != nil {
		return nil, api.Errorf(api.NamespaceGone, nil, "cannot start container %q", b.rec.Name).
			Because("it was a namespace that somebody else had made")
	}
	before := b.rec.State
	if err := m.bringUp(b, files); err != nil {
		err = errors.Join(err, m.takeDown(b, exitStartFailed))
		b.edit(func() {
			b.rec.Error = api.AsError(err).Error()
			if before == Created {
				b.rec.State = Created // as Docker has it
			}
		})
		b.over() // it may have been seen running, and be waited for
		if b.rec.AutoRemove {
			return nil, errors.Join(err, m.remove(b))
		}
		return nil, errors.Join(err, b.save())
	}
	return &Started{program: b.program, life: b.life}, nil
}

// exitStartFailed is the exit code of a container whose program never ran.
const exitStartFailed = int(api.ExitRun)

// hold finds a container and takes its op lock.
func (m *Manager) hold(ref string) (*box, error) {
	m.mu.Lock()
	b, err := m.container(ref)
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	b.op.Lock()
	if err := m.holdable(b, ref); err != nil {
		b.op.Unlock()
		return nil, err
	}
	return b, nil
}

// holdable says why nothing can be done any more with a container that one has
// waited for.
func (m *Manager) holdable(b *box, ref string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case b.removed:
		return api.Errorf(api.UnknownName, errNotThere, "there is no container %q", ref)
	case m.closed:
		return api.Errorf(api.SwitchUnreachable, nil, "cannot change container %q", b.rec.Name).Because("the switch is ending")
	}
	return nil
}

// bringUp makes a container run, step by step; takeDown undoes what it got to.
func (m *Manager) bringUp(b *box, files []*os.File) error {
	b.begin()
	b.edit(func() { b.rec.Error, b.rec.ExitCode = "", 0 })
	endpoints := m.endpointsOf(b)
	for _, e := range endpoints {
		if err := m.assign(b, e); err != nil {
			return err
		}
	}
	if err := m.makeSandbox(b); err != nil {
		return err
	}
	if err := m.plugAll(b, endpoints); err != nil {
		return err
	}
	if err := m.run(b, files); err != nil {
		return err
	}
	b.edit(func() { b.rec.State, b.rec.Started = Running, m.now().UTC() })
	if err := b.save(); err != nil {
		return err
	}
	m.watch(b)
	return nil
}

// makeSandbox makes a container's namespaces and has them kept.
func (m *Manager) makeSandbox(b *box) error {
	cfg := sandbox.Config{Name: b.rec.Name, Hostname: b.rec.Hostname, Hosts: m.hosts(b), Resolv: m.resolv(b)}
	if m.modeOf(&b.rec) == "host" {
		cfg.HostNet, cfg.Hostname = true, ""
	}
	sb, err := sandbox.Create(cfg)
	if err != nil {
		return namespaceError(b.rec.Name, err)
	}
	b.edit(func() { b.sb, b.ns = sb, sb.NetNS() })
	if err := m.cfg.Programs.Hold(b.rec.ID, sb); err != nil {
		return api.Errorf(api.RunFailed, err, "cannot start container %q", b.rec.Name)
	}
	return nil
}

// namespaceError says what of the machine stands in the way of a container.
func namespaceError(name string, err error) error {
	e := api.Errorf(api.NamespacesRefused, err, "cannot make the namespaces of container %q", name)
	if ns, ok := errors.AsType[*sandbox.NamespaceError](err); ok {
		e = e.Because("%s", ns.Why())
		if ns.Fix() != "" {
			e = e.WithFix("ask an administrator to run:  %s", ns.Fix())
		}
	}
	return e
}

// plugAll joins a container that has its namespaces to its networks.
func (m *Manager) plugAll(b *box, endpoints []*Endpoint) error {
	for _, e := range endpoints {
		if err := m.joinOne(b, e); err != nil {
			return err
		}
	}
	if len(endpoints) == 0 {
		return nil
	}
	if err := m.setRoutes(b); err != nil {
		return err
	}
	if err := m.openNames(b); err != nil {
		return err
	}
	if err := m.setPorts(b); err != nil {
		return err
	}
	if b.sb != nil && slices.ContainsFunc(endpoints, func(e *Endpoint) bool { return e.DHCP != nil }) {
		return b.sb.SetHosts(m.hosts(b)) // with the addresses that were not known before
	}
	return nil
}

// joinOne joins one endpoint of a container that runs.
func (m *Manager) joinOne(b *box, e *Endpoint) error {
	if err := m.plugIn(b, e); err != nil {
		return err
	}
	if e.DHCP != nil {
		if err := m.askDHCP(b, e); err != nil {
			return err
		}
	}
	m.publish(b, e)
	return nil
}

// run starts the container's program, if it has one.
func (m *Manager) run(b *box, files []*os.File) error {
	if len(b.rec.Cmd) == 0 {
		return nil
	}
	out := [3]*os.File{}
	copy(out[:], files)
	if files == nil {
		log, err := m.openLog(b)
		if err != nil {
			return api.Errorf(api.RunFailed, err, "cannot open the log of container %q", b.rec.Name)
		}
		defer log.Close()
		out = [3]*os.File{nil, log, log}
	}
	p, err := m.cfg.Programs.Run(RunSpec{
		ID: newID(), Box: b.rec.ID, Args: b.rec.Cmd, Env: b.rec.Env, Dir: b.rec.Dir, Tty: b.rec.Tty && files != nil,
	}, out)
	if err != nil {
		return runError(b.rec.Name, b.rec.Cmd[0], err)
	}
	b.edit(func() { b.program, b.rec.Run, b.rec.PID, b.life.run = p, p.ID(), p.PID(), p.ID() })
	return nil
}

// runError tells apart what can keep a program from starting.
func runError(container, program string, err error) error {
	code := api.RunFailed
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		code = api.NoCommand
	case errors.Is(err, fs.ErrPermission):
		code = api.NotExecutable
	}
	return api.Errorf(code, err, "cannot run %q in container %q", program, container)
}

// LogPath is where the output of a container without a caller's descriptors goes.
func (m *Manager) LogPath(id string) string {
	if m.cfg.LogDir == "" {
		return ""
	}
	return filepath.Join(m.cfg.LogDir, id+".log")
}

func (m *Manager) openLog(b *box) (*os.File, error) {
	path := m.LogPath(b.rec.ID)
	if path == "" {
		return os.OpenFile(os.DevNull, os.O_RDWR, 0)
	}
	if err := os.MkdirAll(m.cfg.LogDir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}
