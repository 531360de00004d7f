package bench

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vswitch/internal/api"
)

// waysOptions measure nothing by themselves.
func waysOptions() WaysOptions {
	o := WaysOptions{
		Program: []string{"/nonexistent/vswitch"}, Env: Env{Agent: selfAgent()}, Rand: rng(1),
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	}
	if err := o.Preset("quick"); err != nil {
		panic(err)
	}
	return o
}

func TestWaysOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*WaysOptions){
		"must be set":        func(o *WaysOptions) { o.Program = nil },
		"nothing to measure": func(o *WaysOptions) { o.Rounds = 0 },
		`no section "lunch"`: func(o *WaysOptions) { o.Sections = []string{"out", "lunch"} },
		"iperf3 is not inst": func(o *WaysOptions) { o.Env.IPerf = "no-such-iperf" },
	} {
		o := waysOptions()
		change(&o)
		if _, err := NAT(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	o := waysOptions()
	for _, name := range []string{"quick", "standard", "full"} {
		if err := errors.Join(o.Preset(name), o.check(&natPlan)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := o.Preset("huge"); err == nil {
		t.Error("there is no preset huge")
	}
}

// A table has room for each name, a name means one figure, and each figure is one
// that its section's workloads measure.
func TestWayFiguresAreMeasured(t *testing.T) {
	for _, p := range []plan{natPlan, publishPlan} {
		seen := map[string]bool{}
		for _, f := range p.figures {
			if seen[f.figure] || len(f.figure) > 26 {
				t.Errorf("%s: figure %q stands twice or is too long", p.title, f.figure)
			}
			seen[f.figure] = true
			if !slices.Contains(p.names(), f.section) {
				t.Errorf("%s: no section %q", f.figure, f.section)
			}
			if !slices.ContainsFunc(f.workload.Metrics(), func(m Metric) bool { return m.Name == f.metric && m.Compared }) {
				t.Errorf("%s: %s does not compare %s", f.figure, f.workload.Name(), f.metric)
			}
		}
	}
}

// waysRecords are two halves of a round: the switch has half of the loopback's
// throughput, then a quarter, and pasta a tenth; slirp4netns broke.
func waysRecords() []Record {
	var recs []Record
	for half, own := range []float64{20, 10} {
		for slot, r := range []struct {
			runner string
			gbs    float64
		}{{refLoopback, 40}, {runOwn, own}, {runPasta, 4}, {runSlirp, 0}} {
			rec := Record{Workload: upload.Name(), Runner: r.runner, Half: half, Slot: slot, Congestion: "cubic",
				Values: map[string]float64{Throughput: r.gbs, CPUPerGB: 1}}
			if r.gbs == 0 {
				rec.Dropped, rec.Values = "it broke", nil
			}
			recs = append(recs, rec)
		}
	}
	return append(recs, Record{Workload: upload.Name(), Runner: runOwn, AA: true, Values: map[string]float64{Throughput: 99}})
}

func TestRatiosOfTwoRunners(t *testing.T) {
	for _, tt := range []struct {
		runner, base string
		want         []float64
	}{
		{runOwn, refLoopback, []float64{0.5, 0.25}}, {runOwn, runPasta, []float64{5, 2.5}},
		{runOwn, runSlirp, []float64{}}, {runOwn, "nobody", []float64{}}, {refLoopback, runPasta, []float64{10, 10}},
	} {
		pairs, cc := ratios(waysRecords(), upload.Name(), Throughput, tt.runner, tt.base)
		if got := Ratios(pairs); !slices.Equal(got, tt.want) || len(got) > 0 && cc != "cubic" {
			t.Errorf("%s by %s: %v under %q, want %v", tt.runner, tt.base, got, cc, tt.want)
		}
	}
}

// measuredWays is a measurement of which one section ran and one failed.
func measuredWays() *ways {
	o := waysOptions()
	o.Sections = NATSections()
	w := &ways{WaysOptions: o, plan: &natPlan, failed: map[string]error{"packet": errors.New("the machine is on fire")}}
	recs := waysRecords()
	report := &Report{
		Settings: Settings{Reference: refLoopback, Candidates: []string{runOwn, runPasta, runSlirp}}, Records: recs,
		Figures: figures([]Workload{upload}, recs, refLoopback, rng(1)), Verified: []Verification{},
	}
	w.runs = []WayRun{{"out", report}}
	w.absent = []Absence{{"jumbo", runPasta, "pasta is not installed"}}
	w.proofs = []Proof{{Section: "out", Runner: runOwn, Carried: 5e6, Copied: 3, Connections: []api.Connection{
		{Protocol: "tcp", Direction: "out", Path: "socket", Inside: "10.0.0.2:1", Remote: "198.51.100.1:2"},
	}}}
	return w
}

func TestWaysVerdicts(t *testing.T) {
	report := measuredWays().report(time.Time{}, [3]float64{})
	for figure, want := range map[string][2]string{
		"upload / loopback":        {Misses, ""},
		"upload / pasta":           {Misses, ""},
		"upload CPU / pasta":       {"", ""},
		"upload / slirp4netns":     {NotMeasured, "slirp4netns: it broke"},
		"connections / loopback":   {NotMeasured, "no pair counted"},
		"upload 65520 / pasta":     {NotMeasured, "pasta: pasta is not installed"},
		"NAT / switched":           {NotMeasured, "the machine is on fire"},
		"download 65520 / unknown": {},
	} {
		r := report.Find(figure)
		if want == [2]string{} && strings.HasSuffix(figure, "unknown") {
			if r != nil {
				t.Errorf("%s: %+v", figure, r)
			}
			continue
		}
		if r == nil || r.Verdict != want[0] || r.Why != want[1] {
			t.Errorf("%s: %+v, want %q", figure, r, want)
		}
	}
	r := report.Find("upload / loopback")
	if r.Spread.Median != 0.375 || r.RunnerValue != 15 || r.BaseValue != 40 || r.Congestion != "cubic" {
		t.Errorf("%+v", r)
	}
	w := measuredWays()
	w.runs[0].Section = "flows"
	for i := range w.runs[0].Report.Records {
		rec := &w.runs[0].Report.Records[i]
		rec.Runner = map[string]string{refLoopback: runPacketNAT, runOwn: runFull}[rec.Runner]
	}
	for flows, want := range map[int]string{100: NotMeasured, aimedFlows: Misses} {
		w.Flows = flows
		if r := w.report(time.Time{}, [3]float64{}).Find("many flows / one"); r.Verdict != want || r.Spread.N != 2 {
			t.Errorf("%d flows: %+v", flows, r)
		}
	}
}

func TestWaysTable(t *testing.T) {
	report := measuredWays().report(time.Time{}, [3]float64{0.5, 1, 2})
	var text, md bytes.Buffer
	err := errors.Join(report.WriteTable(&text), report.WriteMarkdown(&md, func(s string) string { return "nat-" + s + ".svg" }))
	if err != nil {
		t.Fatal(err)
	}
	fits(t, text.String())
	has(t, text.String(),
		"FIGURE ", "\nupload / loopback             15.0   0.38     0.25..0.50  2 >= 0.7  misses\n",
		"\nNAT / switched                   -      -              -  0 >= 0.97 not measured\n", "Not in section jumbo: pasta: pasta is not installed.\n",
		"Not measured (packet): the machine is on fire.\n", "Proof (out, vswitch): the container's port carried 5 MB, of which 3 bytes", "\nSection out, every figure to loopback:\n",
	)
	has(t, md.String(),
		"## The way out, 0001-01-01\n\n- Machine: ", "| upload / loopback | vswitch | 15.0 | Gb/s | loopback | 40.0 | 0.38 | 0.25..0.50 | 0.25..0.50 | 2 | 1.00..1.00 | cubic | >= 0.7 | misses |\n",
		"![Ratios to loopback](nat-out.svg)", "- Not measured (packet)",
	)
}

func TestWaysJSONRoundTrip(t *testing.T) {
	want := measuredWays().report(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), [3]float64{1, 2, 3})
	s := roundTrip(t, want, want.WriteJSON, ReadWaysReport, `{"schema":"vswitch/v1/bench-l2"}`, `{`)
	if !strings.Contains(s, `"schema": "vswitch/v1/bench-nat"`) || strings.Contains(s, "null") {
		t.Error(s)
	}
}

func TestProofWithoutConnections(t *testing.T) {
	for want, p := range map[string]Proof{
		"none: no switch.":               {Problem: "no switch"},
		"conntrack showed no connection": {Connections: []api.Connection{}},
	} {
		if s := p.String(); !strings.Contains(s, want) {
			t.Errorf("%q lacks %q", s, want)
		}
	}
}

// The command that makes the container says how its port is published.
func TestOwnWayPublishes(t *testing.T) {
	for mode, want := range map[string]string{
		"":         "run -d --name box --network way -- sleep infinity",
		sourceMode: "run -d --name box --network way -p 198.51.100.1:5201:5201/tcp -p 198.51.100.1:5201:5201/udp --publish-mode source -- sleep infinity",
		spliceMode: "run -d --name box --network way -p 127.0.0.1:5201:5201/tcp -p 127.0.0.1:5201:5201/udp --publish-mode splice -- sleep infinity",
	} {
		if got := strings.Join((&ownWay{mode: mode}).runArgs(), " "); got != want {
			t.Errorf("%q: %s", mode, got)
		}
	}
}
