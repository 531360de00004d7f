package main

import (
	"errors"
	"strings"
	"testing"

	"vswitch/bench"
	"vswitch/internal/api"
)

func TestReadPing(t *testing.T) {
	const head = "PING 192.0.2.2 (192.0.2.2) 56(84) bytes of data.\n\n--- 192.0.2.2 ping statistics ---\n"
	for _, tt := range []struct {
		name, out, want string
		ok              bool
	}{
		{"all answered", head + "5 packets transmitted, 5 received, 0% packet loss, time 811ms\nrtt min/avg/max/mdev = 0.086/0.119/0.185/0.036 ms\n",
			"5 sent, 5 received, 0% loss, mean 0.119 ms", true},
		{"one late", head + "6 packets transmitted, 5 received, 16.6667% packet loss, time 1022ms\nrtt min/avg/max/mdev = 0.086/12.5/50.0/0.036 ms\n",
			"6 sent, 5 received, 16% loss, mean 12.500 ms", true},
		{"errors counted too", head + "5 packets transmitted, 1 received, +4 errors, 80% packet loss, time 9ms\nrtt min/avg/max/mdev = 0.1/0.1/0.1/0.0 ms, pipe 2\n",
			"5 sent, 1 received, 80% loss, mean 0.100 ms", true},
		{"none answered", head + "50 packets transmitted, 0 received, 100% packet loss, time 9999ms\n",
			"50 sent, 0 received, 100% loss", true},
		{"refused", "ping: socktype: SOCK_RAW\nping: socket: Operation not permitted\n", "0 sent, 0 received, 100% loss", false},
		{"nothing", "", "0 sent, 0 received, 100% loss", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ok := readPing(tt.out)
			if p.String() != tt.want || ok != tt.ok {
				t.Errorf("%q, %v", p, ok)
			}
		})
	}
	if got := lastLine("ping: socktype: SOCK_RAW\nping: socket: Operation not permitted\n"); got != "ping: socket: Operation not permitted" {
		t.Errorf("last line %q", got)
	}
}

// shown runs one step of a demo that is not under way and returns what it said.
func shown(step func(d *demo) error) (string, *demo, error) {
	var out strings.Builder
	d := &demo{app: &app{out: &out, err: &out}, site: &site{name: "vswitch"}}
	err := step(d)
	return out.String(), d, err
}

// figure makes the report of a run of one workload.
func figure(f bench.Figure, dropped string) *bench.Report {
	f.Workload, f.Metric.Name, f.Runner = "tcp-1", bench.Throughput, "vswitch"
	return &bench.Report{Figures: []bench.Figure{f}, Records: []bench.Record{
		{Runner: "kernel-bridge", Dropped: "stolen", Stolen: true}, {Runner: "vswitch", Dropped: dropped},
	}}
}

func TestDemoFigures(t *testing.T) {
	good := bench.Figure{Value: 30, Reference: 40, Ratio: bench.Spread{Median: 0.75, Min: 0.7, Max: 0.8, N: 6}}
	for _, tt := range []struct {
		name      string
		report    *bench.Report
		says, why string
		skipped   int
	}{
		{"measured", figure(good, ""), "ratio   0.75  (median of 6 pairs, from 0.70 to 0.80)", "", 0},
		{"the machine's time was stolen", figure(bench.Figure{Stolen: 2}, ""), "ratio   not measured: other machines", "", 1},
		{"iperf3 failed", figure(bench.Figure{Void: 1, Stolen: 1}, "iperf3: refused"), "", "vswitch: iperf3: refused", 0},
		{"no figure", &bench.Report{}, "", "no sample was taken", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, d, err := shown(func(d *demo) error { return d.figures(tt.report, "tcp-1") })
			if !strings.Contains(out, tt.says) || len(d.result.Skipped) != tt.skipped {
				t.Errorf("said %q, skipped %q", out, d.result.Skipped)
			}
			if tt.why != "" && (api.ExitOf(err) != api.ExitExpectation || api.Reason(err) != tt.why) || tt.why == "" && err != nil {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A wrong byte ends the demo, also one that crossed the kernel's bridge.
func TestDemoVerified(t *testing.T) {
	for _, v := range []bench.Verification{{Runner: "vswitch", Problem: "offset 7"}, {Runner: "kernel-bridge", Problem: "offset 7"}} {
		_, _, err := shown(func(d *demo) error { return d.verified(v) })
		if api.ExitOf(err) != api.ExitExpectation || !strings.Contains(err.Error(), v.Runner) {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if _, d, err := shown(func(d *demo) error { return d.verified(bench.Verification{Runner: "vswitch", Bytes: 9}) }); err != nil || d.result.Verified != 9 {
		t.Errorf("%v, %d bytes", err, d.result.Verified)
	}
}

// Without its programs the demo still shows the rest, and says what is missing.
func TestDemoWithoutPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	out, d, err := shown(func(d *demo) error {
		_, err := d.bulkOptions()
		return errors.Join(d.pings(t.Context()), err)
	})
	if err != nil || strings.Join(d.result.Skipped, " ") != "iperf3 ping" {
		t.Errorf("%v, skipped %q", err, d.result.Skipped)
	}
	has(t, out, `iperf3  not installed: this program's own transfer`, `apt-get install -y iperf3\n`, `ping    not installed: `, `apt-get install -y iputils-ping\n`)
	fits(t, out)
}
