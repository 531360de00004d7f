package tap

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds how long a test waits for what must come.
const patience = 30 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(until) {
			t.Fatalf("never came: %s", what)
		}
	}
}

// newNS makes a namespace in which TAPs can be opened; it ends with the test.
func newNS(t testing.TB) *netnsx.NS {
	t.Helper()
	ns, err := netnsx.New()
	if errors.Is(err, fs.ErrPermission) {
		t.Skip("NEEDS-ROOT: cannot make a network namespace:", err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, ns.Close()) })
	fd, err := openNode()
	if err != nil {
		t.Skip("NEEDS-TUN: cannot open a TAP device:", err)
	}
	unix.Close(fd)
	return ns
}

// open opens a device that is closed with the test.
func open(t testing.TB, cfg Config) *Device {
	t.Helper()
	d, err := Open(cfg)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func handle(t testing.TB, ns *netnsx.NS) *netnsx.Handle {
	t.Helper()
	h, err := ns.Netlink()
	must(t, err)
	t.Cleanup(h.Close)
	return h
}

// descriptors counts the process's open ones.
func descriptors(t testing.TB) int {
	t.Helper()
	e, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(e)
}

// noDescriptorLeft runs fn and checks that it left none.
func noDescriptorLeft(t *testing.T, fn func()) {
	t.Helper()
	fn() // once, for what the runtime opens for itself
	before := descriptors(t)
	fn()
	eventually(t, "as few descriptors as before", func() bool { return descriptors(t) <= before })
}

// collector reads a device batch by batch, as the engine does.
type collector struct {
	t      testing.TB
	d      *Device
	slab   *frame.Slab
	batch  *frame.Batch
	ledger frame.Ledger
}

func collect(t testing.TB, d *Device) *collector {
	t.Helper()
	slab, err := frame.NewSlab(8)
	must(t, err)
	t.Cleanup(func() { slab.Close() })
	return &collector{t: t, d: d, slab: slab, batch: frame.NewBatch(slab)}
}

// until reads until a frame is one that want is about.
func (c *collector) until(what string, want func(f *frame.Frame) bool) {
	c.t.Helper()
	eventually(c.t, what, func() bool {
		_, err := c.d.Read(c.batch, &c.ledger)
		must(c.t, err)
		live := c.batch.Live()
		for i := range live {
			if live[i].Parse() == frame.Accepted && want(&live[i]) {
				return true
			}
		}
		return false
	})
}

var (
	ourMAC  = frame.MAC(0x0242c0a80002)
	peerMAC = frame.MAC(0x0242c0a80003)
	ours    = netip.MustParsePrefix("192.168.0.2/24")
	peers   = netip.MustParseAddr("192.168.0.3")
)
