package dns

import "sync"

// limiter counts what is under way, in all and by a key, and allows no more than
// so much of each. It remembers only keys that have something under way.
type limiter struct {
	total, each int

	mu   sync.Mutex
	busy int
	by   map[string]int
}

func newLimiter(total, each int) *limiter {
	return &limiter{total: total, each: each, by: map[string]int{}}
}

// take reports whether one more of key is allowed; give must follow then.
func (l *limiter) take(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy >= l.total || l.by[key] >= l.each {
		return false
	}
	l.busy++
	l.by[key]++
	return true
}

// give returns what take has allowed.
func (l *limiter) give(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
	if l.by[key]--; l.by[key] == 0 {
		delete(l.by, key)
	}
}
