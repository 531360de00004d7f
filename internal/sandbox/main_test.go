package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// helperEnv names the part that a copy of this test program plays for a test.
const helperEnv = "VSWITCH_SANDBOX_HELPER"

// noNamespaces is why the tests that need namespaces cannot run.
var noNamespaces error

// TestMain starts the program again in a user namespace when an ordinary user runs
// it: all tests are the same for both.
func TestMain(m *testing.M) {
	if NeedsUserNS() && os.Getenv(helperEnv) == "" {
		code, err := Reexec(Rerun{})
		if err == nil {
			os.Exit(code)
		}
		noNamespaces = err
	}
	goleak.VerifyTestMain(m)
}

// unusedUID is a user that has no rights, no name and nothing to lose.
const unusedUID = 54321

// TestEverythingWithoutRoot runs the whole suite again as an ordinary user, who
// comes in by way of Reexec.
func TestEverythingWithoutRoot(t *testing.T) {
	if os.Getenv("VSWITCH_SANDBOX_AGAIN") != "" || os.Getenv(helperEnv) != "" {
		return // this is the second run
	}
	if os.Getuid() != 0 || NeedsUserNS() {
		t.Skip("NEEDS-ROOT: only root can become an ordinary user; the other tests run as one already")
	}
	cmd := exec.Command(copyOfTest(t), "-test.v", "-test.count=1")
	cmd.Dir = filepath.Dir(cmd.Path)
	cmd.Env = append(os.Environ(), "VSWITCH_SANDBOX_AGAIN=1", "HOME=/nonexistent", "TMPDIR="+cmd.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unusedUID, Gid: unusedUID}}
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("--- SKIP")) || !bytes.Contains(out, []byte("--- PASS: TestPrograms")) {
		t.Errorf("as user %d: %v\n%s", unusedUID, err, out)
	}
}

// copyOfTest copies this program to where every user may run it.
func copyOfTest(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "vswitch-sandbox-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chown(dir, unusedUID, unusedUID))
	must(t, os.Chmod(dir, 0o755))
	program, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	path := filepath.Join(dir, "sandbox.test")
	must(t, os.WriteFile(path, program, 0o755))
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// needNamespaces skips a test on a machine that does not allow them.
func needNamespaces(t testing.TB) {
	t.Helper()
	if noNamespaces != nil {
		t.Skip("NEEDS-ROOT: no namespaces here:", noNamespaces)
	}
}

// box makes a sandbox that is closed with the test.
func box(t testing.TB, name string) *Sandbox {
	t.Helper()
	needNamespaces(t)
	s, err := Create(Config{Name: name})
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// output runs a program to its end and returns what it wrote.
func output(t testing.TB, s *Sandbox, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	p, err := s.Command(t.Context(), Cmd{Args: args, Stdout: &out, Stderr: &errs})
	must(t, err)
	if code, err := p.Wait(); code != 0 || err != nil {
		t.Fatalf("%q: exit code %d, %v\n%s", args, code, err, errs.String())
	}
	return out.String()
}

// inside reads a file as a program in the sandbox would.
func inside(t testing.TB, s *Sandbox, path string) string {
	t.Helper()
	var b []byte
	must(t, s.Do(func() (err error) {
		b, err = os.ReadFile(path)
		return err
	}))
	return string(b)
}

// settle waits until ok holds, for what the kernel or the runtime does by itself
// a moment later. The bound is for a test that fails.
func settle(ok func() bool) bool {
	for range 2_000_000 {
		if ok() {
			return true
		}
		runtime.Gosched()
	}
	return ok()
}

// watched ties a device to the sandbox's network namespace, and returns a function
// that says whether that namespace is still there.
func watched(t *testing.T, s *netnsx.NS) func() bool {
	t.Helper()
	outside, err := netnsx.New()
	must(t, err)
	t.Cleanup(func() { outside.Close() })
	must(t, netnsx.MakeVeth(netnsx.End{NS: outside, Name: "watch"}, netnsx.End{NS: s, Name: "tie"}, 0))
	h, err := outside.Netlink()
	must(t, err)
	t.Cleanup(h.Close)
	return func() bool {
		_, err := h.Link("watch")
		return err == nil
	}
}

// state counts what must not be left behind.
func state(t testing.TB) string {
	t.Helper()
	info, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return fmt.Sprintf("%d mounts, %d descriptors, children %q", bytes.Count(info, []byte("\n")), len(fds), children(t))
}

func children(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	must(t, err)
	for _, f := range tasks {
		b, _ := os.ReadFile(f) // the thread may have ended
		all.Write(b)
	}
	return all.String()
}

// ended waits for the end of a process that need not be a child.
func ended(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20_000)
		if err != unix.EINTR {
			return n > 0
		}
	}
}
