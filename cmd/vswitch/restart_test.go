package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// transfer is an iperf3 client that runs in a container for some seconds.
type transfer struct {
	out  bytes.Buffer
	done chan error
}

// begin starts a transfer from one container to an address of another, whose server
// ends with it.
func (l *lab) begin(from, to, addr, seconds string) *transfer {
	l.t.Helper()
	l.ok("exec", "-d", to, "--", "iperf3", "-s", "-1")
	if !testnet.Eventually(func() bool { return strings.Contains(l.in(to, "cat", "/proc/net/tcp", "/proc/net/tcp6"), ":1451 ") }) {
		l.t.Fatal("iperf3 does not listen")
	}
	t := &transfer{done: make(chan error, 1)}
	cmd := l.command("exec", from, "--", "iperf3", "-J", "-c", addr, "-t", seconds)
	cmd.Stdout, cmd.Stderr = &t.out, &t.out
	go func() { t.done <- testnet.WithNode(l.who.node, cmd.Run) }()
	return t
}

// result waits for the end and returns the bytes that arrived over one connection.
func (t *transfer) result(tb testing.TB) float64 {
	tb.Helper()
	if err := <-t.done; err != nil {
		tb.Fatalf("iperf3: %v\n%s", err, &t.out)
	}
	var r struct {
		Start struct{ Connected []any }
		End   struct {
			Received struct{ Bytes float64 } `json:"sum_received"`
		}
	}
	if err := json.Unmarshal(t.out.Bytes(), &r); err != nil || len(r.Start.Connected) != 1 {
		tb.Fatalf("%v: %s", err, &t.out)
	}
	return r.End.Received.Bytes
}

// The switch process is killed while two containers talk: the same TCP connection
// goes on, and everything is as it was.
func TestKillUnderTraffic(t *testing.T) {
	eachUser(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--ipv6", "--subnet", "10.90.0.0/24", "lan")
		l.ok("run", "-d", "--name", "a", "--network", "lan", "--alias", "first", "--", "sleep", "1000")
		l.ok("run", "-d", "--name", "b", "--network", "lan", "--ip", "10.90.0.77", "--", "sleep", "1000")
		l.ok("run", "-d", "--name", "c", "--network", "lan", "--network", "bridge", "--dhcp")
		before := everything(l)
		load := l.begin("a", "b", "10.90.0.77", "6")
		time.Sleep(time.Second)
		l.kill()
		if diff := cmp.Diff(before, everything(l), unimportant...); diff != "" {
			t.Errorf("not as before the kill (-before +after):\n%s", diff)
		}
		if n := load.result(t); n < 1<<20 {
			t.Errorf("only %.0f bytes arrived", n)
		}
		l.ok("ping", "a", "b", "-c", "2")
		l.ok("ping", "a", "c", "-6", "-c", "1")
		if got := l.in("c", "getent", "ahostsv4", "first"); !strings.HasPrefix(got, "10.90.0.") {
			t.Errorf("first is %q", got)
		}
		// Not only once.
		l.kill()
		l.kill()
		l.ok("ping", "a", "b", "-c", "1")
		l.ok("run", "--rm", "--network", "lan", "--", "ping", "-c", "1", "-w", "5", "b")
		if s := l.status(); len(s.Findings) != 0 {
			t.Errorf("findings: %+v", s.Findings)
		}
	})
}

// inventory is what a switch has.
type inventory struct {
	Networks   []api.Network
	Containers []api.Container
	Names      []api.Name
	Leases     []api.Lease
	Neighbours []api.Neighbour
}

func everything(l *lab) (a inventory) {
	l.t.Helper()
	l.json(&a.Networks, "network", "inspect", "bridge", "host", "none", "lan")
	l.json(&a.Containers, "inspect", "a", "b", "c")
	l.items(&a.Names, "dns", "ls")
	l.items(&a.Leases, "lease", "ls")
	l.items(&a.Neighbours, "neigh", "ls")
	return a
}

// unimportant is what may differ: the numbers of ports, how long a lease lasts.
var unimportant = cmp.Options{
	cmpopts.IgnoreFields(api.EndpointExtra{}, "Port"),
	cmpopts.IgnoreFields(api.Lease{}, "Expires"),
	cmpopts.IgnoreFields(api.NetworkExtra{}, "Stations"),
	cmpopts.SortSlices(func(a, b api.Neighbour) bool { return a.Network+a.Address < b.Network+b.Address }),
}

