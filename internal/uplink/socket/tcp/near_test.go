package tcp

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// A destination that answered at once is near for a while; the host's loopback always is.
func TestNear(t *testing.T) {
	c := near{paces: true}
	a, lo := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("127.0.0.1")
	if c.has(a, 5) || !c.has(lo, 5) {
		t.Error("before anything was learned")
	}
	c.learn(a, 5)
	c.learn(lo, 5)
	if !c.has(a, 5+nearFor-1) || c.has(a, 5+nearFor) || len(c.until) != 1 {
		t.Errorf("learned %v", c.until)
	}
	for i := range 3 * maxNear {
		c.learn(netip.MustParseAddr(fmt.Sprintf("10.%d.%d.1", i/256, i%256)), 6)
	}
	if len(c.until) > maxNear {
		t.Errorf("%d destinations are remembered", len(c.until))
	}
	c = near{}
	if c.learn(a, 5); c.has(a, 6) {
		t.Error("learned although nothing paces")
	}
}

// A socket that is not to pace has reno before it is connected.
func TestUnpaced(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	unpaced(fd)
	if name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); err != nil || name != "reno" {
		t.Errorf("%q, %v", name, err)
	}
}
