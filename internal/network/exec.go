package network

import (
	"context"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
)

// keptFor is how long the exit code of a program run by Exec can be asked for after
// its end: a client that lost its stream comes back within it.
const keptFor = time.Minute

// Exec runs one more program in a running container.
func (m *Manager) Exec(ref string, e api.Exec, files [3]*os.File) (Program, error) {
	b, err := m.hold(ref)
	if err != nil {
		return nil, err
	}
	defer b.op.Unlock()
	switch {
	case len(e.Cmd) == 0:
		return nil, api.Errorf(api.WrongUsage, nil, "cannot run a program in container %q", b.rec.Name).Because("no command is given")
	case b.rec.State != Running:
		return nil, notRunning(b)
	case b.rec.Foreign != nil:
		return nil, api.Errorf(api.InvalidValue, nil, "cannot run a program in container %q", b.rec.Name).
			Because("its namespace is somebody else's").WithFix("enter it:  nsenter --net=%s", b.rec.Foreign.Path)
	}
	p, err := m.cfg.Programs.Run(RunSpec{
		ID: newID(), Box: b.rec.ID, Args: e.Cmd, Env: orNil(e.Env, b.rec.Env), Dir: e.WorkingDir, Tty: e.Tty,
	}, files)
	if err != nil {
		return nil, runError(b.rec.Name, e.Cmd[0], err)
	}
	m.watchers.Go(func() { m.forgetLater(p) })
	return p, nil
}

// orNil is the first list, or the second where there is no first.
func orNil(a, b []string) []string {
	if a == nil {
		return b
	}
	return a
}

func notRunning(b *box) error {
	return api.Errorf(api.NotRunning, nil, "container %q is not running", b.rec.Name).WithFix("start it:  vswitch start %s", b.rec.Name)
}

// forgetLater drops a program some time after its end.
func (m *Manager) forgetLater(p Program) {
	if _, err := p.Wait(m.ctx); m.ctx.Err() != nil || err != nil {
		return
	}
	select {
	case <-m.ctx.Done():
	case <-time.After(keptFor):
		if err := m.cfg.Programs.Forget(p.ID()); err != nil {
			m.log.Debug("an ended program is kept", "err", err)
		}
	}
}

// forgetEnded drops the programs of before that nobody will ask for.
func (m *Manager) forgetEnded() {
	runs, err := m.cfg.Programs.Runs()
	if err != nil {
		return
	}
	m.mu.Lock()
	main := map[string]bool{}
	for _, b := range m.containers {
		main[b.rec.Run] = true
	}
	m.mu.Unlock()
	for _, r := range runs {
		if main[r.ID] {
			continue
		}
		if p, err := m.cfg.Programs.Program(r.ID); err == nil {
			m.watchers.Go(func() { m.forgetLater(p) })
		}
	}
}

// ExecWait waits for a program by the ID that its start named.
func (m *Manager) ExecWait(ctx context.Context, id string) (int, error) {
	m.mu.Lock()
	for _, b := range m.containers {
		if b.rec.Run == id && id != "" {
			life := b.life
			m.mu.Unlock()
			return (&Started{life: life}).Wait(ctx)
		}
	}
	code, known := m.past.code(id)
	m.mu.Unlock()
	if known {
		return code, nil
	}
	p, err := m.cfg.Programs.Program(id)
	if err != nil {
		return 0, api.Errorf(api.UnknownName, err, "there is no program %q", shortID(id))
	}
	return p.Wait(ctx)
}

// past are the exit codes of containers' programs, for as long as somebody may come
// back to ask.
type past map[string]pastRun

type pastRun struct {
	code int
	at   time.Time
}

// add notes an exit code and forgets old ones.
func (p past) add(run string, code int, now time.Time) {
	maps.DeleteFunc(p, func(_ string, r pastRun) bool { return now.Sub(r.at) > keptFor })
	if run != "" {
		p[run] = pastRun{code, now}
	}
}

func (p past) code(run string) (int, bool) {
	r, ok := p[run]
	return r.code, ok
}

// ExecSignal sends a program a signal, by the ID that its start named.
func (m *Manager) ExecSignal(id string, sig int) error {
	p, err := m.cfg.Programs.Program(id)
	if err != nil {
		return api.Errorf(api.UnknownName, err, "there is no program %q", shortID(id))
	}
	return signalProgram(p, sig)
}

// Inside is a running container as somebody sees who wants to send from it.
type Inside struct {
	Name string
	NS   *netnsx.NS
	// Addrs are its addresses by network ID.
	Addrs map[string][]netip.Addr
	// Order are the networks' IDs in the order of joining.
	Order []string
}

// Enter finds a running container. Its namespace may end at any time: calls on it
// fail then.
func (m *Manager) Enter(ref string) (Inside, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.container(ref)
	if err != nil {
		return Inside{}, err
	}
	if b.rec.State != Running || b.ns == nil {
		return Inside{}, notRunning(b)
	}
	in := Inside{Name: b.rec.Name, NS: b.ns, Addrs: map[string][]netip.Addr{}}
	for i := range b.rec.Endpoints {
		e := &b.rec.Endpoints[i]
		in.Order = append(in.Order, e.Network)
		for _, p := range e.addrs() {
			in.Addrs[e.Network] = append(in.Addrs[e.Network], p.Addr())
		}
	}
	return in, nil
}

// NetworkID resolves what a user wrote for a network.
func (m *Manager) NetworkID(ref string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.network(ref)
	if err != nil {
		return "", err
	}
	return n.rec.ID, nil
}

// Logs opens a container's log; follow tells, each time it is called, whether the
// container may still write.
func (m *Manager) Logs(ref string) (log *os.File, follow func() bool, err error) {
	m.mu.Lock()
	b, err := m.container(ref)
	m.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	log, err = os.Open(m.LogPath(b.rec.ID))
	if err != nil {
		if os.IsNotExist(err) || m.LogPath(b.rec.ID) == "" {
			err = fs.ErrNotExist
		}
		return nil, nil, api.Errorf(api.UnknownName, err, "container %q has no log", b.rec.Name).
			Because("its output went to whoever started it")
	}
	return log, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return b.rec.State == Running
	}, nil
}

// Counts returns how many networks, containers and running containers there are.
func (m *Manager) Counts() (networks, containers, running int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.containers {
		if b.rec.State == Running {
			running++
		}
	}
	return len(m.networks), len(m.containers), running
}
