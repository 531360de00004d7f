package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func TestMedian(t *testing.T) {
	tests := []struct {
		v    []float64
		want float64
	}{
		{[]float64{3}, 3},
		{[]float64{3, 1}, 2},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
	}
	for _, tt := range tests {
		if got := Median(tt.v); got != tt.want {
			t.Errorf("Median(%v) = %v, want %v", tt.v, got, tt.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
	v := []float64{3, 1, 2}
	if Median(v); v[0] != 3 {
		t.Error("Median sorted its argument")
	}
}

func TestSummarizeIsDeterministic(t *testing.T) {
	v := []float64{0.9, 1.1, 0.95, 1.02, 0.99, 1.3, 0.97}
	a, b := Summarize(v, rng(7)), Summarize(v, rng(7))
	if a != b {
		t.Errorf("same seed, different spreads:\n%+v\n%+v", a, b)
	}
	if a.Median != 0.99 || a.Min != 0.9 || a.Max != 1.3 || a.N != 7 {
		t.Errorf("got %+v", a)
	}
	if a.Low > a.Median || a.High < a.Median || a.Low < a.Min || a.High > a.Max {
		t.Errorf("interval does not enclose the median: %+v", a)
	}
}

func TestSummarizeEdges(t *testing.T) {
	if s := Summarize(nil, rng(1)); s != (Spread{}) {
		t.Errorf("nothing gives %+v", s)
	}
	if s := Summarize([]float64{2}, rng(1)); s.Low != 2 || s.High != 2 || s.Median != 2 {
		t.Errorf("one value gives %+v", s)
	}
}

// The 95 % interval of the median must hold the true median about that often.
func TestBootstrapCoverage(t *testing.T) {
	r, hits := rng(11), 0
	const trials = 200
	for range trials {
		v := make([]float64, 20)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		if s := Summarize(v, r); s.Low <= 0 && s.High >= 0 {
			hits++
		}
	}
	if hits < trials*85/100 || hits == 0 {
		t.Errorf("the interval held the truth %d times in %d", hits, trials)
	}
}

func TestRatiosSkipUnusablePairs(t *testing.T) {
	got := Ratios([]Pair{{1, 2}, {1, 0}, {0, 0}, {math.NaN(), 1}, {3, 2}})
	if len(got) != 2 || got[0] != 0.5 || got[1] != 1.5 {
		t.Errorf("got %v", got)
	}
}

func TestClaimAndVerdict(t *testing.T) {
	aa := Spread{Min: 0.94, Max: 1.03, N: 6}
	if c := aa.Claim(); math.Abs(c-0.06) > 1e-9 {
		t.Errorf("claim = %v, want 0.06", c)
	}
	tests := []struct {
		s    Spread
		want string
	}{
		{Spread{}, "void"},
		{Spread{Median: 1.1, Low: 1.07, High: 1.2, N: 4}, "above"},
		{Spread{Median: 1.1, Low: 1.05, High: 1.2, N: 4}, "same"},
		{Spread{Median: 0.8, Low: 0.7, High: 0.9, N: 4}, "below"},
		{Spread{Median: 0.95, Low: 0.9, High: 0.97, N: 4}, "same"},
	}
	for _, tt := range tests {
		if got := Verdict(tt.s, aa.Claim()); got != tt.want {
			t.Errorf("Verdict(%+v) = %s, want %s", tt.s, got, tt.want)
		}
	}
}
