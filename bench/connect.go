package bench

import (
	"context"
	"fmt"
)

// Connect is connections that are opened, carry one byte each way and are closed, a few at a
// time, again and again.
type Connect struct{}

// Names of its metrics.
const (
	ConnectRate = "conn/s"
	CPUPerConn  = "CPU us/co"
)

// Name implements Workload.
func (Connect) Name() string { return "connect" }

// Metrics implements Workload.
func (Connect) Metrics() []Metric {
	return []Metric{
		{Name: ConnectRate, Unit: "1/s", Compared: true},
		{Name: CPUPerConn, Unit: "us", Lower: true, Compared: true},
		{Name: "failed", Unit: "connections", Lower: true},
	}
}

// Run implements Workload. It fails when no connection succeeds.
func (c Connect) Run(ctx context.Context, env *Env, a, b Station) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, env.Warmup+env.Length+slack)
	defer cancel()
	server, at, err := env.listener(ctx, b, "greet")
	if err != nil {
		return Sample{}, err
	}
	defer server.end()
	var r OpenReport
	err = env.once(ctx, a, &r, "open", "-to", at.String(), "-warmup", env.Warmup.String(), "-for", env.Length.String())
	if err != nil {
		return Sample{}, err
	}
	return c.sample(r)
}

func (c Connect) sample(r OpenReport) (Sample, error) {
	if r.Opened == 0 {
		return Sample{}, fmt.Errorf("%s: no connection of %d: %s", c.Name(), r.Failed, r.Failure)
	}
	return Sample{
		Values: map[string]float64{
			ConnectRate: float64(r.Opened) / r.Window.Seconds(),
			CPUPerConn:  micros(r.CPU.Busy) / float64(r.Opened),
			"failed":    float64(r.Failed),
		},
		// A SYN and a FIN each way are four segments at least.
		Bytes: r.Opened, Frames: 4 * r.Opened,
	}, nil
}
