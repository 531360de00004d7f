package keeper

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/sandbox"
	"vswitch/internal/testnet"
)

// partEnv is set for copies of this test program that play a part for a test,
// which their first argument names.
const partEnv = "VSWITCH_KEEPER_PART"

// againEnv is set for the run of all tests as an ordinary user.
const againEnv = "VSWITCH_KEEPER_AGAIN"

func TestMain(m *testing.M) {
	if os.Getenv(partEnv) == "" {
		os.Exit(m.Run())
	}
	d := Dirs{Runtime: os.Args[2], State: filepath.Join(os.Args[2], "state"), Socket: filepath.Join(os.Args[2], socketName)}
	switch os.Args[1] {
	case "keeper":
		err := Main(context.Background(), Config{
			Dirs: d, Switch: []string{"keeper.test", "switch", os.Args[2]},
			Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		})
		exit(err)
	case "switch":
		exit(fakeSwitch(d))
	case "foreground":
		exit(Launch(context.Background(), LaunchConfig{
			Dirs: d, Args: []string{"keeper.test", "keeper", d.Runtime}, Foreground: true,
			Ready: func() { fmt.Println("ready") },
		}))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestEverythingWithoutRoot(t *testing.T) {
	if os.Getenv(againEnv) != "" {
		return // this is the second run
	}
	out, err := testnet.AsUser(t, []string{againEnv + "=1"}, "-test.v", "-test.count=1")
	if err != nil || strings.Contains(out, "--- SKIP") || !strings.Contains(out, "--- PASS: TestKillOfTheSwitch") {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needNamespaces(t testing.TB) {
	t.Helper()
	for _, c := range sandbox.Probe() {
		if c.Err != nil {
			t.Skipf("NEEDS-ROOT: no %s: %v", c.Name, c.Err)
		}
	}
}

// eventually fails the test unless ok comes to hold.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !testnet.Eventually(ok) {
		t.Fatalf("it did not come to pass: %s", what)
	}
}

// process watches a process that need not be a child.
type process struct{ fd int }

func watch(t testing.TB, pid int) process {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return process{fd}
}

func (p process) ended() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

func (p process) kill(t testing.TB) {
	t.Helper()
	must(t, unix.PidfdSendSignal(p.fd, syscall.SIGKILL, nil, 0))
}

// children returns the numbers of this process's children.
func children(t testing.TB) (pids []int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	must(t, err)
	for _, f := range tasks {
		b, _ := os.ReadFile(f) // the thread may have ended
		for _, word := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(word)
			must(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

// descriptors counts those of a process of this user.
func descriptors(t testing.TB, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	must(t, err)
	return len(all)
}
