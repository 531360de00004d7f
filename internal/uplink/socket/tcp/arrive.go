package tcp

import (
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

const (
	// challengeEvery is the shortest time, in milliseconds, between two ACKs that a
	// stranger could have asked for (RFC 5961, section 7).
	challengeEvery = 500
	// probeEvery is the same for probes and keep-alives, which a kernel sends after its
	// retransmission timeout and no more often.
	probeEvery = 100
)

// arrive takes a segment of connection id (RFC 9293, section 3.10.7, with RFC 5961).
func (s *Shard) arrive(id uint32, n *uplink.Net, f *frame.Frame, t frame.TCP) frame.Reason {
	r := &s.flows[id]
	r.txPkts++
	switch r.state {
	case connecting:
		return s.arriveConnecting(id, n, f, t)
	case synSent:
		return s.arriveSynSent(id, r, t)
	case timeWait:
		return s.arriveTimeWait(id, n, f, t)
	}
	flags := t.Flags()
	switch {
	case flags&rst != 0:
		return s.arriveReset(id, r, t)
	case flags&syn != 0:
		return s.arriveSyn(r, t)
	case flags&ack == 0:
		return frame.DropTCPWindow
	}
	seq, payload, end := r.trim(t)
	if end != frame.Accepted {
		s.unacceptable(id, r, t)
		return end
	}
	r.heard = s.now
	if end = s.arriveAck(id, r, t); end != frame.Consumed {
		return end
	}
	if len(payload) == 0 && flags&fin == 0 {
		return frame.Consumed
	}
	return s.arriveText(id, r, t, seq, payload)
}

// trim cuts off what was taken before and what is beyond the window. It is not accepted
// if nothing is left of a segment that had something, or if all of it lies outside (RFC
// 9293, section 3.4).
func (r *record) trim(t frame.TCP) (seq uint32, payload []byte, end frame.Reason) {
	seq, payload = t.Seq(), t.Payload()
	n, window := length(t), r.rcvEdge-r.rcvNxt
	if n == 0 {
		if seq == r.rcvNxt || !before(seq, r.rcvNxt) && before(seq, r.rcvEdge) {
			return seq, nil, frame.Accepted
		}
		return seq, nil, frame.DropTCPWindow
	}
	if !after(seq+n, r.rcvNxt) {
		return seq, nil, frame.DropTCPWindow
	}
	if before(seq, r.rcvNxt) {
		old := int(r.rcvNxt - seq)
		seq, payload = r.rcvNxt, payload[min(old, len(payload)):]
	}
	// A FIN's own number needs no room.
	ahead := seq - r.rcvNxt
	if ahead > window || ahead == window && len(payload) > 0 {
		return seq, nil, frame.DropTCPWindow
	}
	return seq, payload[:min(len(payload), int(window-ahead))], frame.Accepted
}

// cut reports whether payload, what is left of a segment's, is without its end; then its
// FIN has to wait too.
func cut(t frame.TCP, seq uint32, payload []byte) bool {
	return seq+uint32(len(payload)) != t.Seq()+uint32(len(t.Payload()))
}

// unacceptable answers what lies outside of the window, so that the container learns
// where that is: text at once, what could be a probe or a forgery now and then.
func (s *Shard) unacceptable(id uint32, r *record, t frame.TCP) {
	switch {
	case len(t.Payload()) > 1 || t.Flags()&fin != 0:
		s.needAck(id, r)
	case t.Seq()+1 == r.rcvNxt || t.Seq() == r.rcvNxt:
		r.heard = s.now // a keep-alive, or a probe of a closed window
		s.keepAlive(r)  // the answer is not the peer's: it has to be asked, too
		s.challenge(r, probeEvery)
	default:
		s.challenge(r, challengeEvery)
	}
}

// challenge sends an ACK unless one was sent less than so many milliseconds ago.
func (s *Shard) challenge(r *record, every uint32) {
	ms := uint32(s.now / 1e6)
	if r.challenged != 0 && ms-r.challenged < every {
		return
	}
	r.challenged = max(ms, 1)
	s.flushGather()
	s.sendAck(r)
}

// arriveReset ends the connection if the RST is at the next byte exactly (RFC 5961,
// section 3.2).
func (s *Shard) arriveReset(id uint32, r *record, t frame.TCP) frame.Reason {
	switch seq := t.Seq(); {
	case seq == r.rcvNxt:
		s.abort(id)
		return frame.Consumed
	case after(seq, r.rcvNxt) && before(seq, r.rcvEdge):
		s.challenge(r, challengeEvery)
	}
	return frame.DropTCPWindow
}

// arriveSyn answers the SYN again that opened the connection. Others are challenged: a
// container that has started anew answers with a RST (RFC 5961, section 4.2).
func (s *Shard) arriveSyn(r *record, t frame.TCP) frame.Reason {
	if r.state == synReceived && t.Seq()+1 == r.rcvNxt && t.Flags()&ack == 0 {
		s.sendSyn(r, syn|ack, mssOf(s.nets[r.net], r.has(flagV4)))
		return frame.Consumed
	}
	s.challenge(r, challengeEvery)
	return frame.DropTCPWindow
}

// arriveConnecting: the container asks again, has lost interest, or has lost it before,
// without a word, and begins anew.
func (s *Shard) arriveConnecting(id uint32, n *uplink.Net, f *frame.Frame, t frame.TCP) frame.Reason {
	r := &s.flows[id]
	switch flags := t.Flags(); {
	case flags&(syn|ack|rst) == syn && t.Seq()+1 == r.rcvNxt:
		r.heard = s.now
		return frame.Consumed
	case flags&(syn|ack|rst|fin) == syn:
		return s.anew(id, n, f, t)
	case flags&rst != 0 && (t.Seq() == r.rcvNxt || t.Seq()+1 == r.rcvNxt):
		s.abort(id)
		return frame.Consumed
	}
	return frame.DropTCPWindow
}

// arriveTimeWait repeats the last ACK for a FIN that was sent again, and makes way for a
// new connection.
func (s *Shard) arriveTimeWait(id uint32, n *uplink.Net, f *frame.Frame, t frame.TCP) frame.Reason {
	r := &s.flows[id]
	switch flags := t.Flags(); {
	case flags&(syn|ack|rst|fin) == syn && after(t.Seq(), r.rcvNxt):
		return s.anew(id, n, f, t)
	case flags&rst != 0:
		s.abort(id)
		return frame.Consumed
	case flags&fin != 0:
		s.sendAck(r)
		return frame.Consumed
	}
	return frame.DropTCPWindow
}

// anew has a SYN open a new connection in the place of one of the same name.
func (s *Shard) anew(id uint32, n *uplink.Net, f *frame.Frame, t frame.TCP) frame.Reason {
	r := &s.flows[id]
	k, hash, v4 := r.key, r.hash, r.has(flagV4)
	s.abort(id)
	return s.stranger(n, f, t, &k, hash, v4)
}
