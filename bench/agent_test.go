package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// loopback is a station that is no namespace: programs run where the test does.
func loopback(name string) Station {
	return Station{Name: name, Addr4: netip.MustParseAddr("127.0.0.1"), Addr6: netip.IPv6Loopback(), Start: startPlainly}
}

func TestAgentCountsEveryFrame(t *testing.T) {
	env := testEnv()
	a, b := loopback("a"), loopback("b")
	ctx := context.Background()
	recv, at, err := env.listener(ctx, b, "udp-recv", "-window", "10s")
	if err != nil {
		t.Fatal(err)
	}
	defer recv.end()
	send, err := env.agent(ctx, a, "udp-send", "-to", at.String(), "-for", "10s", "-count", "1000", "-rate", "20000")
	if err != nil {
		t.Fatal(err)
	}
	var tx SendReport
	if err := send.report(&tx); err != nil {
		t.Fatal(err)
	}
	time.Sleep(drain)
	recv.stop()
	var rx ReceiveReport
	if err := recv.report(&rx); err != nil {
		t.Fatal(err)
	}
	if tx.Sent != 1000 || rx.Received != 1000 || rx.Duplicates != 0 || rx.Reordered != 0 || rx.Foreign != 0 {
		t.Errorf("sent %+v, received %+v", tx, rx)
	}
	if rx.SocketDrops != 0 || rx.Buffer == 0 || rx.Window <= 0 || rx.InWindow >= 1000 {
		t.Errorf("received %+v", rx)
	}
}

func TestAgentDropModeReadsNothing(t *testing.T) {
	env := testEnv()
	env.Length, env.Warmup = 50*time.Millisecond, 0
	tx, rx, err := UDP{Frame: 64}.exchange(context.Background(), &env, loopback("a"), loopback("b"), true)
	if err != nil {
		t.Fatal(err)
	}
	if rx.Received != 0 || tx.Sent == 0 || rx.SocketDrops == 0 || rx.SocketDrops > tx.Sent {
		t.Errorf("sent %+v, received %+v", tx, rx)
	}
}

func TestAgentLatency(t *testing.T) {
	env := testEnv()
	for _, l := range []Latency{{Proto: "udp"}, {Proto: "tcp"}, {Proto: "udp", Load: 1000}} {
		s, err := l.Run(context.Background(), &env, loopback("a"), loopback("b"))
		if err != nil {
			t.Fatalf("%s: %v", l.Name(), err)
		}
		v := s.Values
		if v["answers"] <= 0 || v[LatencyP50] <= 0 || v[LatencyP50] > v[LatencyP99] || v[LatencyP99] > v["max us"] {
			t.Errorf("%s: %v", l.Name(), v)
		}
	}
}

