package keeper

import "time"

const (
	// maxEnds ends of the switch process within endsWithin are too many.
	maxEnds    = 5
	endsWithin = 30 * time.Second
)

// policy decides whether the switch process is started again.
type policy struct {
	ends []time.Time // the last ones, the oldest first
}

// again notes an end and reports whether to start again.
func (p *policy) again(now time.Time) bool {
	p.ends = append(p.ends, now)
	if len(p.ends) > maxEnds {
		p.ends = p.ends[1:]
	}
	return len(p.ends) < maxEnds || now.Sub(p.ends[0]) > endsWithin
}

// forgive forgets all ends.
func (p *policy) forgive() { p.ends = nil }
