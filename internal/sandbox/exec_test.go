package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExitCodes(t *testing.T) {
	s := box(t, "codes")
	for script, want := range map[string]int{
		"exit 0": 0, "exit 7": 7, "exit 255": 255,
		"kill -TERM $$": 128 + 15, "kill -KILL $$": 128 + 9,
	} {
		p, err := s.Command(t.Context(), Cmd{Args: []string{"sh", "-c", script}})
		must(t, err)
		if code, err := p.Wait(); code != want || err != nil {
			t.Errorf("%s: code %d, %v; want %d", script, code, err, want)
		}
		if code, _ := p.Wait(); code != want {
			t.Errorf("%s: second Wait says %d", script, code)
		}
		if err := p.Signal(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("signal after the end: %v", err)
		}
		p.Kill()
	}
}

func TestCannotStart(t *testing.T) {
	s := box(t, "starts")
	plain := filepath.Join(t.TempDir(), "plain")
	must(t, os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644))
	for name, c := range map[string]struct {
		cmd  Cmd
		want error
	}{
		"not found":          {Cmd{Args: []string{"no-such-program"}}, exec.ErrNotFound},
		"no such path":       {Cmd{Args: []string{"/no/such/program"}}, exec.ErrNotFound},
		"path through file":  {Cmd{Args: []string{"/etc/hosts/x"}}, exec.ErrNotFound},
		"not executable":     {Cmd{Args: []string{plain}}, fs.ErrPermission},
		"found, not allowed": {Cmd{Args: []string{"plain"}, Env: []string{"PATH=" + filepath.Dir(plain)}}, fs.ErrPermission},
		"directory":          {Cmd{Args: []string{"/etc"}}, fs.ErrPermission},
		"no directory":       {Cmd{Args: []string{"true"}, Dir: "/no/such/dir"}, fs.ErrNotExist},
		"relative PATH":      {Cmd{Args: []string{"true"}, Env: []string{"PATH=usr/bin:bin"}}, exec.ErrNotFound},
	} {
		if p, err := s.Command(t.Context(), c.cmd); !errors.Is(err, c.want) || p != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		} else if !strings.Contains(err.Error(), c.cmd.Args[0]) || !strings.Contains(err.Error(), "starts") {
			t.Errorf("%s: %q names neither program nor sandbox", name, err)
		}
	}
	if _, err := s.Command(t.Context(), Cmd{}); err == nil {
		t.Error("started nothing at all")
	}
}

func TestSurroundings(t *testing.T) {
	s := box(t, "surroundings")
	var out, errs bytes.Buffer
	p, err := s.Command(t.Context(), Cmd{
		Args:  []string{"sh", "-c", `read line; echo "$line $X $PWD"; echo oops >&2; ps -o sid=,pgid= -p $$`},
		Env:   []string{"X=y", "PATH=" + os.Getenv("PATH")},
		Dir:   "/usr",
		Stdin: strings.NewReader("hello\n"), Stdout: &out, Stderr: &errs,
	})
	must(t, err)
	code, err := p.Wait()
	group := fmt.Sprint(p.Pid())
	got := strings.Fields(out.String())
	if want := []string{"hello", "y", "/usr", group, group}; code != 0 || err != nil || !slices.Equal(got, want) {
		t.Errorf("code %d, %v, %q; want %q", code, err, got, want)
	}
	if errs.String() != "oops\n" {
		t.Errorf("standard error %q", errs.String())
	}
}

func TestLookPath(t *testing.T) {
	s := box(t, "look")
	got, err := s.LookPath("sh")
	if want, _ := exec.LookPath("sh"); got != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := s.LookPath("no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("missing program: %v", err)
	}
	for env, want := range map[string]string{"": defaultPath, "PATH=": defaultPath, "PATH=/a:/b": "/a:/b"} {
		if got := pathOf([]string{"PATHS=x", env}); got != want {
			t.Errorf("PATH of %q is %q", env, got)
		}
	}
}

// sleeper starts a shell that runs a program in the background, and returns the
// shell and the number of the other.
func sleeper(t *testing.T, ctx context.Context, s *Sandbox, script string) (*Process, int) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	p, err := s.Command(ctx, Cmd{Args: []string{"sh", "-c", script}, Stdout: w})
	must(t, err)
	must(t, w.Close())
	var pid int
	if _, err := fmt.Fscan(r, &pid); err != nil {
		t.Fatal(err)
	}
	return p, pid
}

