package bench

import (
	"errors"
	"testing"
	"time"
)

// transfer is a result with one connection and intervals of 100 ms.
func transfer(megabytes ...float64) (r iperfResult) {
	r.Start.Connected = make([]struct{}, 1)
	for _, mb := range megabytes {
		var i iperfInterval
		i.Sum.Seconds, i.Sum.Bytes = 0.1, mb*1e6
		r.Intervals = append(r.Intervals, i)
	}
	return r
}

func TestGap(t *testing.T) {
	for name, tt := range map[string]struct {
		r    iperfResult
		want time.Duration
	}{
		"none":                   {transfer(9, 9, 9, 9), 0},
		"one interval":           {transfer(9, 9, 0, 9, 9), 100 * time.Millisecond},
		"the longer of two":      {transfer(9, 0, 9, 0, 0, 0, 9, 9), 300 * time.Millisecond},
		"a few bytes are a gap":  {transfer(9, 9, 0.01, 0, 9, 9), 200 * time.Millisecond},
		"slow is not a gap":      {transfer(9, 9, 1, 1, 1, 9), 0},
		"a short tail is no end": {transfer(9, 9, 0, 0, 9, 9, 0), 200 * time.Millisecond},
	} {
		if got, err := tt.r.gap(); err != nil || got.Round(time.Millisecond) != tt.want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, tt.want)
		}
	}
}

func TestGapRefuses(t *testing.T) {
	_, err := transfer(9, 9, 9, 0, 0, 0, 0, 0).gap()
	if _, broke := errors.AsType[*brokenTransfer](err); !broke {
		t.Errorf("a transfer that ended early: %v", err)
	}
	two := transfer(9, 9, 9)
	two.Start.Connected = make([]struct{}, 2)
	for name, r := range map[string]iperfResult{"two connections": two, "none": {}, "too short": transfer(9, 9)} {
		if d, err := r.gap(); err == nil {
			t.Errorf("%s: %v", name, d)
		}
	}
}
