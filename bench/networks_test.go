package bench

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// networksOptions measure nothing by themselves.
func networksOptions() NetworksOptions {
	o := NetworksOptions{
		Program: []string{"/nonexistent/vswitch"}, Env: Env{Agent: selfAgent()}, Rand: rng(1),
		Now:    func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		Launch: func(context.Context, string, string) error { return errors.New("no switch here") },
	}
	if err := o.Preset("quick"); err != nil {
		panic(err)
	}
	return o
}

func TestNetworksOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*NetworksOptions){
		"must be set":        func(o *NetworksOptions) { o.Launch = nil },
		"nothing to measure": func(o *NetworksOptions) { o.Containers = 1 },
		`no section "lunch"`: func(o *NetworksOptions) { o.Sections = []string{"run", "lunch"} },
		"iperf3 is not inst": func(o *NetworksOptions) { o.Env.IPerf = "no-such-iperf" },
	} {
		o := networksOptions()
		change(&o)
		if _, err := Networks(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	o := networksOptions()
	o.Sections, o.Env.IPerf = []string{"dns"}, "no-such-iperf"
	if err := o.check(); err != nil {
		t.Errorf("names need no iperf3: %v", err)
	}
	if err := o.Preset("full"); err == nil {
		t.Error("there is no preset full")
	}
	for _, name := range []string{"quick", "standard"} {
		if err := o.Preset(name); err != nil || o.check() != nil {
			t.Errorf("%s: %v, %v", name, err, o.check())
		}
	}
}

// A switch that does not start ends the measurement, and leaves no folder.
func TestNetworksWithoutASwitch(t *testing.T) {
	o := networksOptions()
	o.Folder, o.Sections = t.TempDir(), []string{"dns"}
	if r, err := Networks(context.Background(), o); r != nil || err == nil || !strings.Contains(err.Error(), "no switch here") {
		t.Errorf("%+v, %v", r, err)
	}
	empty(t, o.Folder)
}

// An end that was asked for is told apart from a switch that did not start.
func TestNetworksInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := networksOptions()
	o.Folder, o.Sections = t.TempDir(), []string{"dns"}
	o.Launch = func(ctx context.Context, _, _ string) error { return ctx.Err() }
	if _, err := Networks(ctx, o); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	empty(t, o.Folder)
}

// Every figure that is filled in has a row, of a section that there is.
func TestFiguresHaveRows(t *testing.T) {
	var names []string
	for _, r := range networkFigures {
		if r.How == "" || r.Unit == "" || !slices.Contains(Sections(), r.Section) {
			t.Errorf("%+v", r)
		}
		if slices.Contains(names, r.Figure) {
			t.Errorf("%q stands twice", r.Figure)
		}
		names = append(names, r.Figure)
	}
	for _, want := range []string{
		runFirst, runAPI, runWhole, coldFirst, dnsLoopback + " p50", dnsGateway + " p99", dhcpOffer + " p50", dhcpAck + " p99",
		restartGap, restartOn, manyCreate, manySwitch, manyKeeper, manyBoth, manyIdle, manyOfTwo, manyOfMany, manyRatio, manyTakeAll,
	} {
		if !slices.Contains(names, want) {
			t.Errorf("no row for %q", want)
		}
	}
}

func TestAims(t *testing.T) {
	for _, tt := range []struct {
		aim  *Aim
		v    float64
		want bool
	}{
		{below(150), 149.9, true}, {below(150), 150, false}, {atMost(0.6), 0.6, true}, {atMost(0.6), 0.61, false},
		{atLeast(0.9), 0.9, true}, {atLeast(0.9), 0.89, false},
	} {
		if tt.aim.met(tt.v) != tt.want {
			t.Errorf("%v %v: not %v", tt.v, tt.aim, tt.want)
		}
	}
	if s := (*Aim)(nil).String(); s != "-" {
		t.Errorf("no aim is %q", s)
	}
}

// measured is a run of which some things went wrong, made by hand.
func measured(containers int) *networks {
	n := &networks{NetworksOptions: networksOptions(), values: map[string][]float64{}, spreads: map[string]Spread{}, failed: map[string]error{}}
	n.Containers, n.Sections, n.Rand = containers, Sections(), rand.New(rand.NewPCG(1, 2))
	for i, v := range []float64{120, 140, 900} {
		n.add(runFirst, v)
		n.add(runWhole, 1234567*float64(i+1))
		n.addLatency(dnsGateway, PingReport{P50: time.Duration(i) * time.Microsecond, P99: time.Second})
	}
	n.add(manyCreate, 12.5)
	n.add(manyBoth, 0.7)
	n.spreads[manyRatio] = Spread{Median: 0.95, Min: 0.8, Max: 1.1, Low: 0.85, High: 1, N: 4}
	n.failed["cold"] = errors.New("the machine is on fire")
	n.failed["many"] = errors.New("it broke late")
	return n
}

