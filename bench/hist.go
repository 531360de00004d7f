package bench

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width is at most 1/128 of their
// value: 7 bits after the leading one, for every power of two. Adding allocates
// nothing. The zero value is empty.
type Histogram struct {
	n       uint64
	max     time.Duration
	buckets [(64 - subBits) << subBits]uint32
}

const subBits = 7

// bucketOf returns the bucket of v. Values below 2^subBits have one each.
func bucketOf(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)<<subBits + int(v>>shift&(1<<subBits-1))
}

// bucketTop returns the largest value that falls into bucket i.
func bucketTop(i int) uint64 {
	if i < 1<<subBits {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return (uint64(1<<subBits|i&(1<<subBits-1))+1)<<shift - 1
}

// Add counts one duration; a negative one counts as zero.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.n++
	h.max = max(h.max, d)
	h.buckets[bucketOf(uint64(d))]++
}

// N returns how many durations were added.
func (h *Histogram) N() uint64 { return h.n }

// Max returns the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns a duration that the share q (0 to 1) of all does not exceed,
// at most 1/128 too long; 0 when the histogram is empty.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.n))
	var seen uint64
	for i, c := range h.buckets {
		seen += uint64(c)
		if c > 0 && seen > rank {
			return min(time.Duration(bucketTop(i)), h.max)
		}
	}
	return h.max
}
