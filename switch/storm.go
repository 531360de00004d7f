package vswitch

// storm limits how many frames a second a port may have flooded: a bucket that
// holds one second's worth and refills evenly. Each worker has one a port, so it
// needs no lock.
type storm struct {
	tokens int64 // in frames * 1e9
	last   int64 // ns
	filled bool  // false before the first frame
}

const second = int64(1e9)

// take reports whether one more frame may be flooded at now, with rate frames a
// second allowed; rate 0 allows all.
func (s *storm) take(rate int, now int64) bool {
	if rate == 0 {
		return true
	}
	full := int64(rate) * second
	if passed := now - s.last; !s.filled || passed >= second {
		*s = storm{tokens: full, last: now, filled: true}
	} else if passed > 0 {
		s.tokens, s.last = min(s.tokens+passed*int64(rate), full), now
	}
	if s.tokens < second {
		return false
	}
	s.tokens -= second
	return true
}
