package keeper

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// maxWords bounds arguments and environment of a program, counted as the kernel
// does: with a pointer and a NUL for each (execve(2)).
const maxWords = 2 << 20

// RunSpec is a program to run in a container that the keeper holds.
type RunSpec struct {
	// ID is the run's name, unique among those not forgotten.
	ID string
	// Container is the name given to Hold.
	Container string
	// Args, Env and Dir are as in sandbox.Cmd. A nil Env is the keeper's own.
	Args, Env []string
	Dir       string
	// Tty makes the first file, a terminal, the program's controlling terminal.
	Tty bool
}

// Handle is a program that the keeper runs, or ran. Its methods may be called from
// any goroutine.
type Handle struct {
	s   *Switch
	id  string
	pid int

	// once asks for the exit code, for all who wait; done is closed when it, or
	// the error, is there.
	once sync.Once
	done chan struct{}
	code int
	err  error
}

// Run starts a program as a child of the keeper, in a session of its own. It
// outlives this process. The files are its standard input, output and error, nil
// for /dev/null; they stay the caller's and may be closed when Run returns.
//
// The error wraps exec.ErrNotFound when there is no such program, fs.ErrPermission
// when it may not be executed, fs.ErrNotExist when there is no directory Dir,
// ErrUnknown without such a container, ErrExists with such a run. When ctx ends
// first the program may have been started: Runs tells.
func (s *Switch) Run(ctx context.Context, spec RunSpec, files [3]*os.File) (*Handle, error) {
	size := 0
	for _, list := range [][]string{spec.Args, spec.Env} {
		for _, w := range list {
			size += len(w) + 9
		}
	}
	if size > maxWords {
		return nil, fmt.Errorf("keeper: run %s: %d bytes of arguments and environment: %w", spec.ID, size, syscall.E2BIG)
	}
	a, _, err := s.keeper.call(ctx, &request{Op: opRun, Name: spec.ID, Run: spec.wire()}, files)
	if err != nil {
		return nil, err
	}
	return s.handle(spec.ID, a.PID), nil
}

func (spec RunSpec) wire() *wireRun {
	return &wireRun{
		Container: spec.Container, Args: words(spec.Args), Env: words(spec.Env),
		Dir: word(spec.Dir), Tty: spec.Tty,
	}
}

// words keeps nil nil.
func words(list []string) []word {
	if list == nil {
		return nil
	}
	out := make([]word, len(list))
	for i, s := range list {
		out[i] = word(s)
	}
	return out
}

// Runs returns all runs that were not forgotten, those of earlier switch processes
// too, in the order of their identifiers.
func (s *Switch) Runs() ([]RunState, error) {
	a, err := s.ask(&request{Op: opRuns})
	if err != nil {
		return nil, err
	}
	return a.Runs, nil
}

// Handle returns a run that was not forgotten, whoever has started it. ErrUnknown
// when there is none.
func (s *Switch) Handle(id string) (*Handle, error) {
	a, err := s.ask(&request{Op: opRuns, Name: id})
	if err != nil {
		return nil, err
	}
	if len(a.Runs) != 1 {
		return nil, fmt.Errorf("keeper: run %s: %w", id, ErrUnknown)
	}
	return s.handle(id, a.Runs[0].PID), nil
}

// handle returns the one Handle of a run, so that one request waits for its end.
func (s *Switch) handle(id string, pid int) *Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.handles[id]
	if h == nil || h.pid != pid {
		h = &Handle{s: s, id: id, pid: pid, done: make(chan struct{})}
		s.handles[id] = h
	}
	return h
}

// Forget drops a run that has ended, and its exit code. ErrRunning before.
func (s *Switch) Forget(id string) error {
	if err := s.do(&request{Op: opForget, Name: id}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.handles, id)
	return nil
}

// ID returns the run's name.
func (h *Handle) ID() string { return h.id }

// PID returns the number of the process, which is also that of its session and of
// its process group.
func (h *Handle) PID() int { return h.pid }

// Wait waits for the program's end and returns its exit code, 128 + N when signal N
// ended it. Any number may wait, until the run is forgotten; a switch process that
// was started meanwhile gets the same from a Handle of its own.
func (h *Handle) Wait(ctx context.Context) (int, error) {
	h.once.Do(func() { go h.await() })
	select {
	case <-h.done:
		return h.code, h.err
	case <-ctx.Done():
		return 0, fmt.Errorf("keeper: wait for run %s: %w", h.id, ctx.Err())
	}
}

func (h *Handle) await() {
	defer close(h.done)
	a, err := h.s.ask(&request{Op: opWait, Name: h.id})
	if h.err = err; err == nil {
		h.code = a.Code
	}
}

// Signal sends the program a signal, not what it has started in turn.
// os.ErrProcessDone when it has ended.
func (h *Handle) Signal(sig syscall.Signal) error {
	return h.s.do(&request{Op: opSignal, Name: h.id, Signal: int(sig)})
}

// Kill ends the program and its process group at once. It does not wait, and does
// nothing when the program has ended.
func (h *Handle) Kill() error { return h.s.do(&request{Op: opKill, Name: h.id}) }
