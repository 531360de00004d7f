package keeper

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"vswitch/internal/sandbox"
)

// RunState is what the keeper knows of a program.
type RunState struct {
	// ID and Container are as in RunSpec.
	ID        string `json:"id"`
	Container string `json:"container"`
	PID       int    `json:"pid"`
	Running   bool   `json:"running"`
	// Code is the exit code once it has ended, 128 + N when signal N ended it.
	Code int `json:"code"`
}

// run is a program that runs, or ran. proc is nil while it is being started.
type run struct {
	id, container string
	proc          *sandbox.Process
}

func (r *run) ended() bool {
	select {
	case <-r.proc.Done():
		return true
	default:
		return false
	}
}

func (r *run) state() RunState {
	s := RunState{ID: r.id, Container: r.container, PID: r.proc.Pid(), Running: !r.ended()}
	if !s.Running {
		s.Code, _ = r.proc.Wait() // its files are handed over, not copied: no error
	}
	return s
}

// runs are the programs that the keeper has started and was not told to forget.
type runs struct {
	mu  sync.Mutex
	all map[string]*run
	// ending refuses what is not yet started.
	ending bool
}

// start starts a program and returns its number. The files stay the caller's.
func (rs *runs) start(id string, box *sandbox.Sandbox, w *wireRun, files [maxFiles]*os.File) (int, error) {
	r := &run{id: id, container: w.Container}
	if err := rs.reserve(r); err != nil {
		return 0, err
	}
	c, err := w.command(files)
	var proc *sandbox.Process
	if err == nil {
		proc, err = box.Command(context.Background(), c)
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if err != nil {
		delete(rs.all, id)
		return 0, err
	}
	r.proc = proc
	if rs.ending {
		proc.Kill()
	}
	return proc.Pid(), nil
}

func (rs *runs) reserve(r *run) error {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	switch {
	case rs.ending:
		return fmt.Errorf("run %s: %w", r.id, ErrEnding)
	case rs.all[r.id] != nil:
		return fmt.Errorf("run %s: %w", r.id, ErrExists)
	}
	rs.all[r.id] = r
	return nil
}

// command makes the files blocking, as programs expect their own.
func (w *wireRun) command(files [maxFiles]*os.File) (sandbox.Cmd, error) {
	c := sandbox.Cmd{Args: texts(w.Args), Env: texts(w.Env), Dir: string(w.Dir), Tty: w.Tty}
	for i, f := range files {
		if f == nil {
			continue
		}
		if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
			return c, fmt.Errorf("prepare file %d: %w", i, err)
		}
		switch i {
		case 0:
			c.Stdin = f
		case 1:
			c.Stdout = f
		case 2:
			c.Stderr = f
		}
	}
	return c, nil
}

func (rs *runs) get(id string) (*run, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.all[id]; r != nil && r.proc != nil {
		return r, nil
	}
	return nil, fmt.Errorf("run %s: %w", id, ErrUnknown)
}

func (rs *runs) signal(id string, sig syscall.Signal) error {
	r, err := rs.get(id)
	if err != nil {
		return err
	}
	return r.proc.Signal(sig)
}

func (rs *runs) kill(id string) error {
	r, err := rs.get(id)
	if err == nil {
		r.proc.Kill()
	}
	return err
}

// forget drops a run that has ended.
func (rs *runs) forget(id string) error {
	r, err := rs.get(id)
	switch {
	case err != nil:
		return err
	case !r.ended():
		return fmt.Errorf("forget run %s: %w", id, ErrRunning)
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.all, id)
	return nil
}

// started lists the runs whose program has been started.
func (rs *runs) started() []*run {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var out []*run
	for _, r := range rs.all {
		if r.proc != nil {
			out = append(out, r)
		}
	}
	return out
}

// states lists the runs in the order of their identifiers, or the only one of that
// identifier.
func (rs *runs) states(id string) []RunState {
	out := []RunState{}
	for _, r := range rs.started() {
		if id == "" || r.id == id {
			out = append(out, r.state())
		}
	}
	slices.SortFunc(out, func(a, b RunState) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// closeAll kills all programs and waits for their end.
func (rs *runs) closeAll() {
	rs.mu.Lock()
	rs.ending = true
	rs.mu.Unlock()
	for _, await := range []bool{false, true} {
		for _, r := range rs.started() {
			if r.proc.Kill(); await {
				<-r.proc.Done()
			}
		}
	}
}

// texts keeps nil nil.
func texts(words []word) []string {
	if words == nil {
		return nil
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
