package gateway

import (
	"sync/atomic"

	"vswitch/internal/frame"
)

// Limit allows Rate events a second on average and Burst at once.
type Limit struct{ Rate, Burst int }

// Limits bound what stations can make a gateway do. A zero Rate means the
// default.
type Limits struct {
	// Service bounds the requests to services, each ingress port for itself;
	// default 1000 a second, 2000 at once.
	Service Limit
	// Error bounds the ICMP errors about the packets of one ingress port; default
	// 100 a second, 100 at once.
	Error Limit
	// Errors bounds the ICMP errors of the whole network; default 1000 a second,
	// 1000 at once.
	Errors Limit
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Service: l.Service.or(Limit{1000, 2000}),
		Error:   l.Error.or(Limit{100, 100}),
		Errors:  l.Errors.or(Limit{1000, 1000}),
	}
}

func (l Limit) or(def Limit) Limit {
	if l.Rate <= 0 {
		return def
	}
	return Limit{Rate: l.Rate, Burst: max(l.Burst, 1)}
}

const second = int64(1e9)

// bucket is a token bucket in one word, so that workers share it without a lock:
// the time at which it will be full again (the virtual scheduling algorithm of
// ITU-T I.371). The zero value is full.
type bucket struct{ full atomic.Int64 }

// take takes a token at now, in nanoseconds, and reports whether there was one.
func (b *bucket) take(l Limit, now int64) bool {
	step := second / int64(l.Rate)
	for {
		full := b.full.Load()
		next := max(full, now) + step
		if next-now > step*int64(l.Burst) {
			return false
		}
		if b.full.CompareAndSwap(full, next) {
			return true
		}
	}
}

// buckets has one bucket for every port number that there can be.
type buckets [int(frame.NoPort) + 1]bucket

// mayServe takes a token for a request to a service.
func (p *packet) mayServe() bool {
	return p.g.router.services[p.x.From()].take(p.c.limits.Service, p.x.Now())
}

// mayComplain takes the tokens for an ICMP error. The asker's own bucket comes
// first: one who asks too much must not empty that of all.
func (p *packet) mayComplain() bool {
	now := p.x.Now()
	return p.g.router.errors[p.x.From()].take(p.c.limits.Error, now) &&
		p.g.errors.take(p.c.limits.Errors, now)
}