const inBackground = "sleep 1000 >/dev/null & echo $!; wait"

func TestContextKillsTheGroup(t *testing.T) {
	s := box(t, "ctx")
	ctx, cancel := context.WithCancel(t.Context())
	p, child := sleeper(t, ctx, s, inBackground)
	cancel()
	if code, err := p.Wait(); code != 128+9 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	if !ended(child) {
		t.Error("the program's own program still runs")
	}
	if p, err := s.Command(ctx, Cmd{Args: []string{"sleep", "1000"}}); err == nil {
		if code, _ := p.Wait(); code != 128+9 {
			t.Errorf("started with a context that had ended: code %d", code)
		}
	}
}

func TestSignalReachesTheProgramOnly(t *testing.T) {
	s := box(t, "sig")
	p, child := sleeper(t, t.Context(), s, inBackground)
	must(t, p.Signal(unix.SIGTERM))
	if code, _ := p.Wait(); code != 128+15 {
		t.Errorf("code %d", code)
	}
	<-p.Done()
	if err := unix.Kill(child, 0); err != nil {
		t.Errorf("the program's own program: %v", err)
	}
}

// Close finds what nobody waits for any more, in whatever session, and what has
// made itself a network of its own.
func TestCloseEndsEverything(t *testing.T) {
	s := box(t, "closing")
	var pids []int
	for _, script := range []string{
		inBackground,
		"setsid sleep 1000 >/dev/null & echo $!",
		"setsid unshare -n sleep 1000 >/dev/null & echo $!",
		"(trap '' TERM HUP INT; sleep 1000 >/dev/null & echo $!) &",
	} {
		_, pid := sleeper(t, t.Context(), s, script)
		pids = append(pids, pid)
	}
	must(t, s.Close())
	for i, pid := range pids {
		if err := unix.Kill(pid, 0); err == nil && !ended(pid) {
			t.Errorf("process %d of script %d still runs", pid, i)
		}
	}
	must(t, s.Close())
	if _, err := s.Command(t.Context(), Cmd{Args: []string{"true"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("Command after Close: %v", err)
	}
	if err := s.SetHosts(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("SetHosts after Close: %v", err)
	}
	if err := s.Do(func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Do after Close: %v", err)
	}
}

func TestCloseLeavesOthersAlone(t *testing.T) {
	s, other := box(t, "one"), box(t, "two")
	host := exec.CommandContext(t.Context(), "sleep", "1000")
	must(t, host.Start())
	p, err := other.Command(t.Context(), Cmd{Args: []string{"sleep", "1000"}})
	must(t, err)
	must(t, s.Close())
	for what, pid := range map[string]int{"the host's": host.Process.Pid, "the other's": p.Pid()} {
		if err := unix.Kill(pid, 0); err != nil {
			t.Errorf("%s process: %v", what, err)
		}
	}
	must(t, host.Process.Kill())
	host.Wait()
}

// Starting and closing race: what was started is ended, the rest is refused.
func TestCloseWhileStarting(t *testing.T) {
	for range 20 {
		s := box(t, "race")
		results := make(chan *Process, 4)
		for range cap(results) {
			go func() {
				p, err := s.Command(context.Background(), Cmd{Args: []string{"sleep", "1000"}})
				if err != nil && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
				results <- p
			}()
		}
		must(t, s.Close())
		for range cap(results) {
			if p := <-results; p != nil {
				if code, _ := p.Wait(); code != 128+9 {
					t.Errorf("code %d", code)
				}
			}
		}
	}
}

// Each running program has a thread, and gives it back.
func TestThreadsAreGivenBack(t *testing.T) {
	s := box(t, "threads")
	threads := func() int {
		all, err := os.ReadDir("/proc/self/task")
		must(t, err)
		return len(all)
	}
	output(t, s, "true")
	before := threads()
	for range 60 {
		output(t, s, "true")
	}
	if !settle(func() bool { return threads() <= before+8 }) {
		t.Errorf("%d threads before 60 programs, %d after", before, threads())
	}
}
