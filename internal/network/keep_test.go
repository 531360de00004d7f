package network

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"

	"vswitch/internal/sandbox"
)

// keep is the Programs of a test: it holds sandboxes and programs in this process,
// so that a second Manager finds what a first one has let go of.
type keep struct {
	mu   sync.Mutex
	held map[string]*sandbox.Sandbox
	runs map[string]*kept
}

// kept is a program, and a Program.
type kept struct {
	spec RunSpec
	p    *sandbox.Process
}

func newKeep() *keep { return &keep{held: map[string]*sandbox.Sandbox{}, runs: map[string]*kept{}} }

// openAgain opens a sandbox once more.
func openAgain(s *sandbox.Sandbox) (*sandbox.Sandbox, error) {
	net, mnt, uts, err := s.Files()
	if err != nil {
		return nil, err
	}
	return sandbox.FromFiles(s.Name(), net, mnt, uts)
}

func (k *keep) Hold(id string, s *sandbox.Sandbox) error {
	mine, err := openAgain(s)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held[id] != nil {
		return errors.Join(fmt.Errorf("%s is held", id), mine.Release())
	}
	k.held[id] = mine
	return nil
}

func (k *keep) box(id string) (*sandbox.Sandbox, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.held[id]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%s is not held", id)
}

func (k *keep) Held(id string) (*sandbox.Sandbox, error) {
	s, err := k.box(id)
	if err != nil {
		return nil, err
	}
	return openAgain(s)
}

func (k *keep) Holds() ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.held)), nil
}

func (k *keep) Drop(id string) error {
	s, err := k.box(id)
	if err != nil {
		return err
	}
	k.mu.Lock()
	delete(k.held, id)
	k.mu.Unlock()
	return s.Release()
}

func (k *keep) Run(spec RunSpec, files [3]*os.File) (Program, error) {
	s, err := k.box(spec.Box)
	if err != nil {
		return nil, err
	}
	c := sandbox.Cmd{Args: spec.Args, Env: spec.Env, Dir: spec.Dir, Tty: spec.Tty}
	if files[0] != nil {
		c.Stdin = files[0]
	}
	if files[1] != nil {
		c.Stdout = files[1]
	}
	if files[2] != nil {
		c.Stderr = files[2]
	}
	p, err := s.Command(context.Background(), c)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs[spec.ID] = &kept{spec, p}
	return k.runs[spec.ID], nil
}

func (k *keep) Runs() ([]RunState, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []RunState
	for _, id := range slices.Sorted(maps.Keys(k.runs)) {
		r := k.runs[id]
		s := RunState{ID: id, Box: r.spec.Box, PID: r.PID(), Running: !r.ended()}
		if !s.Running {
			s.Code, _ = r.p.Wait()
		}
		out = append(out, s)
	}
	return out, nil
}

func (k *keep) Program(id string) (Program, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.runs[id]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("no program %s", id)
}

func (k *keep) Forget(id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch r := k.runs[id]; {
	case r == nil:
		return fmt.Errorf("no program %s", id)
	case !r.ended():
		return fmt.Errorf("program %s is running", id)
	}
	delete(k.runs, id)
	return nil
}

func (r *kept) ID() string { return r.spec.ID }
func (r *kept) PID() int   { return r.p.Pid() }

func (r *kept) Wait(ctx context.Context) (int, error) {
	select {
	case <-r.p.Done():
		return r.p.Wait()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (r *kept) Signal(s syscall.Signal) error { return r.p.Signal(s) }

func (r *kept) Kill() error {
	r.p.Kill()
	return nil
}

func (r *kept) ended() bool {
	select {
	case <-r.p.Done():
		return true
	default:
		return false
	}
}
