package tcp

import "vswitch/internal/frame"

// fastAcks is how many duplicates of an ACK mean a loss (RFC 5681, section 3.2).
const fastAcks = 3

// arriveAck takes what the container acknowledges and the window that it announces. It
// returns frame.Consumed if the segment goes on. What is acknowledged is consumed from
// the socket later, in the connection's turn, with all that came until then.
func (s *Shard) arriveAck(id uint32, r *record, t frame.TCP) frame.Reason {
	got := t.Ack()
	if r.state == synReceived {
		if got != r.sndMax {
			s.sendStray(r, got)
			return frame.DropTCPWindow
		}
		s.establish(id, r)
	}
	if after(got, r.sndMax) || before(got, r.sndUna-r.maxWnd) {
		s.challenge(r, challengeEvery)
		return frame.DropTCPWindow
	}
	window := uint32(t.Window()) << r.sndShift
	switch {
	case after(got, r.sndUna):
		s.advance(id, r, got)
	case got == r.sndUna && length(t) == 0 && window == r.sndWnd && r.sndMax != r.sndUna:
		s.duplicate(id, r)
	}
	if r.state == unused {
		return frame.DropNoFlow
	}
	r.updateWindow(t, window)
	if r.has(flagReadable) && s.sendable(r) {
		s.enqueue(id)
	}
	return frame.Consumed
}

// updateWindow takes the announced window unless the segment is older than the one that
// it was last taken from (RFC 9293, section 3.10.7.4).
func (r *record) updateWindow(t frame.TCP, window uint32) {
	seq, got := t.Seq(), t.Ack()
	if before(got, r.sndUna) || before(seq, r.wl1) || seq == r.wl1 && before(got, r.wl2) {
		return
	}
	if window > r.sndWnd {
		r.probes = 0
	}
	r.sndWnd, r.wl1, r.wl2 = window, seq, got
	r.maxWnd = max(r.maxWnd, window)
}

// advance takes an ACK of something new.
func (s *Shard) advance(id uint32, r *record, got uint32) {
	s.sample(r, got)
	r.sndUna = got
	r.sndNxt = later(r.sndNxt, got)
	r.dupAcks, r.backoff, r.probes = 0, 0, 0
	if r.has(flagRecover) && !before(got, r.recover) {
		r.flags &^= flagRecover
	}
	if r.has(flagFinSent) && after(got, r.fin) {
		r.flags |= flagFinAcked
	}
	s.rearm(id, r)
	s.enqueue(id)
}

// duplicate counts an ACK that says nothing new. The third has everything sent again
// from where the container waits, once for all that was under way: the socket still has
// it.
func (s *Shard) duplicate(id uint32, r *record) {
	if r.dupAcks++; r.dupAcks < fastAcks || r.has(flagRecover) {
		return
	}
	r.dupAcks = 0
	r.flags |= flagRecover
	r.recover = r.sndMax
	s.rewind(id, r)
}

// rewind has the connection's next turn begin at the first byte that is not
// acknowledged.
func (s *Shard) rewind(id uint32, r *record) {
	s.counts.Resent += uint64(r.sndNxt - r.sndUna)
	r.sndNxt = r.sndUna
	r.flags = r.flags&^flagTimed | flagReadable
	if r.has(flagPeekOff) {
		s.consume(id, r)
		if r.state == unused || s.setPeekOff(r.fd, 0) != 0 {
			return
		}
	}
	s.enqueue(id)
}

// establish: the container has answered.
func (s *Shard) establish(id uint32, r *record) {
	r.state = established
	s.advance(id, r, r.sndMax)
}

// sendStray answers an ACK of something that was never sent (RFC 9293, section
// 3.10.7.4).
func (s *Shard) sendStray(r *record, got uint32) {
	e := r.ends()
	s.emit(&e, frame.TCPFields{Seq: got, Flags: rst})
}
