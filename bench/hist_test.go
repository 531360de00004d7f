package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsCoverEveryValue(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 129, 255, 256, 257, 1 << 20, 1<<20 + 1, 1<<40 - 1, math.MaxInt64} {
		i := bucketOf(v)
		top := bucketTop(i)
		if top < v {
			t.Errorf("%d falls into bucket %d that ends at %d", v, i, top)
		}
		if top-v > v>>subBits {
			t.Errorf("%d is reported as %d", v, top)
		}
		if i > 0 && bucketTop(i-1) >= v {
			t.Errorf("%d also fits bucket %d", v, i-1)
		}
	}
}

func TestHistogramQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []time.Duration
	for range 10000 {
		d := time.Duration(rng.ExpFloat64() * 20000)
		all = append(all, d)
		h.Add(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		want := all[int(q*float64(len(all)))]
		got := h.Quantile(q)
		if got < want || got > want+want/128+1 {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	if h.Max() != all[len(all)-1] || h.Quantile(1) != h.Max() || h.N() != 10000 {
		t.Errorf("max %v, quantile(1) %v, n %d", h.Max(), h.Quantile(1), h.N())
	}
}

func TestHistogramEdges(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 {
		t.Error("an empty histogram has values")
	}
	h.Add(-time.Second)
	if h.N() != 1 || h.Quantile(0.5) != 0 {
		t.Error("a negative duration does not count as zero")
	}
}

func TestHistogramAllocatesNothing(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(1000, func() { h.Add(123456) }); n != 0 {
		t.Errorf("%v allocations an Add", n)
	}
}
