package netnsx

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newNS makes a namespace that ends with the test.
func newNS(t testing.TB) *NS {
	t.Helper()
	n, err := New()
	if errors.Is(err, unix.EPERM) {
		t.Skip("NEEDS-ROOT: cannot make a network namespace:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// handle opens a handle that is closed with the test.
func handle(t testing.TB, n *NS) *Handle {
	t.Helper()
	h, err := n.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// count counts the entries of a directory below /proc/self.
func count(t testing.TB, dir string) int {
	t.Helper()
	e, err := os.ReadDir("/proc/self/" + dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(e)
}

// settle waits until ok holds: threads and descriptors that a finished function
// leaves go a moment after it.
func settle(ok func() bool) bool {
	for range 200_000 {
		if ok() {
			return true
		}
		runtime.Gosched()
	}
	return ok()
}

// must returns a check for errors of set-up calls.
func must(t testing.TB) func(error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}
