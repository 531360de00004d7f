package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"vswitch/internal/api"
)

// StopContainer ends a container: SIGTERM to its program, and the end of everything
// in it when the program has ended or timeout is over. One that does not run is
// left alone.
func (m *Manager) StopContainer(ctx context.Context, ref string, timeout time.Duration) error {
	b, err := m.hold(ref)
	if err != nil {
		return err
	}
	if b.rec.Foreign != nil {
		defer b.op.Unlock()
		return api.Errorf(api.InvalidValue, nil, "cannot stop container %q", b.rec.Name).
			Because("its namespace is somebody else's").WithFix("detach it:  vswitch detach %s", b.rec.Name)
	}
	if b.rec.State != Running {
		b.op.Unlock()
		return nil
	}
	program, ended := b.program, b.life.done
	if program == nil {
		defer b.op.Unlock()
		m.finish(b, 0)
		return nil
	}
	// The program's end takes the lock, so it is given up while we wait.
	b.op.Unlock()
	if timeout > 0 {
		_ = program.Signal(syscall.SIGTERM) // it may have ended
	}
	select {
	case <-ended:
		return nil
	case <-time.After(timeout):
	case <-ctx.Done():
		return ctx.Err()
	}
	_ = program.Kill()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RemoveContainer removes a container that does not run, with force also one that
// does.
func (m *Manager) RemoveContainer(ctx context.Context, ref string, force bool) error {
	b, err := m.hold(ref)
	if err != nil {
		return err
	}
	defer b.op.Unlock()
	return m.removeHeld(b, force)
}

// removeHeld removes a container whose op the caller holds.
func (m *Manager) removeHeld(b *box, force bool) error {
	switch {
	case b.rec.Foreign != nil && b.rec.State == Running && !force:
		return api.Errorf(api.IsRunning, nil, "cannot remove container %q", b.rec.Name).
			Because("it is attached").WithFix("detach it:  vswitch detach %s", b.rec.Name)
	case b.rec.State == Running && !force:
		return api.Errorf(api.IsRunning, nil, "cannot remove container %q", b.rec.Name).
			WithFix("stop it first, or:  vswitch rm -f %s", b.rec.Name)
	}
	var errs []error
	if b.rec.State == Running {
		errs = append(errs, m.takeDown(b, 128+int(syscall.SIGKILL)))
		defer b.over()
	}
	return errors.Join(append(errs, m.remove(b))...)
}

// remove forgets a container that does not run.
func (m *Manager) remove(b *box) error {
	if err := m.forgetFile(kindContainer, b.rec.ID); err != nil {
		return err
	}
	if path := m.LogPath(b.rec.ID); path != "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			m.log.Warn("a log is left", "err", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.rec.Endpoints {
		e := &b.rec.Endpoints[i]
		if n := m.networks[e.Network]; n != nil && n.seg != nil {
			m.giveBack(n, e)
		}
	}
	m.leave(b)
	return nil
}

// takeDown undoes bringUp, as far as it got: interfaces, names, addresses that were
// not asked for, programs and namespaces. The container's record then says that it
// has ended.
func (m *Manager) takeDown(b *box, code int) error {
	var errs []error
	b.closeNames()
	errs = append(errs, m.unsetPorts(b))
	b.forgetPeers()
	for _, e := range m.endpointsOf(b) {
		errs = append(errs, m.leaveOne(b, e))
	}
	if b.sb != nil {
		errs = append(errs, b.sb.Close(), m.cfg.Programs.Drop(b.rec.ID))
	} else if b.ns != nil {
		errs = append(errs, b.ns.Close())
	}
	errs = append(errs, m.forgetProgram(b))
	m.mu.Lock()
	defer m.mu.Unlock()
	b.sb, b.ns, b.program = nil, nil, nil
	for i := range b.rec.Endpoints {
		m.letGo(&b.rec.Endpoints[i])
	}
	b.rec.State, b.rec.ExitCode, b.rec.Run, b.rec.PID = Exited, code, "", 0
	b.rec.Finished = m.now().UTC()
	b.rec.forgetPorts()
	if err := errors.Join(errs...); err != nil {
		return api.Errorf(api.Unexpected, err, "something of container %q is left", b.rec.Name)
	}
	return nil
}

// reapPatience bounds how long a killed program is waited for.
const reapPatience = 10 * time.Second

// forgetProgram drops what is known about a container's program, once it has ended.
func (m *Manager) forgetProgram(b *box) error {
	if b.program == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), reapPatience)
	defer cancel()
	if _, err := b.program.Wait(ctx); err != nil {
		return err
	}
	return m.cfg.Programs.Forget(b.program.ID())
}

// letGo gives back what an endpoint was given without asking for it. The caller
// holds mu.
func (m *Manager) letGo(e *Endpoint) {
	n := m.networks[e.Network]
	if n == nil {
		return
	}
	keep4, keep6 := e.IPv4, e.IPv6
	if e.Fixed4.IsValid() {
		e.IPv4 = netip.Prefix{}
	}
	if e.Fixed6.IsValid() {
		e.IPv6 = netip.Prefix{}
	}
	m.giveBack(n, e)
	if e.Fixed4.IsValid() {
		e.IPv4 = keep4
	}
	if e.Fixed6.IsValid() {
		e.IPv6 = keep6
	}
	if e.DHCP != nil {
		*e.DHCP = DHCPLease{}
	}
	e.Ifname, e.Error = "", ""
	if !e.FixedMAC {
		e.MAC = 0
	}
}

// leaveOne takes one endpoint off its network.
func (m *Manager) leaveOne(b *box, e *Endpoint) error {
	if c := b.clients[e.ID]; c != nil {
		c.release()
		b.edit(func() { delete(b.clients, e.ID) })
	}
	m.withdraw(b, e)
	if n := m.networkOf(e); n != nil && n.seg != nil {
		n.seg.releaseLeases(b.rec.Name)
	}
	return m.unplug(b, e)
}

// forgetPeers has the kernel soon give up connections whose programs are killed.
// It would go on for a minute and a half to tell peers who can no longer be
// reached, and would keep the namespace as long (tcp_orphan_retries in
// Documentation/networking/ip-sysctl.rst).
func (b *box) forgetPeers() {
	if b.sb == nil || b.hostNet() {
		return
	}
	if err := b.ns.SetSysctl("net.ipv4.tcp_orphan_retries", "1"); err != nil {
		b.m.log.Warn("connections outlive their container for a while", "container", b.rec.Name, "err", err)
	}
}

// hostNet reports whether the container is in the host's network namespace.
func (b *box) hostNet() bool { return b.m.modeOf(&b.rec) == "host" }

// WaitContainer waits until a container has ended and returns its exit code.
func (m *Manager) WaitContainer(ctx context.Context, ref string) (int, error) {
	m.mu.Lock()
	b, err := m.container(ref)
	if err != nil {
		m.mu.Unlock()
		return 0, err
	}
	l, code, running := b.life, b.rec.ExitCode, b.rec.State == Running
	m.mu.Unlock()
	if running {
		select {
		case <-l.done:
			return l.code, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return code, nil
}

// signalProgram sends a signal; a program that has ended is not missed.
func signalProgram(p Program, sig int) error {
	if p == nil {
		return nil
	}
	if err := p.Signal(syscall.Signal(sig)); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %d: %w", sig, err)
	}
	return nil
}