func TestVerdicts(t *testing.T) {
	type said struct{ verdict, why string }
	few := "100 containers; the aim is for 1000"
	for _, tt := range []struct {
		containers int
		want       map[string]said
	}{
		{1000, map[string]said{
			runFirst: {Meets, ""}, runWhole: {"", ""}, coldFirst: {NotMeasured, "the machine is on fire"},
			dnsGateway + " p50": {Meets, ""}, dnsGateway + " p99": {Misses, ""}, dnsLoopback + " p50": {NotMeasured, "no sample counted"},
			manyCreate: {Meets, "the section did not end: it broke late"}, manyBoth: {Misses, "the section did not end: it broke late"},
			manyRatio: {Meets, "the section did not end: it broke late"}, manyIdle: {NotMeasured, "it broke late"},
		}},
		{100, map[string]said{runFirst: {Meets, ""}, manyCreate: {NotMeasured, few}, manyRatio: {NotMeasured, few}}},
	} {
		report := measured(tt.containers).report(time.Time{}, [3]float64{})
		for figure, want := range tt.want {
			if r := report.Find(figure); r == nil || r.Verdict != want.verdict || r.Why != want.why {
				t.Errorf("%d, %s: %+v, want %+v", tt.containers, figure, r, want)
			}
		}
	}
	if r := measured(100).report(time.Time{}, [3]float64{}).Find(runFirst); r.Spread.Median != 140 || r.Spread.Max != 900 || r.Spread.N != 3 {
		t.Errorf("%+v", r)
	}
}

func TestOnlyTheSectionsAskedForHaveRows(t *testing.T) {
	n := measured(100)
	n.Sections = []string{"cold", "dhcp"}
	for _, r := range n.report(time.Time{}, [3]float64{}).Rows {
		if r.Section != "cold" && r.Section != "dhcp" {
			t.Errorf("a row of %s", r.Section)
		}
	}
}

func TestNetworksTable(t *testing.T) {
	report := measured(1000).report(time.Time{}, [3]float64{0.5, 1, 2})
	var text, md bytes.Buffer
	if err := errors.Join(report.WriteTable(&text), report.WriteMarkdown(&md)); err != nil {
		t.Fatal(err)
	}
	fits(t, text.String())
	has(t, text.String(),
		"FIGURE ", "\nrun to first packet          140.0 ms       120.0..900.0   3 < 150  meets\n",
		"\nthroughput, many by two      0.950 ratio    0.800..1.100   4 >= 0.9 meets\n", "\ncold run to first packet         - ms                  -   0 < 500  not measured\n",
		"Not measured (cold): the machine is on fire.\n", "Load average: 0.50 1.00 2.00 before", "worthless",
	)
	has(t, md.String(), "## Networks, 0001-01-01\n\n- Machine: ", "| run to first packet | 140.0 | ms | 120.0..900.0 | 120.0..900.0 | 3 | < 150 | meets |\n", "- Not measured (cold)")
	if n := strings.Count(text.String(), "DNS at the gateway:"); n != 1 {
		t.Errorf("the two rows of a latency are explained %d times", n)
	}
}

func TestNetworksJSONRoundTrip(t *testing.T) {
	want := measured(100).report(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), [3]float64{1, 2, 3})
	s := roundTrip(t, want, want.WriteJSON, ReadNetworksReport, `{"schema":"vswitch/v1/bench-l2"}`, `{`)
	if !strings.Contains(s, `"schema": "vswitch/v1/bench-networks"`) || strings.Contains(s, "null") {
		t.Error(s)
	}
}

// The two samples of a half are compared, and what was dropped says why.
func TestTakeThroughput(t *testing.T) {
	n := measured(100)
	records := []Record{
		{Runner: "two", Values: map[string]float64{Throughput: 10}}, {Runner: "many", Values: map[string]float64{Throughput: 9}},
		{Runner: "many", Dropped: "it was stolen"},
	}
	f := Figure{Workload: "tcp-1", Metric: Metric{Name: Throughput}, Runner: "many", Ratio: Spread{Median: 0.9, N: 1}}
	if err := n.takeThroughput(&Report{Records: records, Figures: []Figure{f}}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(n.values[manyOfTwo], []float64{10}) || !slices.Equal(n.values[manyOfMany], []float64{9}) || n.spreads[manyRatio] != f.Ratio {
		t.Errorf("%v, %v", n.values, n.spreads)
	}
	if err := n.takeThroughput(&Report{Records: records[2:]}); err == nil || !strings.Contains(err.Error(), "it was stolen") {
		t.Errorf("error %v", err)
	}
}
