package udp

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/uplinktest"
)

// How long a session lasts, by what passed.
func TestTimers(t *testing.T) {
	for _, c := range []struct {
		name     string
		remote   uint16 // 0: the server's own
		answered bool
		want     time.Duration
	}{
		{"unanswered", 0, false, 120 * time.Second},
		{"answered", 0, true, 300 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, to := newRig(t), loopback4(t)
			r.send(alice4.UDP(4000, to.alias(), []byte("x"), 0))
			_, from := to.get()
			if c.answered {
				to.put([]byte("y"), from)
				r.Await()
			}
			r.lasts(c.want)
		})
	}
}

// lasts fails the test if the only session ends earlier or much later than after d.
func (r *rig) lasts(d time.Duration) {
	r.T.Helper()
	if f := r.flows()[0]; f.Timeout != d {
		r.T.Errorf("the timeout is %v, want %v", f.Timeout, d)
	}
	r.Advance(d - time.Second)
	if r.Watched() == 0 {
		r.T.Fatalf("over before %v", d)
	}
	r.Advance(2 * time.Second)
	if r.Watched() != 0 || len(r.flows()) != 0 {
		r.T.Errorf("not over after %v", d)
	}
}

// A name's mapping is over soon after the answer.
func TestTimerOfNames(t *testing.T) {
	for name, want := range map[string]time.Duration{"asked": 30 * time.Second, "answered": 20 * time.Second} {
		r := newRig(t)
		n := uplinktest.TestNet()
		id, _ := r.s.begin(n, &end{alice4.Addr.As16(), 4000}, &end{netip.MustParseAddr("203.0.113.1").As16(), 53})
		r.s.sentTo(id, 1, 1)
		if name == "answered" {
			r.s.heardFrom(id, 1, 1)
		}
		r.s.adopt(n)
		r.lasts(want)
	}
}

// What the container sends refreshes, and what it gets from there too.
func TestTimerIsRefreshed(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	for range 5 {
		r.send(alice4.UDP(4000, to.alias(), []byte("x"), 0))
		r.Advance(100 * time.Second)
	}
	_, from := to.get()
	for range 5 {
		to.put([]byte("y"), from)
		r.Await()
		r.Advance(200 * time.Second)
	}
	if n := len(r.flows()); n != 1 || r.s.Counts().Opened != 1 {
		t.Errorf("%d sessions, %d opened", n, r.s.Counts().Opened)
	}
}

// A container has as many sockets as its network allows, a shard as many sessions.
func TestLimits(t *testing.T) {
	to := loopback4(t)
	t.Run("container", func(t *testing.T) {
		budget := uplink.NewBudget(100)
		r := newRig(t, func(c *Config) { c.Budget = budget })
		n := uplinktest.TestNet()
		n.MaxFlows = 3
		r.Net = n
		for p := range uint16(3) {
			r.send(alice4.UDP(4000+p, to.alias(), nil, 0))
		}
		if end := r.run(alice4.UDP(5000, to.alias(), nil, 0))[0]; end != frame.DropUplinkLimit {
			t.Errorf("one too many ended as %v", end)
		}
		r.send(bob4.UDP(5000, to.alias(), nil, 0), alice4.UDP(4000, to.alias(), nil, 0))
		r.s.DropInside(r.Worker, 1, alice4.Addr)
		r.send(alice4.UDP(5000, to.alias(), nil, 0))
		if c := r.s.Counts(); c.Limited != 1 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("shard", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MaxFlows = 2 })
		r.send(alice4.UDP(1, to.alias(), nil, 0), alice4.UDP(2, to.alias(), nil, 0))
		if end := r.run(alice4.UDP(3, to.alias(), nil, 0))[0]; end != frame.DropUplinkLimit {
			t.Errorf("one too many ended as %v", end)
		}
		// A mapping that there is makes room in itself.
		r.send(alice4.UDP(2, loopback4(t).alias(), nil, 0))
		if n := len(r.flows()); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

// A mapping with too many remote ends forgets one that has not answered, and of those
// the one that was silent longest.
func TestRemotesAreBounded(t *testing.T) {
	r := newRig(t)
	n := uplinktest.TestNet()
	src := end{alice4.Addr.As16(), 4000}
	remote := func(i int) end { return end{netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}).As16(), 9} }
	r.s.adopt(n)
	for i := range maxRemotes + 1 {
		dst := remote(i)
		id, end := r.s.begin(n, &src, &dst)
		if end != frame.Accepted {
			t.Fatal(end)
		}
		r.s.sentTo(id, 1, 1)
		if i < 3 {
			r.s.heardFrom(id, 1, 1)
		}
	}
	gone := func(i int) bool { d := remote(i); return r.s.find(n.ID, &src, &d) == none }
	if r.s.sessions.len() != maxRemotes || gone(0) || gone(2) || !gone(3) || gone(4) || gone(maxRemotes) {
		t.Errorf("%d sessions; the wrong one has made way", r.s.sessions.len())
	}
}

// One container that speaks to all the world leaves room for another's first session.
func TestShareIsLeft(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxFlows = 80 })
	n := uplinktest.TestNet()
	r.s.adopt(n)
	for port := range uint16(2) {
		src := end{alice4.Addr.As16(), 4000 + port}
		for i := range byte(100) {
			if _, r := r.s.begin(n, &src, &end{netip.AddrFrom4([4]byte{203, 0, 113, i}).As16(), 9}); r != frame.Accepted {
				t.Fatal(r)
			}
		}
	}
	src := end{bob4.Addr.As16(), 4000}
	if _, end := r.s.begin(n, &src, &end{netip.MustParseAddr("203.0.113.1").As16(), 53}); end != frame.Accepted {
		t.Errorf("another's ended as %v", end)
	}
}

// Without a descriptor for it a mapping is refused, and what there is goes on.
func TestExhausted(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	r.send(alice4.UDP(4000, to.alias(), []byte("x"), 0))
	to.get()
	budget := uplink.NewBudget(2)
	r.s.budget = budget
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	ends := []frame.Reason{r.run(alice4.UDP(4001, to.alias(), nil, 0))[0], r.run(alice4.UDP(4002, to.alias(), nil, 0))[0], r.run(alice4.UDP(4003, to.alias(), nil, 0))[0]}
	r.send(alice4.UDP(4000, to.alias(), []byte("x"), 0))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	to.get()
	for _, end := range ends {
		if end != frame.DropUplinkSockets {
			t.Errorf("ended as %v", end)
		}
	}
	if c := r.s.Counts(); c.Exhausted != 3 || r.s.mappings.len() != 1 {
		t.Errorf("%+v with %d mappings", c, r.s.mappings.len())
	}
	r.s.budget = nil
}

// A datagram for a container that the network does not know ends, and is booked.
func TestUnknownContainer(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	s := uplinktest.Station{Addr: netip.MustParseAddr("10.1.0.99"), MAC: 9}
	r.send(s.UDP(4000, to.alias(), []byte("x"), 0))
	_, from := to.get()
	to.put([]byte("y"), from)
	r.Until("booked", func() bool { return r.Ledger().Ends[frame.DropNeighbour].Load() == 1 })
	if got := r.Ledger().RxFrames.Load(); got != 1 {
		t.Errorf("%d frames are booked as come in", got)
	}
}
