package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// upRunner is a runner that is started already.
type upRunner struct {
	Runner
	stations []Station
}

// Start implements Runner.
func (u *upRunner) Start(context.Context) ([]Station, error) { return u.stations, nil }

// Absence says why a runner is not in a section.
type Absence struct {
	Section string `json:"section"`
	Runner  string `json:"runner"`
	Why     string `json:"why"`
}

// compare measures candidates against a reference in one interleaved run. A
// candidate that does not start is left out, with the reason in the report.
func (w *ways) compare(ctx context.Context, section string, reference Runner, candidates []Runner, workloads []Workload) error {
	o := Options{
		Workloads: workloads, Rounds: w.Rounds, AARounds: w.AARounds, Verify: w.Verify, OneWay: true,
		MaxSteal: defaultMaxSteal, Env: w.Env, Rand: w.Rand, Now: w.Now, Commit: w.Commit, Observed: "off",
		Progress: func(done, total int, r Record) {
			w.tell("%s, %d of %d: %s on %s", section, done, total, r.Workload, r.Runner)
		},
	}
	w.tell("%s: start %s", section, reference.Name())
	started, err := up(ctx, reference)
	if err != nil {
		return fmt.Errorf("start %s: %w", reference.Name(), err)
	}
	o.Reference = started
	for _, c := range candidates {
		w.tell("%s: start %s", section, c.Name())
		u, err := w.usable(ctx, c)
		if err != nil {
			w.absent = append(w.absent, Absence{section, c.Name(), strings.TrimSpace(err.Error())})
			continue
		}
		o.Candidates = append(o.Candidates, u)
	}
	if len(o.Candidates) == 0 {
		return errors.Join(errors.New("no candidate started"), reference.Close())
	}
	report, err := Run(ctx, o)
	w.prove(section, candidates)
	if err != nil {
		return err
	}
	w.runs = append(w.runs, WayRun{section, report})
	return nil
}

func up(ctx context.Context, r Runner) (*upRunner, error) {
	st, err := r.Start(ctx)
	if err != nil {
		return nil, err
	}
	return &upRunner{r, st}, nil
}

// usable starts a candidate and looks whether its stations reach each other.
func (w *ways) usable(ctx context.Context, c Runner) (Runner, error) {
	u, err := up(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := (&run{Options: Options{Env: w.Env}}).settle(ctx, &site{c, u.stations}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return u, nil
}

// prove collects the proofs of runners that are closed.
func (w *ways) prove(section string, runners []Runner) {
	for _, r := range runners {
		if p, ok := r.(prover); ok && p.Proof().Runner != "" {
			proof := p.Proof()
			proof.Section = section
			w.proofs = append(w.proofs, proof)
		}
	}
}

// ratios pairs a runner with another one, half by half of each round. The other may
// be the reference.
func ratios(recs []Record, workload, metric, runner, base string) (pairs []Pair, congestion string) {
	at := map[pairKey]*Record{}
	for i := range recs {
		if r := &recs[i]; !r.AA && r.Workload == workload && r.Runner == base && r.usable(metric) {
			at[r.key()] = r
		}
	}
	for i := range recs {
		r := &recs[i]
		if b := at[r.key()]; b != nil && !r.AA && r.Runner == runner && r.usable(metric) {
			pairs = append(pairs, Pair{r.Values[metric], b.Values[metric]})
			congestion = r.Congestion
		}
	}
	return pairs, congestion
}
