package portfwd

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
	"vswitch/internal/testnet"
)

// rig is a container, reached by one published port in splice mode.
type rig struct {
	ns      *netnsx.NS
	splicer *Splicer
	table   *Table
	at      netip.AddrPort // where on the host port 80 is published
}

// inside are the container's addresses.
var inside = Target{V4: addr("10.1.0.2"), V6: addr("fd00::2")}

// newRig makes a namespace with addresses and publishes its port 80. At the end of the test
// nothing may be left.
func newRig(t testing.TB, cfg SpliceConfig) *rig {
	t.Helper()
	testnet.NoLeaks(t)
	r := &rig{splicer: NewSplicer(cfg)}
	ns, err := netnsx.New()
	if errors.Is(err, unix.EPERM) {
		t.Skip("NEEDS-ROOT: cannot make a network namespace:", err)
	}
	must(t, err)
	r.ns = ns
	t.Cleanup(func() { must(t, ns.Close()) })
	h, err := ns.Netlink()
	must(t, err)
	defer h.Close()
	must(t, h.AddAddr("lo", netip.PrefixFrom(inside.V4, 32)))
	must(t, h.AddAddr("lo", netip.PrefixFrom(inside.V6, 128), netnsx.NoDAD))
	r.awaitRoutes(t)
	r.table = NewTable(NewAllocator(AllocatorConfig{}), discard{}, r.splicer)
	t.Cleanup(r.splicer.Stop)
	r.publish(t)
	t.Cleanup(func() { must(t, r.table.UnpublishAll("box")) })
	return r
}

// awaitRoutes waits until the container's addresses are reached: the kernel makes the
// route to a new IPv6 address a moment after it.
func (r *rig) awaitRoutes(t testing.TB) {
	t.Helper()
	for _, a := range []netip.Addr{inside.V4, inside.V6} {
		if !testnet.Eventually(func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := r.dial(ctx, "tcp", netip.AddrPortFrom(a, 1))
			return errors.Is(err, syscall.ECONNREFUSED)
		}) {
			t.Fatalf("%v is not reached", a)
		}
	}
}

func (r *rig) publish(t testing.TB) {
	t.Helper()
	s := Spec{Proto: TCP, HostIP: addr("127.0.0.1"), HostPort: r.at.Port(), HostPortEnd: r.at.Port(), Port: 80}
	pubs, err := r.table.Publish("box", []Spec{s}, Options{Target: inside, Splice: true, Dial: r.dial})
	must(t, err)
	r.at = pubs[0].Bindings[0].Host
}

// dial connects on a thread inside the namespace.
func (r *rig) dial(ctx context.Context, network string, a netip.AddrPort) (c *net.TCPConn, err error) {
	err = r.ns.Do(func() (err error) {
		c, err = DialHere(ctx, network, a)
		return err
	})
	return c, err
}

// listen listens in the namespace until the end of the test.
func (r *rig) listen(t testing.TB, at string) *net.TCPListener {
	t.Helper()
	var l *net.TCPListener
	must(t, r.ns.Do(func() error {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		x, err := lc.Listen(t.Context(), "tcp", at)
		if err == nil {
			l = x.(*net.TCPListener)
		}
		return err
	}))
	t.Cleanup(func() { l.Close() })
	return l
}

// pair connects a client and returns both ends.
func (r *rig) pair(t testing.TB, l *net.TCPListener) (client, server *net.TCPConn) {
	t.Helper()
	client = r.client(t)
	must(t, l.SetDeadline(time.Now().Add(testnet.Patience)))
	server, err := l.AcceptTCP()
	must(t, err)
	patient(t, server)
	return client, server
}

func (r *rig) client(t testing.TB) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(r.at))
	must(t, err)
	patient(t, c)
	return c
}

// exchange sends four bytes from a to b.
func exchange(t testing.TB, a, b *net.TCPConn) {
	t.Helper()
	_, err := a.Write([]byte("ping"))
	must(t, err)
	_, err = io.ReadFull(b, make([]byte, 4))
	must(t, err)
}

// patient bounds how long a connection may wait, and closes it with the test.
func patient(t testing.TB, c *net.TCPConn) {
	t.Helper()
	must(t, c.SetDeadline(time.Now().Add(testnet.Patience)))
	t.Cleanup(func() { c.Close() })
}

// wantReset waits for a connection to end by a reset.
func wantReset(t testing.TB, who string, c *net.TCPConn) {
	t.Helper()
	var err error
	for err == nil {
		_, err = c.Read(make([]byte, 1<<16))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: %v, not a reset", who, err)
	}
}

// wantNoEntry connects a client that must be reset, which may be so early that
// connecting fails.
func (r *rig) wantNoEntry(t testing.TB) {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(r.at))
	if err == nil {
		patient(t, c)
		wantReset(t, "the client", c)
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

// settled waits until the splicer carries n connections.
func (r *rig) settled(t testing.TB, n int) {
	t.Helper()
	if !testnet.Eventually(func() bool { return r.splicer.Counts().Open == n }) {
		t.Errorf("%d connections are open, want %d", r.splicer.Counts().Open, n)
	}
}

// echo sends everything back until the listener is closed.
func echo(l *net.TCPListener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer c.Close()
			buf := make([]byte, 32<<10)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				if _, err := c.Write(buf[:n]); err != nil {
					return
				}
			}
		})
	}
}
