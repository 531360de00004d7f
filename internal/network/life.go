package network

import (
	"context"

	"vswitch/internal/api"
)

// life is one run of a container, from its start to its end.
type life struct {
	// done is closed when it has ended and was taken down; code is set before.
	done chan struct{}
	code int
	run  string // the name of the program's run, empty without one
}

// begin starts a new life.
func (b *box) begin() {
	b.edit(func() { b.life = &life{done: make(chan struct{}), run: b.rec.Run} })
}

// over ends a life that was taken down, once.
func (b *box) over() {
	b.edit(func() {
		b.life.code = b.rec.ExitCode
		b.m.past.add(b.life.run, b.life.code, b.m.now())
	})
	close(b.life.done)
}

// watch waits for the end of what runs in a container and takes it down then.
func (m *Manager) watch(b *box) {
	p, life := b.program, b.life
	if p == nil {
		return
	}
	m.watchers.Go(func() {
		code, err := p.Wait(m.ctx)
		if m.ctx.Err() != nil {
			return
		}
		if err != nil {
			m.log.Warn("a container's end is not known", "container", b.rec.Name, "err", err)
			code = exitStartFailed
		}
		m.ended(b, life, code)
	})
}

// ended takes a container down whose program has ended by itself.
func (m *Manager) ended(b *box, l *life, code int) {
	b.op.Lock()
	defer b.op.Unlock()
	if b.life != l || b.rec.State != Running {
		return // somebody has stopped it, and perhaps started it again
	}
	if m.ctx.Err() != nil {
		return // it was let go of: its end is the next manager's to note
	}
	m.finish(b, code)
}

// finish takes a running container down and notes how it ended. The caller holds
// op.
func (m *Manager) finish(b *box, code int) {
	if err := m.takeDown(b, code); err != nil {
		m.cfg.Found(api.AsError(err))
	}
	if b.rec.AutoRemove {
		if err := m.remove(b); err != nil {
			m.cfg.Found(api.AsError(err))
		}
	} else if err := b.save(); err != nil {
		m.cfg.Found(api.AsError(err))
	}
	b.over()
}

// Started is a container's program.
type Started struct {
	program Program
	life    *life
}

// ID names the run; empty for a container without a program.
func (s *Started) ID() string {
	if s.program == nil {
		return ""
	}
	return s.program.ID()
}

// PID is the program's process; 0 without one.
func (s *Started) PID() int {
	if s.program == nil {
		return 0
	}
	return s.program.PID()
}

// Wait waits until the program has ended and the container is taken down, and
// returns the program's exit code.
func (s *Started) Wait(ctx context.Context) (int, error) {
	select {
	case <-s.life.done:
		return s.life.code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Signal sends the program a signal.
func (s *Started) Signal(sig int) error { return signalProgram(s.program, sig) }
