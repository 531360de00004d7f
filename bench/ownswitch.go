package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/api/client"
)

// ownSwitch is a switch as a daemon, with a socket and a state of its own, that
// nobody else knows of.
type ownSwitch struct {
	n      *networks
	dir    string
	socket string
	state  string
	api    *client.Client
}

// switchError is that of a switch which did not start, or did not end as it
// should: then nothing that is measured counts.
type switchError struct{ err error }

func (e *switchError) Error() string { return e.err.Error() }
func (e *switchError) Unwrap() error { return e.err }

// place makes room for a switch without starting it.
func (n *networks) place() (*ownSwitch, error) {
	dir, err := os.MkdirTemp(n.Folder, "vswitch-bench-")
	if err != nil {
		return nil, &switchError{fmt.Errorf("bench: make a folder for a switch: %w", err)}
	}
	s := &ownSwitch{n: n, dir: dir, socket: filepath.Join(dir, "s"), state: filepath.Join(dir, "state")}
	s.api = client.New(s.socket, n.Commit)
	return s, nil
}

// with starts a switch, has it measured and takes it down. A start is not broken
// off: the switch would come up when nobody waits for it any more.
func (n *networks) with(ctx context.Context, measure func(context.Context, *ownSwitch) error) error {
	s, err := n.place()
	if err != nil {
		return err
	}
	if err := n.Launch(context.WithoutCancel(ctx), s.socket, s.state); err != nil {
		_, derr := s.down()
		return &switchError{errors.Join(err, derr)}
	}
	err = measure(ctx, s)
	if _, derr := s.down(); derr != nil {
		return &switchError{errors.Join(derr, err)}
	}
	return err
}

// ends is how long a switch may take to end.
const ends = 2 * time.Minute

// down takes the switch down, if it is up, and removes its folder. It returns how
// long that took to the end of the keeper. It may be called again.
func (s *ownSwitch) down() (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), ends)
	defer cancel()
	st, err := s.api.Status(ctx)
	if client.NotRunning(err) {
		return 0, s.clear()
	}
	start := time.Now()
	var left []error
	err = errors.Join(err, s.api.Down(ctx, api.Down{}, func(r api.Removed) {
		if r.Error != nil {
			left = append(left, r.Error)
		}
	}))
	err = errors.Join(append(left, err)...)
	if gone := s.waitGone(ctx, st.Keeper); gone != nil {
		err = errors.Join(err, gone)
	}
	return time.Since(start), errors.Join(err, s.clear())
}

// waitGone waits for the end of the keeper, and ends it when that does not come:
// everything else ends with it.
func (s *ownSwitch) waitGone(ctx context.Context, keeper int) error {
	for keeper > 0 {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", keeper)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-ctx.Done():
			_ = syscall.Kill(keeper, syscall.SIGKILL) // it may have ended this very moment
			return fmt.Errorf("bench: the keeper (process %d) did not end in %v", keeper, ends)
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// clear removes the folder, and says what was left in it.
func (s *ownSwitch) clear() error {
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("bench: remove a switch's folder: %w", err)
	}
	for _, f := range files {
		// A command that found no switch leaves the lock and the log behind.
		if f.Name() != "keeper.lock" && f.Name() != "switch.log" {
			return fmt.Errorf("bench: the switch left %s behind", f.Name())
		}
	}
	return nil
}

// command is one call of the program for this switch. A Ctrl-C on the terminal
// does not reach it: who asked for the measurement takes care of its end.
func (s *ownSwitch) command(args ...string) *exec.Cmd {
	argv := append(append([]string{}, s.n.Program...), args[0], "--socket", s.socket, "--state-dir", s.state)
	argv = append(argv, args[1:]...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.WaitDelay = s.environ(), 2*time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// environ is the environment of programs: messages in English, and no flags of the
// program that were meant for somebody else.
func (s *ownSwitch) environ() []string {
	env := []string{"LC_ALL=C"}
	for _, e := range s.n.Environ {
		if !strings.HasPrefix(e, "LC_ALL=") {
			env = append(env, e)
		}
	}
	return env
}

// station is a container as the workloads know one: they run programs in it
// through `exec`, which hands their descriptors over and is not on the way.
func (s *ownSwitch) station(b box) Station {
	st := Station{Name: b.name, Addr4: b.addr}
	st.Start = func(cmd *exec.Cmd) error {
		line := s.command(append([]string{"exec", b.name, "--"}, cmd.Args...)...)
		cmd.Path, cmd.Args, cmd.Env, cmd.SysProcAttr = line.Path, line.Args, line.Env, line.SysProcAttr
		return cmd.Start()
	}
	st.SetSysctl = func(name, value string) error {
		ctx, cancel := context.WithTimeout(context.Background(), slack)
		defer cancel()
		return s.n.Env.once(ctx, st, nil, "sysctl", "-name", name, "-value", value)
	}
	return st
}

// once runs a command of the agent in a station and decodes its report into v,
// unless that is nil.
func (e *Env) once(ctx context.Context, st Station, v any, args ...string) error {
	p, err := e.agent(ctx, st, args...)
	if err != nil {
		return err
	}
	defer p.end()
	if v == nil {
		return p.wait()
	}
	return p.report(v)
}
