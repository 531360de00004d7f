package tcp

import "time"

// Bounds of the retransmission timeout; doc.go says why so short.
const (
	minRTO = 200 * time.Millisecond
	maxRTO = 60 * time.Second
)

// roundTrip measures round trips for the retransmission timeout (RFC 6298), one
// segment at a time and none that was sent twice.
type roundTrip struct {
	srtt, rttvar, rto time.Duration
	timed             bool
	timedTo           seq // the number behind the segment
	timedAt           time.Time
	backoff           int // timeouts since something new was acknowledged
	silent            int // timeouts since the peer said something
}

func (r *roundTrip) init() { r.rto = minRTO }

// time begins a measurement, if none is under way, with a segment up to end.
func (r *roundTrip) time(end seq, now time.Time) {
	if !r.timed {
		r.timed, r.timedTo, r.timedAt = true, end, now
	}
}

// sample ends the measurement if ack acknowledges its segment.
func (r *roundTrip) sample(ack seq, now time.Time) {
	if !r.timed || ack.before(r.timedTo) {
		return
	}
	r.timed = false
	rtt := max(now.Sub(r.timedAt), 0)
	if r.srtt == 0 {
		r.srtt, r.rttvar = max(rtt, 1), rtt/2
	} else {
		r.rttvar += ((r.srtt - rtt).Abs() - r.rttvar) / 4
		r.srtt += (rtt - r.srtt) / 8
	}
	r.rto = min(max(r.srtt+4*r.rttvar, minRTO), maxRTO)
}

// timeout returns how long to wait now.
func (r *roundTrip) timeout() time.Duration { return min(r.rto<<min(r.backoff, 16), maxRTO) }
