package bench

import (
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseIperfRecorded(t *testing.T) {
	out, err := os.ReadFile("testdata/iperf3.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseIperf(out)
	if err != nil {
		t.Fatal(err)
	}
	s := r.sample(CPUTime{Busy: 5 * time.Second})
	if got := s.Values[Throughput]; math.Abs(got-62.445358807) > 1e-6 {
		t.Errorf("throughput = %v", got)
	}
	// The three intervals, warm-up included, carried 20.233584128 GB.
	if got := s.Values[CPUPerGB]; math.Abs(got-5/20.233584128) > 1e-4 {
		t.Errorf("CPU s/GB = %v", got)
	}
	if got := s.Values["retransmits"]; math.Abs(got-1/15.637676032) > 1e-9 {
		t.Errorf("retransmits = %v", got)
	}
	if s.Congestion != "cubic" || s.Bytes != 15637676032 || r.Start.Version != "iperf 3.12" {
		t.Errorf("got %+v, version %s", s, r.Start.Version)
	}
}

func TestParseIperfRefuses(t *testing.T) {
	for name, out := range map[string]string{
		"unable to connect": `{"start":{},"intervals":[],"end":{},"error":"unable to connect to server"}`,
		"read iperf3":       `{"start":`,
		"no byte":           `{"end":{"sum_received":{"bytes":0}}}`,
	} {
		if _, err := parseIperf([]byte(out)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

func FuzzParseIperf(f *testing.F) {
	if out, err := os.ReadFile("testdata/iperf3.json"); err == nil {
		f.Add(out)
	}
	f.Add([]byte(`{"end":{"sum_received":{"bytes":1,"bits_per_second":1}}}`))
	f.Fuzz(func(t *testing.T, out []byte) {
		if r, err := parseIperf(out); err == nil && r.total() <= 0 {
			t.Errorf("accepted a result without bytes: %s", out)
		}
	})
}

func TestTCPArguments(t *testing.T) {
	env := Env{IPerfPort: 5201, Congestion: "cubic", Warmup: time.Second, Length: 300 * time.Millisecond}
	b := Station{Addr4: netip.MustParseAddr("10.0.0.2")}
	got := TCP{Streams: 4, Reverse: true}.args(&env, b)
	want := strings.Fields("-c 10.0.0.2 -p 5201 -J --connect-timeout 3000 -P 4 -t 1 -O 1 -C cubic -R")
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	env.Congestion = ""
	if slices.Contains(TCP{Streams: 1}.args(&env, b), "-C") {
		t.Error("the machine's congestion control is overridden unasked")
	}
	own := TCP{Streams: 1, Congestion: "bbr"}
	if !slices.Contains(own.args(&env, b), "bbr") || own.Name() != "tcp-1-bbr" {
		t.Errorf("%s: %v", own.Name(), own.args(&env, b))
	}
}
