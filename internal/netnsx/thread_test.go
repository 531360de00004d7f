package netnsx

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOnThreadOutcomes(t *testing.T) {
	sentinel := errors.New("sentinel")
	if err := OnThread(func() error { return sentinel }); err != sentinel {
		t.Errorf("error came back as %v", err)
	}
	if err := OnThread(func() error { return nil }); err != nil {
		t.Errorf("success came back as %v", err)
	}
	err := OnThread(func() error { panic("boom") })
	p, ok := errors.AsType[*PanicError](err)
	if !ok || p.Value != "boom" || !strings.Contains(err.Error(), "TestOnThreadOutcomes") {
		t.Errorf("panic came back as %v", err)
	}
	if err := OnThread(func() error { runtime.Goexit(); return nil }); !errors.Is(err, errGoexit) {
		t.Errorf("Goexit came back as %v", err)
	}
}

// The main thread speaks for the process in /proc/self, and Go cannot end it.
func TestOnThreadIsNeverTheMainThread(t *testing.T) {
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 20 {
				if err := OnThread(func() error {
					if unix.Gettid() == unix.Getpid() {
						return errors.New("on the main thread")
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestThreadsDoNotAccumulate(t *testing.T) {
	n := newNS(t)
	do := func(times int) {
		for range times {
			if err := n.Do(func() error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	do(10)
	before := count(t, "task")
	do(500)
	// The runtime may have started a few threads for itself.
	if !settle(func() bool { return count(t, "task") <= before+8 }) {
		t.Errorf("%d threads before 500 calls, %d after", before, count(t, "task"))
	}
}
