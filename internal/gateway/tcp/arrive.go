package tcp

import (
	"syscall"
	"time"

	"vswitch/internal/frame"
)

// challengeEvery is the shortest time between two ACKs of a connection that a
// stranger could have asked for (RFC 5961, section 7).
const challengeEvery = 500 * time.Millisecond

// probeEvery is the same for probes and keep-alives, which repeat the last byte's
// number: peers send them after their retransmission timeout, and wait for the answer.
const probeEvery = minRTO / 2

// arrive takes in a segment (RFC 9293, section 3.10.7.4, with RFC 5961).
func (c *Conn) arrive(s *segment) {
	switch {
	case s.has(rst):
		c.arriveReset(s)
	case s.has(syn):
		c.arriveSyn(s)
	case !c.rcv.acceptable(s):
		c.unacceptable(s)
	case s.has(ack) && c.arriveAck(s):
		c.heard(s)
		c.arriveText(s)
	}
}

// arriveReset ends the connection if the RST is at the next byte exactly.
func (c *Conn) arriveReset(s *segment) {
	switch {
	case s.seq == c.rcv.nxt:
		c.h.stats.Resets++
		c.end(syscall.ECONNRESET)
	case c.rcv.acceptable(s):
		c.challenge(challengeEvery)
	}
}

// arriveSyn answers the SYN again if it is the one that opened the connection.
// Others are challenged: a peer that has started anew answers with a RST.
func (c *Conn) arriveSyn(s *segment) {
	if c.state == synReceived && s.seq+1 == c.rcv.nxt && !s.has(ack) {
		c.synAck()
		return
	}
	c.challenge(challengeEvery)
}

// unacceptable answers what is outside of the window, so that the peer learns where
// it is. One without text could be an answer to the same from here.
func (c *Conn) unacceptable(s *segment) {
	switch {
	case s.len() > 0:
		c.sendAck()
	case s.seq+1 == c.rcv.nxt:
		c.challenge(probeEvery)
	default:
		c.challenge(challengeEvery)
	}
}

// arriveAck takes in the acknowledgement. It is false if there is nothing more to
// the segment.
func (c *Conn) arriveAck(s *segment) bool {
	if c.state == synReceived {
		if !c.snd.covers(s.ack) {
			c.h.refuse(s)
			return false
		}
		c.established()
	}
	if !c.snd.plausible(s.ack) {
		c.challenge(challengeEvery)
		return false
	}
	c.acknowledged(s)
	if !c.snd.finAcked {
		return true
	}
	switch c.state {
	case finWait1:
		c.state = finWait2
		if c.closed {
			c.expireIn(finWait2Time)
		}
	case closing:
		c.enterTimeWait()
	case lastAck:
		c.end(nil)
		return false
	}
	return true
}

// arriveText takes in text and FIN, answers, and sends what the acknowledgement has
// made room for.
func (c *Conn) arriveText(s *segment) {
	if c.closed && len(s.payload) > 0 && c.rcv.nxt.before(s.seq.plus(len(s.payload))) && !c.rcv.done {
		c.abort(nil) // nobody will read it: RFC 2525, section 2.17
		return
	}
	if !c.rcv.done && c.rcv.take(s) {
		c.cond.Broadcast()
		if c.rcv.done {
			c.peerClosed()
		}
	} else if s.has(fin) && c.state == timeWait {
		c.expireIn(timeWaitTime)
	}
	if sent := c.output(); s.len() > 0 && !sent {
		c.sendAck()
	}
}

// peerClosed goes on after the peer's FIN.
func (c *Conn) peerClosed() {
	switch c.state {
	case established:
		c.state = closeWait
	case finWait1:
		c.state = closing
	case finWait2:
		c.enterTimeWait()
	}
}

// reopenedBy reports whether a SYN begins a new connection in place of one in
// TIME-WAIT: its number is behind all that came before.
func (c *Conn) reopenedBy(s *segment) bool {
	return c.state == timeWait && s.flags&(syn|ack|rst|fin) == syn && c.rcv.nxt.before(s.seq) &&
		c.h.listeners[s.local.Port()] != nil
}

// sendAck tells the peer how far it got.
func (c *Conn) sendAck() {
	c.h.emit(c.mac, c.pair, frame.TCPFields{
		Seq: uint32(c.snd.front()), Ack: uint32(c.rcv.nxt), Flags: ack, Window: c.rcv.window(),
	}, nil)
}

// challenge is sendAck for what could be from a stranger, after so long.
func (c *Conn) challenge(every time.Duration) {
	if !c.challenged.IsZero() && c.h.now.Sub(c.challenged) < every {
		return
	}
	c.challenged = c.h.now
	c.h.stats.Challenges++
	c.sendAck()
}
