package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Record is one sample as it was taken, with what speaks against it.
type Record struct {
	Workload string `json:"workload"`
	Runner   string `json:"runner"`
	// AA marks the reference's run against itself. Slot 0 is the reference's
	// place in a half of a round; the others are the candidates'.
	AA    bool `json:"aa,omitempty"`
	Round int  `json:"round"`
	Half  int  `json:"half"`
	Slot  int  `json:"slot"`
	// Values are the sample's metrics; empty when it failed.
	Values     map[string]float64 `json:"values,omitempty"`
	Congestion string             `json:"congestion,omitempty"`
	Steal      float64            `json:"steal"`
	// Path is by how much the runner's own counters moved.
	Path Counters `json:"path"`
	// Dropped says why the sample does not count; empty when it does.
	Dropped string `json:"dropped,omitempty"`
	// Stolen tells that it was dropped for the machine's sake.
	Stolen bool `json:"stolen,omitempty"`
}

// run is one call of Run.
type run struct {
	Options
	sites  []*site // the reference first
	void   map[string]string
	report *Report
	done   int
}

// Run starts all runners, measures, and stops them. What fails for one sample is
// in the report; an error means that there is no report to speak of: a runner did
// not start, a program is missing, or ctx ended.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.cpu == nil {
		o.cpu = ReadCPU
	}
	r := &run{Options: o, void: map[string]string{}}
	start := o.Now()
	r.report = &Report{Schema: Schema, Started: start.UTC(), Machine: readMachine(&o), Settings: o.settings(), Verified: []Verification{}, Records: []Record{}}
	defer func() { err = errors.Join(err, r.closeAll()) }()
	for _, step := range []func(context.Context) error{r.startAll, r.verifyAll, r.generators, r.measureAll} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	r.report.Elapsed = o.Now().Sub(start)
	r.report.Figures = figures(r.Workloads, r.report.Records, r.Reference.Name(), o.Rand)
	r.report.Records = nonNil(r.report.Records)
	return r.report, nil
}

