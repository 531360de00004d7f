package testnet

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"vswitch/internal/netnsx"
)

// Snapshot is what this process holds at one moment.
type Snapshot struct {
	held       map[string]bool // descriptors, children, devices, threads elsewhere
	goroutines goleak.Option
}

// Take looks at what this process holds.
func Take(t testing.TB) *Snapshot {
	t.Helper()
	prime(t)
	return &Snapshot{held: held(t), goroutines: goleak.IgnoreCurrent()}
}

// prime has the runtime open what it opens once: its poller.
func prime(t testing.TB) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
}

// Left returns a line for each thing that is held now and was not held when s was
// taken. What goes by itself a moment later, such as a thread, has its time.
func (s *Snapshot) Left(t testing.TB) []string {
	t.Helper()
	var left []string
	Eventually(func() bool {
		left = s.now(t)
		return len(left) == 0
	})
	return left
}

// now is Left without patience.
func (s *Snapshot) now(t testing.TB) []string {
	t.Helper()
	left := slices.Sorted(maps.Keys(minus(held(t), s.held)))
	if err := goleak.Find(s.goroutines); err != nil {
		left = append(left, err.Error())
	}
	return left
}

// NoLeaks fails the test if at its end, after all clean-up registered later,
// something is left. Tests that run beside it in this process must not use it.
func NoLeaks(t testing.TB) {
	t.Helper()
	s := Take(t)
	t.Cleanup(func() {
		for _, l := range s.Left(t) {
			t.Errorf("left behind: %s", l)
		}
	})
}

func minus(a, b map[string]bool) map[string]bool {
	out := map[string]bool{}
	for k := range a {
		if !b[k] {
			out[k] = true
		}
	}
	return out
}

// held lists what this process holds, but for goroutines.
func held(t testing.TB) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, list := range []func() ([]string, error){descriptors, children, strayThreads, devices} {
		lines, err := list()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			out[l] = true
		}
	}
	return out
}

func descriptors() (out []string, err error) {
	entries, err := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		// The descriptor of the listing itself is closed by now.
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			out = append(out, fmt.Sprintf("descriptor %s: %s", e.Name(), target))
		}
	}
	return out, err
}

func children() (out []string, err error) {
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	for _, f := range tasks {
		b, _ := os.ReadFile(f) // the thread may have ended
		for _, pid := range strings.Fields(string(b)) {
			name, _ := os.ReadFile("/proc/" + pid + "/comm")
			out = append(out, fmt.Sprintf("child process %s: %s", pid, strings.TrimSpace(string(name))))
		}
	}
	return out, err
}

// strayThreads lists the threads that are in another network namespace.
func strayThreads() (out []string, err error) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	for _, f := range tasks {
		if ns, err := os.Readlink(f); err == nil && ns != own {
			out = append(out, fmt.Sprintf("thread %s in %s", f, ns))
		}
	}
	return out, err
}

// devices lists the network devices of the machine, as ip link does.
func devices() (out []string, err error) {
	links, err := net.Interfaces()
	for _, l := range links {
		out = append(out, fmt.Sprintf("network device %s", l.Name))
	}
	return out, err
}

// Watch ties a device to a namespace and returns a function that says whether the
// namespace has ended: the kernel deletes the device with it.
func Watch(t testing.TB, ns *netnsx.NS) (ended func() bool) {
	t.Helper()
	outside, err := netnsx.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outside.Close() })
	if err := netnsx.MakeVeth(netnsx.End{NS: outside, Name: "watch"}, netnsx.End{NS: ns, Name: "tie"}, 0); err != nil {
		t.Fatal(err)
	}
	h, err := outside.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return func() bool {
		_, err := h.Link("watch")
		return err != nil
	}
}
