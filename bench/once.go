package bench

import (
	"context"
	"errors"
)

// Once starts one runner, sends it the verified bytes, measures a workload on it
// once, alone and without anything to compare with, and stops it. Of o it uses
// Env, Verify, Rand and MaxSteal. A sample that does not count says so in the
// record, as one does after a wrong byte; an error means that there is none: a
// program is missing, the runner did not start or stop, or ctx ended.
func Once(ctx context.Context, o Options, runner Runner, w Workload) (rec Record, v Verification, err error) {
	o.Reference, o.Candidates, o.Workloads = runner, nil, []Workload{w}
	if o.Rand == nil || len(o.Env.Agent) == 0 {
		return rec, v, errors.New("bench: Rand and Env.Agent must be set")
	}
	if err := o.checkIPerf(); err != nil {
		return rec, v, err
	}
	if o.cpu == nil {
		o.cpu = ReadCPU
	}
	r := &run{Options: o, void: map[string]string{}, report: &Report{}}
	defer func() { err = errors.Join(err, r.closeAll()) }()
	for _, step := range []func(context.Context) error{r.startAll, r.verifyAll} {
		if err := step(ctx); err != nil {
			return rec, v, err
		}
	}
	if len(r.report.Verified) > 0 {
		v = r.report.Verified[0]
	}
	rec.Workload = w.Name()
	return rec, v, r.sample(ctx, w, r.sites[0], &rec)
}
