package portfwd

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"vswitch/internal/sandbox"
)

// roleEnv names the part that a copy of this test program plays for a test.
const roleEnv = "VSWITCH_PORTFWD_ROLE"

// TestMain starts the program again in a user namespace when an ordinary user runs
// it, for the tests that need a namespace.
func TestMain(m *testing.M) {
	if sandbox.NeedsUserNS() && os.Getenv(roleEnv) == "" {
		if code, err := sandbox.Reexec(sandbox.Rerun{}); err == nil {
			os.Exit(code)
		}
	}
	goleak.VerifyTestMain(m)
}

// role reports whether this process plays that part.
func role(name string) bool { return os.Getenv(roleEnv) == name }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addr(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

// spec reads one Spec.
func spec(t testing.TB, s string) Spec {
	t.Helper()
	all, err := ParseSpec(s)
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %v, %v", s, all, err)
	}
	return all[0]
}

// both is a container with an address of each family.
var both = Target{V4: addr("10.1.0.2"), V6: addr("fd00::2")}

// fakeHost makes descriptors that are no sockets, and refuses what the test says.
type fakeHost struct {
	mu     sync.Mutex
	refuse map[string]error // by "tcp 0.0.0.0:80"
	opened []string
}

func (h *fakeHost) open(proto string, host netip.AddrPort, _ bool) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := fmt.Sprintf("%s %v", proto, host)
	h.opened = append(h.opened, name)
	if err := h.refuse[name]; err != nil {
		return -1, &BindError{Proto: proto, Host: host, Err: bindCause(err)}
	}
	return unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

func (h *fakeHost) allocator(d Dynamic, v6 bool) *Allocator {
	return NewAllocator(AllocatorConfig{
		Open: h.open, Dynamic: func() Dynamic { return d }, IPv6: func() bool { return v6 },
	})
}

// small is a dynamic range of five ports.
var small = Dynamic{Range: Range{First: 40000, Last: 40004}}

// fakeCarrier notes what it is given.
type fakeCarrier struct {
	mu   sync.Mutex
	open map[*Binding]bool
	deny map[string]bool // by Binding.String
	said []string
}

var errDenied = errors.New("the carrier does not want it")

func newCarrier() *fakeCarrier { return &fakeCarrier{open: map[*Binding]bool{}} }

func (c *fakeCarrier) Open(b *Binding) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deny[b.String()] {
		return errDenied
	}
	c.open[b] = true
	c.said = append(c.said, "open "+b.String())
	return nil
}

func (c *fakeCarrier) Close(b *Binding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open[b] {
		panic("closed what was not open: " + b.String())
	}
	delete(c.open, b)
	c.said = append(c.said, "close "+b.String())
}

// hosts lists where bindings listen.
func hosts(bs []*Binding) (out []string) {
	for _, b := range bs {
		out = append(out, b.Host.String())
	}
	return out
}

// closed closes all bindings, which must succeed.
func closed(t testing.TB, bs []*Binding) {
	t.Helper()
	for _, b := range bs {
		must(t, b.Close())
	}
}

// descriptors counts what is open in this process, the runtime's poller included,
// which it opens with the first pipe.
func descriptors(t testing.TB) int {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	must(t, errors.Join(r.Close(), w.Close()))
	e, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(e)
}
