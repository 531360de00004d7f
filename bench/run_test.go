package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeRunner forwards by counting: a workload adds to it what it "sent".
type fakeRunner struct {
	name   string
	speed  float64
	c      Counters
	closed int
	broken error // what Close says
	start  error
}

func (f *fakeRunner) Name() string                { return f.name }
func (f *fakeRunner) Counters() (Counters, error) { return f.c, nil }
func (f *fakeRunner) Close() error                { f.closed++; return f.broken }

func (f *fakeRunner) Start(context.Context) ([]Station, error) {
	if f.start != nil {
		return nil, f.start
	}
	a, b := loopback(f.name), loopback(f.name)
	return []Station{a, b}, nil
}

// fakeWorkload asks the table of runners by the station's name.
type fakeWorkload struct {
	runners map[string]*fakeRunner
	order   *[]string
	edit    func(runner string, n int, s *Sample) error
	n       int
}

func (*fakeWorkload) Name() string { return "fake" }

func (*fakeWorkload) Metrics() []Metric {
	return []Metric{{Name: "speed", Unit: "1", Compared: true}, {Name: "info", Unit: "1"}}
}

func (w *fakeWorkload) Run(_ context.Context, _ *Env, a, _ Station) (Sample, error) {
	r := w.runners[a.Name]
	*w.order = append(*w.order, a.Name)
	r.c.Bytes += 1 << 20
	r.c.Frames += 100
	s := Sample{Values: map[string]float64{"speed": r.speed, "info": 3}, Bytes: 1 << 20, Frames: 100}
	w.n++
	if w.edit == nil {
		return s, nil
	}
	return s, w.edit(a.Name, w.n, &s)
}

// fakes returns options over three fake runners: ref, half and double.
func fakes() (Options, *fakeWorkload) {
	ref, half, double := &fakeRunner{name: "ref", speed: 10}, &fakeRunner{name: "half", speed: 5}, &fakeRunner{name: "double", speed: 20}
	w := &fakeWorkload{order: new([]string), runners: map[string]*fakeRunner{"ref": ref, "half": half, "double": double}}
	clock := time.Unix(1000, 0)
	return Options{
		Reference: ref, Candidates: []Runner{half, double}, Workloads: []Workload{w}, Rounds: 2, AARounds: 1, MaxSteal: 0.05,
		Env: Env{Agent: selfAgent(), Warmup: time.Second, Length: time.Second}, Rand: rand.New(rand.NewPCG(1, 2)),
		Now: func() time.Time { clock = clock.Add(time.Minute); return clock },
		cpu: func() (CPUTime, error) { return CPUTime{}, nil },
	}, w
}