func TestAgentOverIPv6(t *testing.T) {
	s, err := openSock(syscall.SOCK_DGRAM, netip.AddrPortFrom(netip.IPv6Loopback(), 0))
	if err != nil {
		t.Skip("NEEDS-IPV6: no IPv6 on the loopback device: ", err)
	}
	defer s.close()
	at, err := s.local()
	if err != nil || !at.Addr().Is6() {
		t.Fatalf("bound to %v, %v", at, err)
	}
	c, err := dialSock(syscall.SOCK_DGRAM, at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if sent, err := newSender(c, 8).send(3); sent != 3 || err != nil {
		t.Fatalf("sent %d, %v", sent, err)
	}
	rx, err := newReceiver(s, 0, time.Second, false)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := rx.conn.ReadBatch(rx.msgs, msgWaitForOne); n == 0 || err != nil {
		t.Errorf("read %d datagrams, %v", n, err)
	}
}

func TestAgentVerifies(t *testing.T) {
	env := testEnv()
	s, err := Verified{Bytes: 1<<20 + 5, Seed: 2}.Run(context.Background(), &env, loopback("a"), loopback("b"))
	if err != nil || s.Bytes != 1<<20+5 || s.Values[Throughput] <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestPDROverLoopback(t *testing.T) {
	env := testEnv()
	env.Length = 80 * time.Millisecond
	s, err := PDR{Frame: 64, Loss: 0.5, Low: 1000, High: 1200}.Run(context.Background(), &env, loopback("a"), loopback("b"))
	if err != nil || s.Values[FrameRate] <= 0 || s.Values[FrameRate] > 1.2 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A batch of frames must cost no allocation on either side.
func TestFramesAllocateNothing(t *testing.T) {
	s, err := openSock(syscall.SOCK_DGRAM, netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	at, err := s.local()
	if err != nil {
		t.Fatal(err)
	}
	c, err := dialSock(syscall.SOCK_DGRAM, at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	rx, err := newReceiver(s, 0, time.Hour, false)
	if err != nil {
		t.Fatal(err)
	}
	tx, got := newSender(c, 18), 0
	round := func() {
		sent, err := tx.send(sendBatch)
		if err != nil {
			t.Fatal(err)
		}
		tx.next += uint64(sent)
		n, err := rx.conn.ReadBatch(rx.msgs, msgWaitForOne)
		if err != nil {
			t.Fatal(err)
		}
		rx.take(n)
		got += n
	}
	// x/net takes one small closure a system call; a frame must not add to it.
	if a := testing.AllocsPerRun(100, round); a > 12 {
		t.Errorf("%v allocations a batch of %d frames", a, sendBatch)
	}
	if got == 0 || rx.seq.Reordered != 0 || rx.report.Foreign != 0 {
		t.Errorf("%d frames, %+v", got, rx.report)
	}
}

func TestPayloadLengths(t *testing.T) {
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	tests := []struct {
		frame int
		to    netip.Addr
		want  int
	}{{64, four, 18}, {1400, four, 1354}, {1518, four, 1472}, {1518, six, 1452}, {74, six, 8}, {54, four, 8}}
	for _, tt := range tests {
		if got, err := payloadLen(tt.frame, tt.to); err != nil || got != tt.want {
			t.Errorf("frame %d to %v: payload %d (%v), want %d", tt.frame, tt.to, got, err, tt.want)
		}
	}
	for frame, to := range map[int]netip.Addr{53: four, 64: six} {
		if _, err := payloadLen(frame, to); err == nil {
			t.Errorf("a frame of %d bytes to %v has room", frame, to)
		}
	}
}

func TestPaceKeepsTheRate(t *testing.T) {
	for rate, want := range map[float64]int{0: sendBatch, 10: 1, 5000: 5, 1e6: sendBatch} {
		if got := (pace{rate: rate}).batch(); got != want {
			t.Errorf("batch at %v frames/s = %d, want %d", rate, got, want)
		}
	}
}

func TestAgentRefusesWrongUsage(t *testing.T) {
	for _, args := range [][]string{
		nil, {"nonsense"}, {"udp-send"}, {"udp-send", "-to", "x"}, {"udp-send", "-to", "127.0.0.1:9", "-frame", "40"},
		{"echo", "-listen", "127.0.0.1:0", "-proto", "sctp"}, {"ping", "-nonsense"}, {"guard"}, {"guard", "--"},
	} {
		var out bytes.Buffer
		if code := AgentMain(args, strings.NewReader(""), &out); code != 2 || out.Len() != 0 {
			t.Errorf("%q: exit code %d, output %q", args, code, out.String())
		}
	}
}

// Every command that waits must end when standard input does.
func TestAgentEndsWithItsInput(t *testing.T) {
	for _, args := range [][]string{
		{"udp-recv", "-listen", "127.0.0.1:0"}, {"echo", "-listen", "127.0.0.1:0"},
		{"udp-recv", "-listen", "127.0.0.1:0", "-drop"}, {"echo", "-listen", "127.0.0.1:0", "-proto", "tcp"},
		{"tcp-sink", "-listen", "127.0.0.1:0"}, {"guard", "--", "sleep", "1000"},
		{"udp-send", "-to", "127.0.0.1:9", "-for", "1h", "-rate", "10"}, {"ping", "-to", "127.0.0.1:9", "-for", "1h"},
	} {
		done := make(chan int)
		go func() { done <- AgentMain(args, strings.NewReader(""), io.Discard) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%v goes on without its input", args)
		}
	}
}

func TestGuardPassesTheExitCode(t *testing.T) {
	rd, wr := io.Pipe()
	defer wr.Close()
	var out bytes.Buffer
	if code := AgentMain([]string{"guard", "--", "sh", "-c", "echo said; exit 7"}, rd, &out); code != 7 || out.String() != "said\n" {
		t.Errorf("exit code %d, output %q", code, out.String())
	}
}

// A guard that is killed outright takes its program along.
func TestGuardIsNotSurvived(t *testing.T) {
	cmd := exec.Command(selfAgent()[0], "bench-agent", "guard", "--", "sh", "-c", "echo $$; exec sleep 1000")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for range 1000 {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d outlived its guard", pid)
}

func TestAgentSaysWhatFailed(t *testing.T) {
	env := testEnv()
	p, err := env.agent(context.Background(), loopback("a"), "guard", "--", "/nonexistent/program")
	if err != nil {
		t.Fatal(err)
	}
	var v json.RawMessage
	if err := p.report(&v); err == nil || !strings.Contains(err.Error(), "guard in a") || !strings.Contains(err.Error(), "nonexistent") {
		t.Errorf("error = %v", err)
	}
}

func TestFindDrops(t *testing.T) {
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
		"  5: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12\n"
	if n, ok := findDrops(table, 4711); !ok || n != 12 {
		t.Errorf("drops = %d, %v", n, ok)
	}
	if _, ok := findDrops(table, 99); ok {
		t.Error("found a socket that is not there")
	}
}
