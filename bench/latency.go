package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Latency is one byte there and back, again and again.
type Latency struct {
	Proto string // "udp" or "tcp"
	// Load is a background of 1400-byte frames a second from a to b; 0 is none.
	Load float64
}

// Name is rr-PROTO, with @LOAD when there is a background.
func (l Latency) Name() string {
	if l.Load > 0 {
		return fmt.Sprintf("rr-%s@%g", l.Proto, l.Load)
	}
	return "rr-" + l.Proto
}

// Metrics implements Workload.
func (Latency) Metrics() []Metric {
	return []Metric{
		{Name: LatencyP50, Unit: "us", Lower: true, Compared: true},
		{Name: LatencyP99, Unit: "us", Lower: true, Compared: true},
		{Name: "p99.9 us", Unit: "us", Lower: true},
		{Name: "max us", Unit: "us", Lower: true},
		{Name: "answers", Unit: "1/s"},
		{Name: "lost", Unit: "requests", Lower: true},
	}
}

// Run implements Workload.
func (l Latency) Run(ctx context.Context, env *Env, a, b Station) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, env.Warmup+env.Length+slack)
	defer cancel()
	if l.Load > 0 {
		stop, err := l.background(ctx, env, a, b)
		if err != nil {
			return Sample{}, err
		}
		defer stop()
	}
	server, at, err := env.listener(ctx, b, "echo", "-proto", l.Proto)
	if err != nil {
		return Sample{}, err
	}
	defer server.end()
	r, err := l.ask(ctx, env, a, at.String())
	if err != nil {
		return Sample{}, err
	}
	return l.sample(r, env.Length)
}

func (l Latency) ask(ctx context.Context, env *Env, a Station, to string) (r PingReport, err error) {
	client, err := env.agent(ctx, a, "ping", "-proto", l.Proto, "-to", to,
		"-warmup", env.Warmup.String(), "-for", env.Length.String())
	if err != nil {
		return r, err
	}
	defer client.end()
	return r, client.report(&r)
}

func (l Latency) sample(r PingReport, length time.Duration) (Sample, error) {
	if r.Answered == 0 {
		return Sample{}, fmt.Errorf("%s: no answer, %d requests lost", l.Name(), r.Lost)
	}
	return Sample{
		Values: map[string]float64{
			LatencyP50: micros(r.P50),
			LatencyP99: micros(r.P99),
			"p99.9 us": micros(r.P999),
			"max us":   micros(r.Max),
			"answers":  float64(r.Answered) / length.Seconds(),
			"lost":     float64(r.Lost),
		},
		Frames: 2 * r.Answered,
		Bytes:  2 * r.Answered,
	}, nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// background starts the load and returns what ends it.
func (l Latency) background(ctx context.Context, env *Env, a, b Station) (stop func(), err error) {
	recv, at, err := env.listener(ctx, b, "udp-recv")
	if err != nil {
		return nil, err
	}
	send, err := env.agent(ctx, a, "udp-send", "-to", at.String(), "-frame", "1400",
		"-for", (env.Warmup + env.Length + slack).String(), "-rate", strconv.FormatFloat(l.Load, 'g', -1, 64))
	if err != nil {
		recv.end()
		return nil, err
	}
	return func() { send.end(); recv.end() }, nil
}