func (r *run) startAll(ctx context.Context) error {
	for _, runner := range r.runners() {
		s, err := startSite(ctx, runner)
		if err != nil {
			return err
		}
		r.sites = append(r.sites, s)
		if r.Env.Congestion != "" {
			if err := s.unpaced(); err != nil {
				return err
			}
		}
		if r.OneWay {
			if err := s.manyPorts(); err != nil {
				return err
			}
		}
		if err := r.settle(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) closeAll() error {
	var err error
	for _, s := range r.sites {
		if cerr := s.Close(); cerr != nil {
			err = errors.Join(err, fmt.Errorf("stop %s: %w", s.Name(), cerr))
		}
	}
	return err
}

// settle waits until two stations have heard each other: a bridge port may need
// a moment to forward, and the first frame asks for an address.
func (r *run) settle(ctx context.Context, s *site) error {
	ctx, cancel := context.WithTimeout(ctx, slack)
	defer cancel()
	echo, at, err := r.Env.listener(ctx, s.stations[1], "echo")
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	defer echo.end()
	ping, err := r.Env.agent(ctx, s.stations[0], "ping", "-to", at.String(), "-for", "10s", "-count", "3")
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	defer ping.end()
	var p PingReport
	if err := ping.report(&p); err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	if p.Answered == 0 {
		return fmt.Errorf("%s: the stations cannot reach each other", s.Name())
	}
	return nil
}

// verifyAll sends checked bytes over each site, both ways. A site that gets one
// wrong is measured on, but nothing of it counts.
func (r *run) verifyAll(ctx context.Context) error {
	for _, s := range r.sites {
		if r.Verify == 0 {
			continue
		}
		v := Verification{Runner: s.Name()}
		for reverse := range 2 {
			n, err := r.verifyWay(ctx, s, reverse == 1)
			v.Bytes += n
			if err != nil {
				v.Problem = err.Error()
				r.void[s.Name()] = "verified transfer failed"
				break
			}
		}
		r.report.Verified = append(r.report.Verified, v)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// verifyWay sends checked bytes to the second station, or back. Where only the
// first can call, the second sends over that connection.
func (r *run) verifyWay(ctx context.Context, s *site, back bool) (uint64, error) {
	v := Verified{Bytes: r.Verify, Seed: r.Rand.Uint64(), Reverse: back && r.OneWay}
	from, to := s.stations[0], s.stations[1]
	if back && !r.OneWay {
		from, to = to, from
	}
	sample, err := v.Run(ctx, &r.Env, from, to)
	return sample.Bytes, err
}

// generators measures the frame generator over the plain pair.
func (r *run) generators(ctx context.Context) (err error) {
	sizes := frameSizes(r.Workloads)
	if r.Plain == nil || len(sizes) == 0 {
		return nil
	}
	s, err := startSite(ctx, r.Plain)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := r.settle(ctx, s); err != nil {
		return err
	}
	for _, size := range sizes {
		g, err := measureGenerator(ctx, &r.Env, size, s.stations[0], s.stations[1])
		if err != nil {
			return err
		}
		r.report.Generators = append(r.report.Generators, g)
	}
	return nil
}

func frameSizes(ws []Workload) (sizes []int) {
	for _, w := range ws {
		if u, ok := w.(UDP); ok {
			sizes = append(sizes, u.Frame)
		}
	}
	return sizes
}

func (r *run) measureAll(ctx context.Context) error {
	twin := []*site{r.sites[0], r.sites[0]}
	for _, w := range r.Workloads {
		if err := r.rounds(ctx, w, twin, r.AARounds, true); err != nil {
			return err
		}
		if err := r.rounds(ctx, w, r.sites, r.Rounds, false); err != nil {
			return err
		}
	}
	return nil
}

// rounds walks over the sites forth and back n times.
func (r *run) rounds(ctx context.Context, w Workload, sites []*site, n int, aa bool) error {
	for round := range n {
		for i := range 2 * len(sites) {
			rec := Record{Workload: w.Name(), AA: aa, Round: round, Half: i / len(sites), Slot: i}
			if rec.Half == 1 {
				rec.Slot = 2*len(sites) - 1 - i
			}
			if err := r.sample(ctx, w, sites[rec.Slot], &rec); err != nil {
				return err
			}
			r.report.Records = append(r.report.Records, rec)
			r.done++
			if r.Progress != nil {
				r.Progress(r.done, r.samples(), rec)
			}
		}
	}
	return nil
}

// sample measures once and judges the sample.
func (r *run) sample(ctx context.Context, w Workload, s *site, rec *Record) error {
	rec.Runner = s.Name()
	before, err := r.observe()
	if err != nil {
		return err
	}
	smp, werr := w.Run(ctx, &r.Env, s.stations[0], s.stations[1])
	if err := ctx.Err(); err != nil {
		return err
	}
	after, err := r.observe()
	if err != nil {
		return err
	}
	rec.Values, rec.Congestion = smp.Values, smp.Congestion
	rec.Steal = after.cpu.Sub(before.cpu).StealShare()
	rec.Path = after.counters[s.Name()].since(before.counters[s.Name()])
	rec.judge(r, smp, werr, before, after)
	return nil
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// settings are the options as the report shows them.
func (o *Options) settings() Settings {
	s := Settings{
		Reference: o.Reference.Name(), Rounds: o.Rounds, AARounds: o.AARounds, MaxSteal: o.MaxSteal,
		Warmup: o.Env.Warmup, Length: o.Env.Length, Congestion: o.Env.Congestion, VerifyBytes: o.Verify,
	}
	for _, c := range o.Candidates {
		s.Candidates = append(s.Candidates, c.Name())
	}
	return s
}

// Duration estimates how long Run takes with these options.
func (o *Options) Duration() time.Duration {
	const start = 300 * time.Millisecond // programs starting and ending
	return time.Duration(o.samples()) * (o.Env.Warmup + o.Env.Length + start)
}
