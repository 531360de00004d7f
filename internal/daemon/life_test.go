package daemon

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"vswitch/internal/testnet"
	vswitch "vswitch/switch"
)

// A container that joins, sends and leaves again and again costs the connection
// between two others nothing, and leaves nothing.
func TestLeaveUnderLoad(t *testing.T) {
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b := r.join("a", 1), r.join("b", 2)
		load := testnet.StartIperf(t, a.host(), b.host(), testnet.Load{Seconds: 2})
		rounds := 0
		for ended := false; !ended; rounds++ {
			c := r.join("c", 3)
			c.Start(t, "ping", "-n", "-q", "-f", b.V4.String())
			flood := b.Start(t, "ping", "-n", "-q", "-f", c.V4.String())
			c.MustPing(t, a.V4, 20)
			if err := r.Leave("c"); err != nil {
				t.Error(err)
			}
			flood.Stop(t)
			if _, ok := entryOf(r, c.host().MAC); ok {
				t.Error("a station is known behind a port that is gone")
			}
			select {
			case <-load.Done():
				ended = true
			default:
			}
		}
		got := load.Result(t)
		t.Logf("%d rounds beside %+v", rounds, got)
		if got.Received == 0 || rounds < 2 {
			t.Errorf("%d rounds beside %+v", rounds, got)
		}
		a.MustPing(t, b.V4, 3)
		if n := len(r.Switch().Ports()); n != 2 {
			t.Errorf("%d ports, want 2", n)
		}
	})
}

func TestNames(t *testing.T) {
	r := newRig(t, Config{})
	a := r.join("a", 1)
	_, err := r.Join(config("a", 2))
	if !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "container a") {
		t.Errorf("join a second a: %v", err)
	}
	if err := r.Leave("b"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "container b") {
		t.Errorf("leave of nobody: %v", err)
	}
	if host := strings.TrimSpace(a.Run(t, "uname", "-n")); host != "a" {
		t.Errorf("host name %q", host)
	}
	if err := r.Leave("a"); err != nil {
		t.Error(err)
	}
	if err := r.Leave("a"); !errors.Is(err, ErrUnknown) {
		t.Errorf("leave again: %v", err)
	}
	r.join("a", 1) // the name is free, and the number of the port
	if a.Port() != 0 || len(r.Switch().Ports()) != 1 {
		t.Errorf("ports %v", r.Switch().Ports())
	}
}

// A Join that fails leaves nothing, and its name free.
func TestFailedJoin(t *testing.T) {
	r := newRig(t, Config{})
	for name, tt := range map[string]struct {
		cfg  MemberConfig
		want string
	}{
		"bad name": {config("no such host name!", 1), ""},
		"bad port": {config("x", 1, vlan(vswitch.VLANConfig{Access: 5000})), "VLANs are numbered"},
		"bad MTU":  {config("x", 1, mtu(-5)), ""},
	} {
		if _, err := r.Join(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "container") {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, b := r.join("x", 1), r.join("y", 2)
	a.MustPing(t, b.V4, 1)
}

// A container without an IPv4 address has an address of its own all the same.
func TestOnlyIPv6(t *testing.T) {
	r := newRig(t, Config{})
	six := func(c *MemberConfig) { c.Addrs = c.Addrs[1:] }
	a, err := r.Join(config("a", 1, six))
	if err != nil {
		t.Fatal(err)
	}
	b := r.join("b", 2)
	if m := a.MAC(); m.Group() || m>>40 != 2 {
		t.Errorf("address %v", m)
	}
	b.MustPing(t, a.Addrs()[0].Addr(), 3)
}

// Members come and go, are asked about and ended from many goroutines at once.
func TestControlFromManyGoroutines(t *testing.T) {
	r := newRig(t, Config{})
	a, b := r.join("a", 1), r.join("b", 2)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for range 3 {
				// Two share a name: one of them finds it taken, or leaves first.
				name := fmt.Sprint("m", i/2)
				if m, err := r.Join(config(name, 10+i)); err == nil {
					m.Totals()
				} else if !errors.Is(err, ErrExists) {
					t.Error(err)
				}
				if err := r.Leave(name); err != nil && !errors.Is(err, ErrUnknown) {
					t.Error(err)
				}
				r.FDB()
				r.Workers()
				if totals := r.Totals(); totals.CopiedBytes != 0 {
					t.Error("copied")
				}
			}
		})
	}
	wg.Wait()
	a.MustPing(t, b.V4, 3)
	if n := len(r.Switch().Ports()); n != 2 {
		t.Errorf("%d ports, want 2", n)
	}
}

// Close ends everything, under traffic and with programs running, also those that
// a program has put into the background. The rig looks for what is left.
func TestCloseIsComplete(t *testing.T) {
	eachLoop(t, func(t *testing.T, r *rig) {
		a, b, c := r.join("a", 1), r.join("b", 2), r.join("c", 3)
		var ended []func() bool
		for _, s := range []*station{a, b, c} {
			ended = append(ended, testnet.Watch(t, s.Sandbox().NetNS()))
		}
		testnet.StartIperf(t, a.host(), b.host(), testnet.Load{Seconds: 60, Streams: 4})
		flood := c.Start(t, "ping", "-n", "-q", "-f", a.V4.String())
		c.Run(t, "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &")
		c.MustPing(t, b.V4, 3)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		<-flood.Done()
		for i, gone := range ended {
			if !testnet.Eventually(gone) {
				t.Errorf("the namespace of container %d is still there", i)
			}
		}
		if _, err := r.Join(config("late", 4)); !errors.Is(err, ErrClosed) {
			t.Errorf("join after the end: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

// Close and Join at once: the one who comes late is refused, and neither leaves
// anything.
func TestCloseWhileJoining(t *testing.T) {
	r := newRig(t, Config{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 10 {
				if _, err := r.Join(config(fmt.Sprintf("m%d-%d", i, j), 1+i*10+j)); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	for len(r.Switch().Ports()) == 0 {
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
