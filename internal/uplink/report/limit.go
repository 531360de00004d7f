package report

import (
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// How many errors a Limiter lets pass a second, and at once.
const (
	rate  = 1000
	burst = 200
)

// Limiter bounds the errors that a shard sends: a token bucket in one word, the time at
// which it will be full again (ITU-T I.371). The zero value is full. It belongs to its
// worker's thread.
type Limiter struct{ full int64 }

// Send is the function Send for errors that others can cause at will. It reports whether
// one was entered; none is when there have been too many.
func (l *Limiter) Send(x uplink.Outbox, n *uplink.Net, mac frame.MAC, q *Quote, e *Error) bool {
	return l.take(x.Now()) && Send(x, n, mac, q, e)
}

// take takes a token at now, in nanoseconds, and reports whether there was one.
func (l *Limiter) take(now int64) bool {
	const step = int64(1e9) / rate
	next := max(l.full, now) + step
	if next-now > step*burst {
		return false
	}
	l.full = next
	return true
}
