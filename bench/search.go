package bench

import (
	"context"
	"fmt"
	"math"
	"time"
)

// PDR looks for the highest rate of frames of one size at which no more than
// Loss of them is lost: the partial drop rate, in the words of RFC 2544's heirs.
type PDR struct {
	Frame int
	// Loss is the share that may be lost; 0.005 is usual.
	Loss float64
	// Low and High bound the search, in frames a second.
	Low, High float64
}

// Name is pdr-SIZE.
func (p PDR) Name() string { return fmt.Sprintf("pdr-%d", p.Frame) }

// Metrics implements Workload.
func (PDR) Metrics() []Metric {
	return []Metric{{Name: FrameRate, Unit: "1000 frames/s at the loss bound", Compared: true}}
}

// Run implements Workload.
func (p PDR) Run(ctx context.Context, env *Env, a, b Station) (Sample, error) {
	var frames uint64
	trial := func(rate float64, length time.Duration) (float64, error) {
		e := *env
		e.Length, e.Warmup = length, 0
		tx, rx, err := UDP{Frame: p.Frame, Rate: rate}.exchange(ctx, &e, a, b, false)
		if err != nil || tx.Sent == 0 {
			return 1, err
		}
		frames += rx.Received
		// A sender that cannot keep the rate has not offered it: count what is missing.
		offered := math.Max(float64(tx.Sent), 0.99*rate*tx.Elapsed.Seconds())
		return 1 - float64(rx.Received-rx.Duplicates)/offered, nil
	}
	rate, err := searchRate(trial, p.Low, p.High, p.Loss, env.Length)
	return Sample{Values: map[string]float64{FrameRate: rate / 1e3}, Frames: frames}, err
}

// searchStep is the ratio of two rates that the search no longer tells apart.
const searchStep = 1.05

// searchRate returns the highest rate between low and high at which trial loses
// no more than bound, within a factor of searchStep. As in MLRsearch
// (draft-ietf-bmwg-mlrsearch) trials are short while the interval is wide, and
// only the last candidate is confirmed by a trial of full length; one that fails
// sends the search below it.
func searchRate(trial trialFunc, low, high, bound float64, full time.Duration) (float64, error) {
	top := high
	for high/low > searchStep {
		mid := math.Sqrt(low * high)
		ok, err := trial.carries(mid, bound, full/4)
		if err != nil {
			return 0, err
		}
		if ok {
			low = mid
		} else {
			high = mid
		}
	}
	for rate := math.Min(low, top); ; rate /= searchStep {
		ok, err := trial.carries(rate, bound, full)
		if err != nil || ok {
			return rate, err
		}
		if rate < 1 {
			return 0, fmt.Errorf("no rate loses as little as %g", bound)
		}
	}
}

// trialFunc offers a rate for a time and returns the share that was lost.
type trialFunc func(rate float64, length time.Duration) (float64, error)

// searchTrials is how often a rate may fail before it has failed: a moment in
// which the machine did something else must not halve the result.
const searchTrials = 3

// carries reports whether one of the trials at the rate loses no more than bound.
func (t trialFunc) carries(rate, bound float64, length time.Duration) (bool, error) {
	for range searchTrials {
		if loss, err := t(rate, length); err != nil || loss <= bound {
			return err == nil, err
		}
	}
	return false, nil
}
