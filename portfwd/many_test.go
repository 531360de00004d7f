package portfwd

import (
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// moreFiles raises the soft limit of descriptors to the hard one for a test.
func moreFiles(t testing.TB, need uint64) {
	t.Helper()
	var was unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	if was.Max < need {
		t.Skipf("NEEDS-FILES: a hard limit of %d descriptors; it is %d", need, was.Max)
	}
	more := was
	more.Cur = was.Max
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &more))
	t.Cleanup(func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &was)) })
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTenThousandPorts publishes ten thousand ports on real sockets: one descriptor
// each, and little memory.
func TestTenThousandPorts(t *testing.T) {
	const many, limit = 10_000, 1024
	moreFiles(t, many+1000)
	before, open, routines := heap(), descriptors(t), runtime.NumGoroutine()
	table := NewTable(NewAllocator(AllocatorConfig{}), discard{}, nil)
	want := slices.Repeat([]Spec{{Proto: TCP, HostIP: addr("127.0.0.1"), Port: 80}}, many)
	_, err := table.Publish("web", want, Options{Target: both})
	must(t, err)
	each := (heap() - before) / many
	t.Logf("%d bytes a port", each)
	if each > limit {
		t.Errorf("%d bytes a port, more than %d", each, limit)
	}
	if n := descriptors(t) - open; n != many {
		t.Errorf("%d descriptors for %d ports", n, many)
	}
	if n := runtime.NumGoroutine(); n != routines {
		t.Errorf("%d goroutines before, %d with ports", routines, n)
	}
	must(t, table.UnpublishAll("web"))
	if n := descriptors(t) - open; n != 0 {
		t.Errorf("%d descriptors are left", n)
	}
}

// discard is a carrier that keeps nothing.
type discard struct{}

func (discard) Open(*Binding) error { return nil }
func (discard) Close(*Binding)      {}
