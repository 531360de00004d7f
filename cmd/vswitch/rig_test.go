package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
	"vswitch/internal/testnet"
)

// built is the real program, built once, where every user can run it. TestMain
// removes it.
var built = sync.OnceValues(func() (path string, err error) {
	if scratch, err = os.MkdirTemp("/tmp", "vswitch-e2e-"); err != nil {
		return "", err
	}
	path = filepath.Join(scratch, "vswitch")
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, buildArgs...), ".")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, errors.Join(os.Chmod(scratch, 0o755), os.Chmod(path, 0o755))
})

// buildArgs and buildEnv are for a program built in another way; see race_test.go.
var buildArgs, buildEnv []string

// scratch is the folder of built; empty as long as nothing was.
var scratch string

// play is a machine and a user on it.
type play struct {
	uid int
	// node is the mode of /dev/net/tun; 0: there is none.
	node uint32
	// shut puts the user into a user namespace that may have none below it.
	shut bool
	// shell is run instead of the program, which it finds as $1, with args behind.
	shell string
}

var (
	asRoot = play{node: 0o600}
	asUser = play{uid: testnet.UID, node: 0o666}
)

// running is a started program. What it wrote may be read after done.
type running struct {
	cmd      *exec.Cmd
	out, err bytes.Buffer
	done     chan struct{}
	failed   error // other than its exit code

	mark string // in the environment of all that it starts
	tmp  string // its folder for temporary files
	base map[string]bool
}

// start starts the program.
func (p play) start(t *testing.T, args ...string) *running {
	t.Helper()
	testnet.NeedRoot(t)
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "go", "ping", "iperf3", "setpriv")
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{done: make(chan struct{}), base: links(t), tmp: userDir(t)}
	r.mark = "E2E_MARK=" + filepath.Base(r.tmp)
	r.cmd = p.command(path, args)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = r.tmp, &r.out, &r.err
	r.cmd.Env = append(os.Environ(), r.mark, "TMPDIR="+r.tmp, "HOME=/nonexistent", "NO_COLOR=1")
	r.cmd.Env = append(r.cmd.Env, buildEnv...)
	started := make(chan error, 1)
	go func() {
		defer close(r.done)
		r.failed = testnet.WithNode(p.node, func() error {
			err := r.cmd.Start()
			started <- err
			if err != nil {
				return nil
			}
			if err = r.cmd.Wait(); exited(err) {
				return nil
			}
			return err
		})
		started <- r.failed
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill(); <-r.done })
	return r
}

func exited(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}

// command becomes the user by setpriv: in a user namespace that the machine's
// root has made and in which more users exist.
func (p play) command(path string, args []string) *exec.Cmd {
	line := append([]string{path}, args...)
	if p.shell != "" {
		line = append([]string{"sh", "-c", p.shell, "sh"}, line...)
	}
	if p.uid != 0 {
		id := fmt.Sprint(p.uid)
		line = append([]string{"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"}, line...)
	}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.shut {
		all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1 << 16}}
		attr.Cloneflags, attr.UidMappings, attr.GidMappings = syscall.CLONE_NEWUSER, all, all
		attr.GidMappingsEnableSetgroups = true
		line = append([]string{"sh", "-c", `echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"`, "sh"}, line...)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.SysProcAttr = attr
	return cmd
}

// userDir makes an empty folder that any user may write to.
func userDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "vswitch-e2e-tmp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wait waits for the end and returns the exit code; -1 after a signal.
func (r *running) wait(t *testing.T) int {
	t.Helper()
	<-r.done
	if r.failed != nil {
		t.Fatal(r.failed)
	}
	return r.cmd.ProcessState.ExitCode()
}

// run runs the program to its end, checks the exit code and that nothing is left,
// and returns what it wrote.
func (p play) run(t *testing.T, want api.Exit, args ...string) (out, errOut string) {
	t.Helper()
	r := p.start(t, args...)
	if code := r.wait(t); code != int(want) {
		t.Fatalf("vswitch %q: exit code %d, want %d\n%s%s", args, code, want, &r.out, &r.err)
	}
	r.nothingLeft(t)
	return r.out.String(), r.err.String()
}

// nothingLeft looks for processes, temporary files and devices.
func (r *running) nothingLeft(t *testing.T) {
	t.Helper()
	if pids := r.processes(); len(pids) != 0 {
		t.Errorf("left: processes %v", pids)
	}
	files, err := os.ReadDir(r.tmp)
	if err != nil || len(files) != 0 {
		t.Errorf("left: files %v, %v", files, err)
	}
	for l := range links(t) {
		if !r.base[l] {
			t.Errorf("left: network device %s", l)
		}
	}
}

// processes returns those that carry the mark. One that has ended and was not
// waited for has no environment any more.
func (r *running) processes() (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		b, _ := os.ReadFile(f) // the process may have ended
		if bytes.Contains(b, []byte(r.mark+"\x00")) {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}

// containers waits until programs run in n network namespaces that are not the
// machine's, and returns a function that says whether all of those have ended.
func (r *running) containers(t *testing.T, n int) (ended func() bool) {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*netnsx.NS{}
	ok := testnet.Eventually(func() bool {
		for _, pid := range r.processes() {
			path := "/proc/" + pid + "/ns/net"
			name, err := os.Readlink(path)
			if err != nil || name == own || found[name] != nil {
				continue
			}
			if ns, err := netnsx.Open(path); err == nil && ns.ID().String() == name {
				found[name] = ns
			}
		}
		return len(found) >= n
	})
	var watches []func() bool
	for _, ns := range found {
		watches = append(watches, testnet.Watch(t, ns))
		ns.Close()
	}
	if !ok {
		r.cmd.Process.Kill()
		<-r.done
		t.Fatalf("programs in %d containers, want %d\n%s%s", len(found), n, &r.out, &r.err)
	}
	return func() bool {
		for _, w := range watches {
			if !w() {
				return false
			}
		}
		return true
	}
}

// links returns the machine's own network devices.
func links(t *testing.T) map[string]bool {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, l := range all {
		names[l.Name] = true
	}
	return names
}

// inProcess runs the program's own main part in this process.
func inProcess(args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}
