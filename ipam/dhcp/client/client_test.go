package client

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/sandbox"
	"vswitch/internal/tap"
	"vswitch/internal/testnet"
	"vswitch/ipam"
	"vswitch/ipam/dhcp"
)

// TestMain starts the program again in a user namespace when an ordinary user runs
// it: the tests are the same for both.
func TestMain(m *testing.M) {
	if sandbox.NeedsUserNS() {
		if code, err := sandbox.Reexec(sandbox.Rerun{}); err == nil {
			os.Exit(code)
		}
		// The tests say what is missing.
	}
	os.Exit(m.Run())
}

// link is a client on an interface whose other end is a server that can be told to be
// silent, to refuse, or to answer nonsense.
type link struct {
	t    *testing.T
	ns   *netnsx.NS
	pool *ipam.Pool
	*Client

	mu     sync.Mutex
	srv    *dhcp.Server
	mood   mood
	heard  []dhcpv4.MessageType
	events []string
}

// mood is how the server is.
type mood int

const (
	fair mood = iota
	silent
	forgetful // a server of which nobody knows anything: it says no to renewals
)

const (
	mac       = frame.MAC(0x020000000001)
	serverMAC = frame.MAC(0x020000000002)
)

// newLink starts a server that gives leases of that time.
func newLink(t *testing.T, lease time.Duration) *link {
	t.Helper()
	testnet.NeedTUN(t)
	testnet.NoLeaks(t)
	ns, err := netnsx.New()
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	n := &link{t: t, ns: ns}
	n.pool, err = ipam.NewPool(ipam.PoolConfig{Subnet: netip.MustParsePrefix("10.9.0.0/24")})
	must(t, err)
	n.srv, err = dhcp.New(dhcp.Config{
		Network: "net", ServerMAC: serverMAC, LeaseTime: lease, Subnet: n.pool.Subnet(), ServerAddr: n.pool.Gateway(),
		Router: n.pool.Gateway(), Pool: n.pool, OnLease: n.note,
	})
	must(t, err)
	dev, err := tap.OpenPlain(ns, "eth0", mac)
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 4096)
		for {
			got, err := dev.Read(b)
			if err != nil {
				return
			}
			for _, out := range n.answer(b[:got]) {
				dev.Write(out)
			}
		}
	})
	t.Cleanup(func() { dev.Close(); wg.Wait() })
	n.Client, err = Open(ns, "eth0", "box")
	must(t, err)
	t.Cleanup(func() { n.Close() })
	return n
}

func (n *link) note(l dhcp.Lease, e dhcp.Event) error {
	n.events = append(n.events, string(e)+" "+l.Addr.String()) // under answer's lock
	return nil
}

// answer is the server in its mood.
func (n *link) answer(b []byte) [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	var info frame.Info
	if frame.Parse(b, &info) != frame.Accepted || info.Proto != frame.ProtoUDP || info.L4 == 0 || frame.UDP(b[info.L4:]).DstPort() != 67 {
		return nil
	}
	m, err := dhcpv4.FromBytes(b[int(info.L4)+8:])
	if err != nil {
		n.t.Errorf("the client sent: %v", err)
		return nil
	}
	n.heard = append(n.heard, m.MessageType())
	renewal := m.MessageType() == dhcpv4.MessageTypeRequest && !m.ClientIPAddr.IsUnspecified()
	switch {
	case n.mood == silent:
		return nil
	case n.mood == forgetful && renewal:
		n.srv.ReleasePort(time.Now(), 7)
		must(n.t, n.pool.Request(netip.MustParseAddr("10.9.0.2"))) // it is another's by now
		n.mood = fair
	}
	out, _ := n.srv.Serve4(time.Now(), 7, b)
	return out
}

func (n *link) feels(m mood) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mood, n.heard = m, nil
}

func (n *link) saw(kind dhcpv4.MessageType) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.heard, kind)
}

func (n *link) did(event string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.events, event)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (n *link) ask(want string) Lease {
	n.t.Helper()
	a, _ := netip.ParseAddr(want)
	l, err := n.Ask(n.t.Context(), a)
	must(n.t, err)
	return l
}

// An address, the one that was asked for, and its end.
func TestAskAndRelease(t *testing.T) {
	n := newLink(t, time.Hour)
	l := n.ask("")
	if l.Addr != netip.MustParsePrefix("10.9.0.2/24") || l.Router != netip.MustParseAddr("10.9.0.1") {
		t.Errorf("%+v", l)
	}
	if left := time.Until(l.Expires); left > time.Hour || left < 50*time.Minute {
		t.Errorf("it lasts %v", left)
	}
	must(t, n.Release(l))
	if !testnet.Eventually(func() bool { return n.did("released 10.9.0.2") }) {
		t.Error("not released")
	}
	if l = n.ask("10.9.0.77"); l.Addr.Addr() != netip.MustParseAddr("10.9.0.2") && l.Addr.Addr() != netip.MustParseAddr("10.9.0.77") {
		t.Errorf("%v", l.Addr)
	}
	must(t, n.Release(Lease{})) // of nothing
}

