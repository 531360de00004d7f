package tcp

// maxCwnd bounds the congestion window: the peer's is never larger.
const maxCwnd = 64 << 10

// congestion is the congestion window: slow start and congestion avoidance (RFC
// 5681) from ten segments (RFC 6928), fast retransmit and recovery (RFC 6582).
type congestion struct {
	seg            int // the MSS
	cwnd, ssthresh int
	dups           int
	recover        seq // what was sent when recovery, or a timeout, began
	recovering     bool
}

func (g *congestion) init(iss seq, mss int) {
	g.recover, g.seg = iss, mss
	g.cwnd, g.ssthresh = min(10*mss, max(2*mss, 14600)), maxCwnd
}

// grow takes in that n bytes up to ack were acknowledged, with flight left. It
// reports whether the segment behind them has to be sent again.
func (g *congestion) grow(ack seq, n, flight int) (resend bool) {
	g.dups = 0
	switch {
	case g.recovering && g.recover.upTo(ack):
		g.recovering = false
		g.cwnd = min(g.ssthresh, max(flight, g.seg)+g.seg)
	case g.recovering: // a partial acknowledgement: the next one is missing too
		g.cwnd = max(g.cwnd-n, 0) + g.seg
		return flight > 0
	case g.cwnd < g.ssthresh:
		g.cwnd += min(n, g.seg)
	default:
		g.cwnd += max(g.seg*g.seg/g.cwnd, 1)
	}
	g.cwnd = min(g.cwnd, maxCwnd)
	return false
}

// duplicate takes in a duplicate acknowledgement of una, with everything sent up
// to max. It reports whether the segment there has to be sent again.
func (g *congestion) duplicate(una, max seq, flight int) (resend bool) {
	g.dups++
	switch {
	case g.recovering:
		g.cwnd = min(g.cwnd+g.seg, 2*maxCwnd) // one has left the network
	case g.dups == 3 && g.recover.before(una):
		g.recovering, g.recover = true, max
		g.collapse(flight)
		g.cwnd = g.ssthresh + 3*g.seg
		return true
	}
	return false
}

// restart begins anew with one segment after a timeout; again: another came right
// before, whose measure of the network stands.
func (g *congestion) restart(max seq, flight int, again bool) {
	g.recovering, g.recover, g.dups = false, max, 0
	if !again {
		g.collapse(flight)
	}
	g.cwnd = g.seg
}

func (g *congestion) collapse(flight int) { g.ssthresh = max(flight/2, 2*g.seg) }
