package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Verified is a TCP transfer of which every byte is checked on arrival.
type Verified struct {
	Bytes uint64
	Seed  uint64
	// Reverse lets b, which is called, send.
	Reverse bool
}

// ErrWrongBytes says that a site delivered bytes that nobody sent.
var ErrWrongBytes = errors.New("the bytes that arrived are not those that were sent")

// Name implements Workload.
func (v Verified) Name() string {
	if v.Reverse {
		return "tcp-verified-R"
	}
	return "tcp-verified"
}

// Metrics implements Workload.
func (Verified) Metrics() []Metric {
	return []Metric{
		{Name: Throughput, Unit: "Gb/s", Compared: true},
		{Name: CPUPerGB, Unit: "s/GB", Lower: true, Compared: true},
	}
}

// Run implements Workload. It fails with ErrWrongBytes if a byte is wrong,
// missing or too many.
func (v Verified) Run(ctx context.Context, env *Env, a, b Station) (Sample, error) {
	r, err := v.transfer(ctx, env, a, b)
	if err != nil {
		return Sample{}, err
	}
	if r.Wrong >= 0 {
		return Sample{}, fmt.Errorf("%w: first at offset %d", ErrWrongBytes, r.Wrong)
	}
	if r.Bytes != v.Bytes {
		return Sample{}, fmt.Errorf("%w: %d of %d bytes", ErrWrongBytes, r.Bytes, v.Bytes)
	}
	return Sample{
		Values: map[string]float64{
			Throughput: float64(r.Bytes) / gigabit / r.Elapsed.Seconds(),
			CPUPerGB:   r.CPU.Busy.Seconds() / (float64(r.Bytes) / gigabyte),
		},
		Bytes: r.Bytes,
	}, nil
}

// verifyTime bounds a transfer: it has a length in bytes, not in seconds, and
// the slowest of roads may be under test.
const verifyTime = 2 * time.Minute

func (v Verified) transfer(ctx context.Context, env *Env, a, b Station) (r SinkReport, err error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	sink := []string{"tcp-sink", "-seed", strconv.FormatUint(v.Seed, 10)}
	send := []string{"tcp-send", "-seed", strconv.FormatUint(v.Seed, 10), "-bytes", strconv.FormatUint(v.Bytes, 10)}
	var t TransferReport
	if v.Reverse { // not every way bears a server that speaks first, or closes first
		sink, send = append(sink, "-ask", strconv.FormatUint(v.Bytes, 10)), append(send, "-asked")
		return r, v.both(ctx, env, a, b, sink, send, &r, &t)
	}
	return r, v.both(ctx, env, a, b, send, sink, &t, &r)
}

// both has b listen and a call, and takes their reports, the caller's first.
func (Verified) both(ctx context.Context, env *Env, a, b Station, call, listen []string, calls, listens any) error {
	listener, at, err := env.listener(ctx, b, listen...)
	if err != nil {
		return err
	}
	defer listener.end()
	caller, err := env.agent(ctx, a, append(call, "-to", at.String())...)
	if err != nil {
		return err
	}
	defer caller.end()
	if err := caller.report(calls); err != nil {
		return err
	}
	return listener.report(listens)
}
