package bench

import (
	"errors"
	"testing"
	"time"
)

func TestSearchRateFindsTheKnee(t *testing.T) {
	for _, knee := range []float64{1500, 40e3, 777e3, 3e6} {
		full := 0
		trial := func(rate float64, length time.Duration) (float64, error) {
			if length == time.Second {
				full++
			}
			if rate > knee {
				return 1 - knee/rate, nil
			}
			return 0, nil
		}
		got, err := searchRate(trial, 1000, 2e6, 0.005, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if want := min(knee, 2e6); got > want*1.006 || got < want/1.12 {
			t.Errorf("knee %v: got %v", knee, got)
		}
		if full == 0 || full > 3*searchTrials {
			t.Errorf("knee %v: %d trials of full length", knee, full)
		}
	}
}

// What passes short and fails long must be stepped down from.
func TestSearchRateConfirms(t *testing.T) {
	trial := func(rate float64, length time.Duration) (float64, error) {
		if length == time.Second && rate > 5000 {
			return 0.5, nil
		}
		return 0, nil
	}
	if got, err := searchRate(trial, 1000, 10000, 0, time.Second); err != nil || got > 5000 || got < 4700 {
		t.Errorf("got %v, %v", got, err)
	}
}

// Two bad moments in a row must not move the result.
func TestSearchRateForgivesNoise(t *testing.T) {
	n := 0
	trial := func(rate float64, _ time.Duration) (float64, error) {
		if n++; n%3 != 0 || rate > 5000 {
			return 1, nil
		}
		return 0, nil
	}
	if got, err := searchRate(trial, 1000, 20000, 0.005, time.Second); err != nil || got > 5000 || got < 4700 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestSearchRateFails(t *testing.T) {
	boom := errors.New("boom")
	if _, err := searchRate(func(float64, time.Duration) (float64, error) { return 0, boom }, 1, 2, 0, 1); !errors.Is(err, boom) {
		t.Errorf("error = %v", err)
	}
	if got, err := searchRate(func(float64, time.Duration) (float64, error) { return 1, nil }, 10, 20, 0, 1); err == nil {
		t.Errorf("a road that loses everything has a rate: %v", got)
	}
}
