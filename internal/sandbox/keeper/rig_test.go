package keeper

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/sandbox"
	"vswitch/internal/testnet"
)

// rig is a keeper for a test, in a directory of its own.
type rig struct {
	t    testing.TB
	dirs Dirs
}

// newRig prepares a keeper that is not started yet, and kills what the test has
// not ended.
func newRig(t testing.TB) *rig {
	t.Helper()
	needNamespaces(t)
	dir, err := os.MkdirTemp("", "keeper-")
	must(t, err)
	before := children(t)
	r := &rig{t: t, dirs: Dirs{Runtime: dir, State: filepath.Join(dir, "state"), Socket: filepath.Join(dir, socketName)}}
	t.Cleanup(func() {
		for _, pid := range children(t) {
			if !slices.Contains(before, pid) {
				_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
			}
		}
		eventually(t, "all children have ended", func() bool { return len(children(t)) <= len(before) })
		if t.Failed() {
			b, _ := os.ReadFile(r.dirs.Log())
			t.Logf("log:\n%s", b)
		}
		must(t, os.RemoveAll(dir))
	})
	return r
}

// started is a rig whose switch process is ready.
func started(t testing.TB) *rig {
	t.Helper()
	r := newRig(t)
	must(t, r.launch())
	return r
}

func (r *rig) config() LaunchConfig {
	return LaunchConfig{
		Dirs: r.dirs, Args: []string{"keeper.test", "keeper", r.dirs.Runtime},
		Env: append(os.Environ(), partEnv+"=1"),
	}
}

func (r *rig) launch(sockets ...*os.File) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), testnet.Patience)
	defer cancel()
	c := r.config()
	c.Sockets = sockets
	return Launch(ctx, c)
}

// mode has the next switch process do something else than its work.
func (r *rig) mode(m string) {
	r.t.Helper()
	must(r.t, os.WriteFile(filepath.Join(r.dirs.Runtime, "mode"), []byte(m), 0o600))
}

// try calls the switch process.
func (r *rig) try(method string, in, out any) error {
	c, err := dial(r.dirs.Socket)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Call("Fake."+method, in, out)
}

func (r *rig) call(method string, in, out any) {
	r.t.Helper()
	if err := r.try(method, in, out); err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
}

func (r *rig) about() (a About) {
	r.t.Helper()
	r.call("About", None{}, &a)
	return a
}

func (r *rig) make(name string) {
	r.t.Helper()
	r.call("Make", sandbox.Config{Name: name}, &None{})
}

// run starts a shell's script whose output goes to the file named like the run.
func (r *rig) run(id, container, script string) (pid int) {
	r.t.Helper()
	r.call("Run", Job{RunSpec{ID: id, Container: container, Args: []string{"sh", "-c", script}}, r.out(id)}, &pid)
	return pid
}

func (r *rig) out(id string) string { return filepath.Join(r.dirs.Runtime, "out-"+id) }

// said returns what a run has written.
func (r *rig) said(id string) string {
	b, _ := os.ReadFile(r.out(id)) // nothing yet
	return string(b)
}

func (r *rig) await(id, text string) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%s says %q", id, text), func() bool { return strings.Contains(r.said(id), text) })
}

func (r *rig) wait(id string) (code int) {
	r.t.Helper()
	r.call("Wait", id, &code)
	return code
}

func (r *rig) runs() (all []RunState) {
	r.t.Helper()
	r.call("Runs", None{}, &all)
	return all
}

// killSwitch kills the switch process and waits until another serves.
func (r *rig) killSwitch() {
	r.t.Helper()
	before := r.about()
	p := watch(r.t, before.PID)
	p.kill(r.t)
	eventually(r.t, "the switch process is killed", p.ended)
	if after := r.about(); after.PID == before.PID || after.Keeper != before.Keeper || after.Restarts != before.Restarts+1 {
		r.t.Fatalf("before %+v, after %+v", before, after)
	}
}

// end ends the keeper in order, and die the switch process at once. The answer may
// not get out any more.
func (r *rig) end() { _ = r.try("End", None{}, &None{}) }
func (r *rig) die() { _ = r.try("Die", None{}, &None{}) }

// files are the names in the runtime directory.
func (r *rig) files() (names []string) {
	r.t.Helper()
	all, err := os.ReadDir(r.dirs.Runtime)
	must(r.t, err)
	for _, f := range all {
		names = append(names, f.Name())
	}
	return names
}