// What ends while the switch process is away is found to have ended.
func TestEndsWhileAway(t *testing.T) {
	eachUser(t, func(t *testing.T, l *lab) {
		l.ok("run", "-d", "--name", "short", "--", "sh", "-c", "sleep 1; exit 7")
		l.ok("run", "-d", "--rm", "--name", "shorter", "--", "sleep", "1")
		l.kill()
		if got := l.ok("wait", "short"); got != "7" {
			t.Errorf("exit code %s", got)
		}
		if s := l.inspect("short").State; s.Status != "exited" || s.ExitCode != 7 {
			t.Errorf("%+v", s)
		}
		if !testnet.Eventually(func() bool { return !strings.Contains(l.ok("ps", "-a"), "shorter") }) {
			t.Error("a container that was to be removed is there")
		}
		l.ok("start", "short")
		if got := l.ok("wait", "short"); got != "7" {
			t.Errorf("the second time exit code %s", got)
		}
	})
}

// Networks and leases are there again after down --keep, containers have ended.
func TestKeep(t *testing.T) {
	eachUser(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--subnet", "10.91.0.0/24", "lan")
		l.ok("run", "-d", "--name", "a", "--network", "lan", "--ip", "10.91.0.9", "--", "sleep", "1000")
		id := l.network("lan").ID
		if out := l.ok("down", "--keep"); !strings.Contains(out, "container a") {
			t.Errorf("down says %q", out)
		}
		l.ok("up")
		if n := l.network("lan"); n.ID != id || len(n.Containers) != 0 {
			t.Errorf("%+v", n)
		}
		if c := l.inspect("a"); c.State.Running {
			t.Errorf("%+v", c.State)
		}
		l.ok("start", "a")
		if got := l.inspect("a").NetworkSettings.Networks["lan"].IPAddress; got != "10.91.0.9" {
			t.Errorf("started again, it has %s", got)
		}
	})
}

// A state file that is cut off is kept aside and told of; the rest goes on.
func TestTruncatedState(t *testing.T) {
	eachUser(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "good")
		l.ok("network", "create", "bad")
		l.ok("run", "-d", "--name", "a", "--network", "good", "--", "sleep", "1000")
		file := filepath.Join(l.dir, "state", "network", l.network("bad").ID+".json")
		if err := os.Truncate(file, 100); err != nil {
			t.Fatal(err)
		}
		l.kill()
		l.ok("exec", "a", "--", "ping", "-c", "1", "-w", "5", "a")
		l.run(api.ExitNotFound, "network", "inspect", "bad")
		s := l.status()
		if len(s.Findings) != 1 || s.Findings[0].Error.Code != api.StateDamaged || !strings.Contains(s.Findings[0].Error.Fix, "damaged") {
			t.Errorf("findings: %+v", s.Findings)
		}
		// Its subnet is free again, its name too.
		l.ok("network", "create", "bad")
	})
}

// A container joins networks and leaves them while others, and itself, talk.
func TestConnectUnderTraffic(t *testing.T) {
	eachUser(t, func(t *testing.T, l *lab) {
		for _, n := range []string{"one", "two", "three"} {
			l.ok("network", "create", n)
		}
		l.ok("run", "-d", "--name", "a", "--network", "one")
		l.ok("run", "-d", "--name", "b", "--network", "one")
		l.ok("run", "-d", "--name", "c", "--network", "two")
		load := l.begin("a", "b", l.inspect("b").NetworkSettings.Networks["one"].IPAddress, "4")
		for range 3 {
			l.ok("network", "connect", "--gw-priority", "9", "two", "a")
			l.ok("ping", "a", "c", "-c", "1")
			has(t, l.in("a", "ip", "route"), `default via 172\.\d+\.0\.1 dev eth1`)
			l.ok("network", "connect", "three", "a")
			if n := len(l.inspect("a").NetworkSettings.Networks); n != 3 {
				t.Errorf("%d networks", n)
			}
			l.ok("network", "disconnect", "two", "a")
			l.run(api.ExitExpectation, "ping", "a", "c", "-c", "1")
			has(t, l.in("a", "ip", "route"), `default via 172\.\d+\.0\.1 dev eth0`)
			l.ok("network", "disconnect", "three", "a")
		}
		if n := load.result(t); n < 1<<20 {
			t.Errorf("only %.0f bytes arrived", n)
		}
		var stats api.Stats
		l.json(&stats, "stats")
		if n := len(stats.Ports); n != 3+1+3 {
			t.Errorf("%d ports", n) // a gateway a network, the bridge's too, and three containers
		}
	})
}
