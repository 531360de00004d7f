package bench

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConnectOverLoopback(t *testing.T) {
	env := testEnv()
	s, err := Connect{}.Run(context.Background(), &env, loopback("a"), loopback("b"))
	if err != nil {
		t.Fatal(err)
	}
	// Of thousands one may fail on a machine that has much else to do.
	if s.Values[ConnectRate] <= 0 || s.Values["failed"] > float64(s.Bytes)/500 || s.Bytes == 0 || s.Frames < 4*s.Bytes {
		t.Errorf("%+v", s)
	}
}

// A way on which nothing answers is an error that says why.
func TestConnectRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	env := testEnv()
	var r OpenReport
	if err := env.once(context.Background(), loopback("a"), &r, "open", "-to", at, "-for", "50ms"); err != nil {
		t.Fatal(err)
	}
	if r.Opened != 0 || r.Failed == 0 || !strings.Contains(r.Failure, "refused") {
		t.Errorf("%+v", r)
	}
	if _, err := (Connect{}).sample(r); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
}

// The called side sends, and closes after the caller.
func TestVerifiedReverse(t *testing.T) {
	env := testEnv()
	s, err := Verified{Bytes: 3<<20 + 7, Seed: 5, Reverse: true}.Run(context.Background(), &env, loopback("a"), loopback("b"))
	if err != nil || s.Bytes != 3<<20+7 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Each pair of ports is a flow, and each is answered.
func TestFlowsAreFilled(t *testing.T) {
	ctx, env := context.Background(), testEnv()
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.LocalAddr().String()
	free.Close()
	echo, err := env.agent(ctx, loopback("b"), "flow-echo", "-listen", at, "-ports", "1")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.end()
	var l listening
	if err := echo.lines.Decode(&l); err != nil {
		t.Fatal(echo.fail(err))
	}
	for ports, want := range map[string]int{"1": 7} {
		var r FlowsReport
		if err := env.once(ctx, loopback("a"), &r, "flow-fill", "-to", l.Listening.String(), "-sources", "7", "-ports", ports); err != nil {
			t.Fatal(err)
		}
		if r.Answered != want || r.Sent < uint64(want) {
			t.Errorf("%s ports: %+v", ports, r)
		}
	}
}

// What is listened on and what is called differ where a port is published.
func TestStationReach(t *testing.T) {
	st := Station{Addr4: netip.MustParseAddr("10.0.0.2")}
	if got := st.reach(7).String(); got != "10.0.0.2:7" {
		t.Error(got)
	}
	st.Port, st.Reach = publishedPort, loopAddr
	env := testEnv()
	if got := st.reach(env.iperfPort(st)).String(); got != "127.0.0.1:5201" {
		t.Error(got)
	}
	args := strings.Join(upload.args(&env, st), " ")
	if !strings.HasPrefix(args, "-c 127.0.0.1 -p 5201 ") {
		t.Error(args)
	}
}

// A guarded program sees a file in place of another, and nobody else does.
func TestGuardMounts(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	source, at := filepath.Join(dir, "source"), filepath.Join(dir, "at")
	for path, text := range map[string]string{source: "inside", at: "outside"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	env := testEnv()
	p, err := env.agent(ctx, loopback("a"), "guard", "-mount", source, "-at", at, "--", "cat", at)
	if err != nil {
		t.Fatal(err)
	}
	var said [16]byte
	n, _ := p.stdout.Read(said[:])
	if err := p.wait(); err != nil || string(said[:n]) != "inside" {
		t.Errorf("%q, %v", said[:n], err)
	}
	if text, err := os.ReadFile(at); err != nil || string(text) != "outside" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestParseDevice(t *testing.T) {
	const table = "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n" +
		"    lo: 1200      30    0    2    0     0          0         0     1200      30\n" +
		"  eth0:99 1 0 0 0 0 0 0 1 1\n"
	c := Counters{Bytes: 1}
	if err := c.parseDevice(table, "lo"); err != nil || c != (Counters{Bytes: 1201, Frames: 30, Drops: 2}) {
		t.Errorf("%+v, %v", c, err)
	}
	if err := c.parseDevice(table, "eth0"); err != nil || c.Bytes != 1300 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, wrong := range []string{"lo: x", "", "lo"} {
		if err := c.parseDevice(wrong, "lo"); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}