// An address that somebody else has is not insisted on.
func TestAskForTakenAddress(t *testing.T) {
	n := newLink(t, time.Hour)
	must(t, n.pool.Request(netip.MustParseAddr("10.9.0.2")))
	if l := n.ask("10.9.0.2"); l.Addr.Addr() != netip.MustParseAddr("10.9.0.3") {
		t.Errorf("%v", l.Addr)
	}
	if !n.did("bound 10.9.0.3") {
		t.Errorf("%q", n.events)
	}
}

// A lease is renewed at half of its time, by the same server.
func TestRenew(t *testing.T) {
	n := newLink(t, 2*time.Second)
	l := n.ask("")
	n.feels(fair)
	next, err := n.Keep(t.Context(), l)
	must(t, err)
	if next.Addr != l.Addr || !next.Expires.After(l.Expires) || !n.did("renewed 10.9.0.2") || n.saw(dhcpv4.MessageTypeDiscover) {
		t.Errorf("%+v after %+v, %q, %v", next, l, n.events, n.heard)
	}
}

// A server that says nothing until the lease is over, and one that says no: the client
// begins again.
func TestLeaseLost(t *testing.T) {
	for _, m := range []mood{silent, forgetful} {
		n := newLink(t, 2*time.Second)
		l := n.ask("")
		n.feels(m)
		got := make(chan Lease, 1)
		go func() {
			next, err := n.Keep(t.Context(), l)
			if err != nil {
				t.Error(err)
			}
			got <- next
		}()
		if !testnet.Eventually(func() bool { return n.saw(dhcpv4.MessageTypeDiscover) }) {
			t.Errorf("mood %d: it never began again", m)
		}
		n.feels(fair)
		next := <-got
		want := map[mood]string{silent: "10.9.0.2/24", forgetful: "10.9.0.3/24"}[m]
		if next.Addr.String() != want {
			t.Errorf("mood %d: %v, want %s", m, next.Addr, want)
		}
	}
}

// Whatever waits ends with its context.
func TestEndOfContext(t *testing.T) {
	n := newLink(t, time.Hour)
	l := n.ask("")
	n.feels(silent)
	for name, wait := range map[string]func(context.Context) error{
		"ask":  func(ctx context.Context) error { _, err := n.Ask(ctx, netip.Addr{}); return err },
		"keep": func(ctx context.Context) error { _, err := n.Keep(ctx, l); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- wait(ctx) }()
		if name == "ask" && !testnet.Eventually(func() bool { return n.saw(dhcpv4.MessageTypeDiscover) }) {
			t.Error("it does not ask")
		}
		cancel()
		if err := <-done; err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Open(n.ns, "eth7", ""); err == nil {
		t.Error("opened an interface that is not there")
	}
}

// What a server says is not believed where it makes no sense.
func TestReadACK(t *testing.T) {
	at := time.Unix(1000, 0)
	seconds := func(code dhcpv4.OptionCode, n uint32) dhcpv4.Modifier {
		return dhcpv4.WithGeneric(code, []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	const life, t1, t2 = 51, 58, 59
	code := func(n uint8) dhcpv4.OptionCode { return dhcpv4.GenericOptionCode(n) }
	mask := dhcpv4.WithNetmask([]byte{255, 255, 255, 0})
	for _, c := range []struct {
		what                   string
		mods                   []dhcpv4.Modifier
		bad                    bool
		renew, rebind, expires time.Duration
	}{
		{"only a mask", []dhcpv4.Modifier{mask}, false, 30 * time.Minute, 52*time.Minute + 30*time.Second, time.Hour},
		{"its own times", []dhcpv4.Modifier{mask, seconds(code(life), 100), seconds(code(t1), 10), seconds(code(t2), 20)}, false, 10 * time.Second, 20 * time.Second, 100 * time.Second},
		{"times of zero", []dhcpv4.Modifier{mask, seconds(code(life), 0), seconds(code(t1), 0), seconds(code(t2), 0)}, false, time.Second / 2, 875 * time.Millisecond, time.Second},
		{"times in disorder", []dhcpv4.Modifier{mask, seconds(code(life), 8), seconds(code(t1), 9), seconds(code(t2), 7)}, false, 4 * time.Second, 7 * time.Second, 8 * time.Second},
		{"no mask", nil, true, 0, 0, 0},
		{"a mask with holes", []dhcpv4.Modifier{dhcpv4.WithNetmask([]byte{255, 0, 255, 0})}, true, 0, 0, 0},
		{"no address", []dhcpv4.Modifier{mask, dhcpv4.WithYourIP(nil)}, true, 0, 0, 0},
	} {
		ack, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithYourIP([]byte{10, 9, 0, 2})}, c.mods...)...)
		must(t, err)
		l, err := leaseOf(&nclient4.Lease{ACK: ack, CreationTime: at})
		if (err != nil) != c.bad {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if !c.bad && (l.renew != at.Add(c.renew) || l.rebind != at.Add(c.rebind) || l.Expires != at.Add(c.expires)) {
			t.Errorf("%s: %v %v %v", c.what, l.renew.Sub(at), l.rebind.Sub(at), l.Expires.Sub(at))
		}
	}
}
