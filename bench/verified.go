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
}

// ErrWrongBytes says that a site delivered bytes that nobody sent.
var ErrWrongBytes = errors.New("the bytes that arrived are not those that were sent")

// Name implements Workload.
func (Verified) Name() string { return "tcp-verified" }

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
	seed := strconv.FormatUint(v.Seed, 10)
	recv, at, err := env.listener(ctx, b, "tcp-sink", "-seed", seed)
	if err != nil {
		return r, err
	}
	defer recv.end()
	send, err := env.agent(ctx, a, "tcp-send", "-to", at.String(), "-seed", seed, "-bytes", strconv.FormatUint(v.Bytes, 10))
	if err != nil {
		return r, err
	}
	defer send.end()
	var t TransferReport
	if err := send.report(&t); err != nil {
		return r, err
	}
	return r, recv.report(&r)
}
