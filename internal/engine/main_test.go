package engine

import (
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loops runs a test with each I/O loop.
func loops(t *testing.T, test func(t *testing.T, io string)) {
	for _, io := range []string{Epoll, Uring} {
		t.Run(io, func(t *testing.T) {
			needLoop(t, io)
			test(t, io)
		})
	}
}

func needLoop(t testing.TB, io string) {
	t.Helper()
	if io != Uring {
		return
	}
	if err := SelfTest(); err != nil {
		t.Skip("NEEDS-URING:", err)
	}
}

// patience bounds how long a test waits for what must come; it is no measure of
// how fast it comes.
const patience = 30 * time.Second

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(until) {
			t.Fatalf("never came: %s", what)
		}
	}
}

// must stops the test on an error of a set-up call.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entries counts the entries of a directory below /proc/self.
func entries(t testing.TB, dir string) int {
	t.Helper()
	e, err := os.ReadDir("/proc/self/" + dir)
	must(t, err)
	return len(e)
}

// nothingLeft returns a check that no descriptor, goroutine or thread was left by
// what ran since. The runtime keeps idle threads of its own: what must not happen
// is that they become more with every round.
func nothingLeft(t testing.TB) (check func(rounds int)) {
	fds, routines, threads := entries(t, "fd"), runtime.NumGoroutine(), entries(t, "task")
	return func(rounds int) {
		t.Helper()
		eventually(t, "as few goroutines as before", func() bool { return runtime.NumGoroutine() <= routines })
		eventually(t, "as few descriptors as before", func() bool { return entries(t, "fd") <= fds })
		eventually(t, "about as few threads as before", func() bool { return entries(t, "task") < threads+rounds })
	}
}
