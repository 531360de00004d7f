package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"testing"

	"vswitch/internal/engine"
	"vswitch/internal/frame"
	"vswitch/internal/sandbox"
	"vswitch/internal/testnet"
	vswitch "vswitch/switch"
)

// TestMain starts the program again in a user namespace when an ordinary user
// runs it: the tests are the same for both.
func TestMain(m *testing.M) {
	if sandbox.NeedsUserNS() {
		if code, err := sandbox.Reexec(sandbox.Rerun{}); err == nil {
			os.Exit(code)
		}
		// The tests say what is missing.
	}
	os.Exit(m.Run())
}

// rig is a node whose end checks what holds for every test: the ledger balances,
// no payload was copied, nothing is left behind.
type rig struct {
	*Node
	t testing.TB
}

// station is a container of a rig, as the tests talk to it.
type station struct {
	testnet.Station
	*Member
}

// newRig starts a node. Tests with a rig do not run beside each other.
func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "ping", "iperf3", "tcpdump", "ip")
	testnet.NoLeaks(t)
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{n, t}
	t.Cleanup(r.end)
	return r
}

func (r *rig) end() {
	totals := testnet.AtRest(r.t, r.Totals)
	if totals.CopiedBytes != 0 {
		r.t.Errorf("%d bytes of payload were copied", totals.CopiedBytes)
	}
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
	if totals = r.Totals(); !totals.Balanced() {
		r.t.Errorf("not balanced after the end: %+v", totals)
	}
}

// eachLoop runs a test on both I/O loops.
func eachLoop(t *testing.T, test func(t *testing.T, r *rig)) {
	for _, io := range []string{engine.Epoll, engine.Uring} {
		t.Run(io, func(t *testing.T) { test(t, newRig(t, Config{IO: io})) })
	}
}

// change edits what a station is like.
type change func(*MemberConfig)

func mtu(n int) change                       { return func(c *MemberConfig) { c.MTU = n } }
func port(p vswitch.PortConfig) change       { return func(c *MemberConfig) { c.Port = p } }
func vlan(v vswitch.VLANConfig) change       { return port(vswitch.PortConfig{VLAN: v}) }
func unguarded(c *MemberConfig)              { c.NoGuard = true }
func (s *station) host() *testnet.Station    { return &s.Station }
func (r *rig) drops(why frame.Reason) uint64 { t := r.Totals(); return t.Ends[why] }

// config is the container of number n: 10.77.n/256.n%256 and fd77::n.
func config(name string, n int, changes ...change) MemberConfig {
	cfg := MemberConfig{Name: name, Addrs: []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, byte(n >> 8), byte(n)}), 16),
		netip.MustParsePrefix(fmt.Sprintf("fd77::%x/64", n)),
	}}
	for _, c := range changes {
		c(&cfg)
	}
	return cfg
}

// join makes container number n.
func (r *rig) join(name string, n int, changes ...change) *station {
	r.t.Helper()
	m, err := r.Join(config(name, n, changes...))
	if err != nil {
		r.t.Fatal(err)
	}
	return &station{Member: m, Station: testnet.Station{
		Box: m.Sandbox(), Link: m.Device().Name(), MAC: m.MAC(),
		V4: m.Addrs()[0].Addr(), V6: m.Addrs()[1].Addr(),
	}}
}

// rest waits until all frames have ended and returns the counts.
func (r *rig) rest() frame.Totals {
	r.t.Helper()
	return testnet.AtRest(r.t, r.Totals)
}

// expectDrops runs do and checks that it ended exactly n frames for that reason.
func (r *rig) expectDrops(why frame.Reason, n uint64, do func()) {
	r.t.Helper()
	before := r.rest()
	do()
	testnet.Eventually(func() bool { return r.drops(why) >= before.Ends[why]+n })
	after := r.rest()
	if got := after.Ends[why] - before.Ends[why]; got != n {
		r.t.Errorf("%d frames ended as %v, want %d (all ends %v)", got, why, n, ends(after))
	}
}

// ends lists the reasons that counted, for messages.
func ends(t frame.Totals) map[string]uint64 {
	out := map[string]uint64{}
	for r, n := range t.Ends {
		if n > 0 {
			out[frame.Reason(r).String()] = n
		}
	}
	return out
}