func TestRunWalksForthAndBack(t *testing.T) {
	o, w := fakes()
	var progress []int
	o.Progress = func(done, total int, _ Record) { progress = append(progress, done*100+total) }
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields("ref ref ref ref ref half double double half ref ref half double double half ref")
	if !slices.Equal(*w.order, want) {
		t.Errorf("order\n%v, want\n%v", *w.order, want)
	}
	if len(progress) != 16 || progress[0] != 116 || progress[15] != 1616 {
		t.Errorf("progress %v", progress)
	}
	for name, ratio := range map[string]float64{"half": 0.5, "double": 2} {
		f := r.Find("fake", "speed", name)
		if f.Ratio.Median != ratio || f.Ratio.N != 4 || f.AA.N != 2 || f.Claim != 0 || f.Value != ratio*10 || f.Reference != 10 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if r.Find("fake", "speed", "half").Verdict != "below" || r.Find("fake", "speed", "double").Verdict != "above" {
		t.Error("wrong verdicts")
	}
	if r.Elapsed != time.Minute || r.Find("fake", "info", "half").Value != 3 || r.Find("x", "speed", "half") != nil {
		t.Errorf("elapsed %v", r.Elapsed)
	}
	for name, f := range w.runners {
		if f.closed != 1 {
			t.Errorf("%s was closed %d times", name, f.closed)
		}
	}
}

func TestRunTakesTheSpreadFromWithin(t *testing.T) {
	o, w := fakes()
	o.AARounds = 0
	w.edit = func(runner string, n int, s *Sample) error {
		if runner == "ref" && n%6 == 0 {
			s.Values["speed"] = 11
		}
		return nil
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Find("fake", "speed", "half"); f.AA.N != 2 || f.AA.Min != 1.1 || f.Claim < 0.0999 || f.Claim > 0.1001 {
		t.Errorf("%+v", f)
	}
}

func TestRunDropsWhatDoesNotCount(t *testing.T) {
	tests := []struct {
		name, reason string
		edit         func(w *fakeWorkload, runner string, s *Sample) error
	}{
		{"failed", "it broke", func(*fakeWorkload, string, *Sample) error { return errors.New("it broke") }},
		{"other road", "not on this path", func(_ *fakeWorkload, _ string, s *Sample) error { s.Bytes *= 2; return nil }},
		{"too few frames", "not on this path", func(_ *fakeWorkload, _ string, s *Sample) error { s.Frames++; return nil }},
		{"a second road", "not only on this path", func(w *fakeWorkload, _ string, _ *Sample) error {
			w.runners["double"].c.Bytes += 1 << 20
			return nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, w := fakes()
			w.edit = func(runner string, n int, s *Sample) error {
				if runner == "half" {
					return tt.edit(w, runner, s)
				}
				return nil
			}
			r, err := Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			f := r.Find("fake", "speed", "half")
			if f.Ratio.N != 0 || f.Void != 4 || f.Verdict != "void" {
				t.Errorf("%+v", f)
			}
			if f := r.Find("fake", "speed", "double"); f.Ratio.N != 4 || f.Ratio.Median != 2 {
				t.Errorf("the other candidate suffered: %+v", f)
			}
			if !slices.ContainsFunc(r.Records, func(rec Record) bool { return strings.Contains(rec.Dropped, tt.reason) }) {
				t.Errorf("no record says %q", tt.reason)
			}
			if !slices.ContainsFunc(r.notes(), func(n string) bool { return strings.Contains(n, "Dropped 4 of 16") }) {
				t.Errorf("the notes do not count what was dropped: %q", r.notes())
			}
		})
	}
}

func TestRunDropsStolenPairs(t *testing.T) {
	o, _ := fakes()
	calls := 0
	var at CPUTime
	o.cpu = func() (CPUTime, error) {
		calls++
		at.Total += time.Second
		if calls == 10 { // the end of the fifth sample: the first of the main rounds
			at.Steal += time.Second / 2
		}
		return at, nil
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"half", "double"} {
		if f := r.Find("fake", "speed", name); f.Stolen != 1 || f.Ratio.N != 3 || f.Void != 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestRunFailsCleanly(t *testing.T) {
	boom := errors.New("boom")
	ctx, cancel := context.WithCancel(context.Background())
	tests := map[string]func(o *Options, w *fakeWorkload){
		"a runner does not start": func(_ *Options, w *fakeWorkload) { w.runners["double"].start = boom },
		"a runner does not stop":  func(_ *Options, w *fakeWorkload) { w.runners["half"].broken = boom },
		"no processor times":      func(o *Options, _ *fakeWorkload) { o.cpu = func() (CPUTime, error) { return CPUTime{}, boom } },
		"interrupted": func(_ *Options, w *fakeWorkload) {
			w.edit = func(string, int, *Sample) error { cancel(); return fmt.Errorf("killed") }
		},
	}
	for name, breakIt := range tests {
		t.Run(name, func(t *testing.T) {
			o, w := fakes()
			breakIt(&o, w)
			c := context.Background()
			if name == "interrupted" {
				c = ctx
			}
			if _, err := Run(c, o); !errors.Is(err, boom) && !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v", err)
			}
			if w.runners["ref"].closed != 1 || w.runners["half"].closed != 1 {
				t.Error("a started runner was not closed once")
			}
		})
	}
}

// A site that delivers wrong bytes is measured, and none of it counts.
func TestRunVoidsAFalseSite(t *testing.T) {
	o, w := fakes()
	o.Verify = 1000
	o.Candidates = append(o.Candidates, &liar{fakeRunner{name: "liar", speed: 99}})
	w.runners["liar"] = &o.Candidates[2].(*liar).fakeRunner
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Find("fake", "speed", "liar"); f.Verdict != "void" || f.Void != 4 {
		t.Errorf("%+v", f)
	}
	if v := r.Verified[3]; v.Runner != "liar" || v.Problem == "" {
		t.Errorf("%+v", r.Verified)
	}
	if v := r.Verified[0]; v.Problem != "" || v.Bytes != 2000 {
		t.Errorf("%+v", v)
	}
	if !strings.HasPrefix(r.verifiedNote(), "VOID: liar") {
		t.Errorf("note: %s", r.verifiedNote())
	}
}

// liar damages transfers: its second station checks against another pattern.
type liar struct{ fakeRunner }

func (l *liar) Start(ctx context.Context) ([]Station, error) {
	st, err := l.fakeRunner.Start(ctx)
	st[1].Start = func(cmd *exec.Cmd) error {
		for i, arg := range cmd.Args {
			if arg == "-seed" {
				cmd.Args[i+1] = "12345"
			}
		}
		return cmd.Start()
	}
	return st, err
}

func TestOptionsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no reference": func(o *Options) { o.Reference = nil },
		"no candidate": func(o *Options) { o.Candidates = nil },
		"no workload":  func(o *Options) { o.Workloads = nil },
		"no rounds":    func(o *Options) { o.Rounds = 0 },
		"no rand":      func(o *Options) { o.Rand = nil },
		"no agent":     func(o *Options) { o.Env.Agent = nil },
		"twice":        func(o *Options) { o.Candidates = append(o.Candidates, o.Reference) },
	} {
		o, _ := fakes()
		spoil(&o)
		if _, err := Run(context.Background(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	o, _ := fakes()
	o.Workloads, o.Env.IPerf = []Workload{TCP{Streams: 1}}, "/nonexistent/iperf3"
	if _, err := Run(context.Background(), o); !errors.Is(err, ErrNoIPerf) {
		t.Errorf("without iperf3: %v", err)
	}
}

func TestPresets(t *testing.T) {
	for _, name := range []string{"quick", "standard", "full"} {
		o, _ := fakes()
		if err := o.Preset(name); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, w := range o.Workloads {
			if names[w.Name()] || !w.Metrics()[0].Compared {
				t.Errorf("%s: workload %s twice, or without a primary metric", name, w.Name())
			}
			names[w.Name()] = true
		}
		if o.Candidates = o.Candidates[:1]; name == "quick" && o.Duration() > 50*time.Second {
			t.Errorf("quick takes %v", o.Duration())
		}
	}
	o, _ := fakes()
	if err := o.Preset("slow"); err == nil {
		t.Error("an unknown preset is accepted")
	}
	if err := o.Preset("standard"); err != nil {
		t.Fatal(err)
	}
	if err := o.Select("rr-udp", "tcp-1"); err != nil || len(o.Workloads) != 2 || o.Workloads[0].Name() != "tcp-1" {
		t.Errorf("selected %v, %v", o.Workloads, err)
	}
	if err := o.Select("tcp-9"); err == nil {
		t.Error("an unknown workload is accepted")
	}
}
