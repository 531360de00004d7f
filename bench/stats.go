package bench

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Spread describes a handful of values.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// Low and High bound the median: the 95 % percentile-bootstrap interval
	// (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3).
	Low  float64 `json:"ci_low"`
	High float64 `json:"ci_high"`
	N    int     `json:"n"`
}

// resamples is how often the bootstrap draws; the interval's own jitter is then
// below the width of its last printed digit.
const resamples = 4000

// Median returns the middle value, or the mean of the two middle ones; NaN for
// no values. It does not change v.
func Median(v []float64) float64 {
	return medianSorted(slices.Sorted(slices.Values(v)))
}

func medianSorted(s []float64) float64 {
	n := len(s)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// Summarize returns the spread of v. The same values and the same state of rng
// give the same interval. No values give N == 0 and zeros.
func Summarize(v []float64, rng *rand.Rand) Spread {
	if len(v) == 0 {
		return Spread{}
	}
	s := Spread{Median: Median(v), Min: slices.Min(v), Max: slices.Max(v), N: len(v)}
	medians, draw := make([]float64, resamples), make([]float64, len(v))
	for i := range medians {
		for j := range draw {
			draw[j] = v[rng.IntN(len(v))]
		}
		slices.Sort(draw)
		medians[i] = medianSorted(draw)
	}
	slices.Sort(medians)
	s.Low, s.High = medians[resamples*25/1000], medians[resamples*975/1000-1]
	return s
}

// Pair is a candidate's and the reference's value from the same half of a round.
type Pair struct{ Candidate, Reference float64 }

// Ratios returns candidate by reference for each pair with a usable reference.
func Ratios(pairs []Pair) []float64 {
	out := make([]float64, 0, len(pairs))
	for _, p := range pairs {
		if r := p.Candidate / p.Reference; !math.IsNaN(r) && !math.IsInf(r, 0) {
			out = append(out, r)
		}
	}
	return out
}

// Claim returns the smallest difference from 1 that may be claimed, given the
// spread of a comparison of the reference with itself.
func (s Spread) Claim() float64 { return max(s.Max-1, 1-s.Min, 0) }

// Verdict says in a word what a ratio shows against a smallest claim.
func Verdict(s Spread, claim float64) string {
	switch {
	case s.N == 0:
		return "void"
	case s.Low > 1+claim:
		return "above"
	case s.High < 1-claim:
		return "below"
	}
	return "same"
}
