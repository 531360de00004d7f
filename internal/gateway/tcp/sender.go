package tcp

import (
	"time"

	"vswitch/internal/frame"
)

// sendBuf is how many bytes may wait to be sent or acknowledged.
const sendBuf = 64 << 10

// sender is the half of a connection that goes out.
type sender struct {
	una seq // not acknowledged yet
	nxt seq // to be sent next; after a timeout it goes back to una
	max seq // behind what was ever sent
	buf []byte
	// fin: a FIN follows buf. finAcked: it was acknowledged.
	fin, finAcked bool
	mss           int

	wnd, maxWnd int // the peer's window, and the largest that it had
	wl1, wl2    seq // SEG.SEQ and SEG.ACK of what wnd is from

	congestion
	roundTrip
	// timer is when to retransmit, or to probe the peer's window.
	timer   time.Time
	probing bool
}

// init is at the SYN: it takes one number, and nothing follows it yet.
func (s *sender) init(iss seq, mss int) {
	s.una, s.nxt, s.max, s.mss = iss, iss+1, iss+1, mss
	s.congestion.init(iss, mss)
	s.roundTrip.init()
}

// opened takes in the acknowledgement of the SYN, the only one that there can be.
func (s *sender) opened(now time.Time) {
	if s.backoff > 0 {
		s.cwnd = s.mss // RFC 5681, section 3.1
	}
	s.sample(s.max, now)
	s.una, s.backoff = s.max, 0
	s.stopTimer()
}

// covers reports whether ack acknowledges something that was sent and was not
// acknowledged before.
func (s *sender) covers(ack seq) bool { return s.una.before(ack) && ack.upTo(s.max) }

// plausible reports whether ack can come from who gets our segments (RFC 5961,
// section 5.2).
func (s *sender) plausible(ack seq) bool {
	return s.una.plus(-s.maxWnd).upTo(ack) && ack.upTo(s.max)
}

// front returns the number that a segment without text carries: the next that the
// peer expects if all arrived. The byte of a probe was perhaps not taken.
func (s *sender) front() seq {
	if s.probing {
		return s.nxt
	}
	return s.max
}

// flight returns how much is under way.
func (s *sender) flight() int { return s.nxt.minus(s.una) }

// unsent returns how many bytes wait; negative when the FIN was sent.
func (s *sender) unsent() int { return len(s.buf) - s.flight() }

// acknowledged takes in the acknowledgement and the window of a segment.
func (c *Conn) acknowledged(seg *segment) {
	s := &c.snd
	same := seg.window == s.wnd
	if s.wl1.before(seg.seq) || s.wl1 == seg.seq && s.wl2.upTo(seg.ack) || s.maxWnd == 0 {
		c.updateWindow(seg)
	}
	switch {
	case s.covers(seg.ack):
		c.advance(seg.ack)
	case seg.ack == s.una && same && seg.len() == 0 && s.flight() > 0 && !s.probing:
		c.duplicate()
	}
	s.silent = 0
}

func (c *Conn) updateWindow(seg *segment) {
	s := &c.snd
	s.wnd, s.wl1, s.wl2 = seg.window, seg.seq, seg.ack
	s.maxWnd = max(s.maxWnd, s.wnd)
	if s.wnd > 0 && s.probing {
		s.stopTimer()
		s.backoff = 0
	}
}

// advance takes off what was acknowledged for the first time.
func (c *Conn) advance(ack seq) {
	s := &c.snd
	s.sample(ack, c.h.now)
	n := ack.minus(s.una)
	if n > len(s.buf) {
		s.finAcked = true
	}
	if s.buf = s.buf[min(n, len(s.buf)):]; len(s.buf) == 0 {
		s.buf = nil
	}
	s.una, s.nxt = ack, later(s.nxt, ack)
	s.backoff = 0
	s.stopTimer()
	if s.flight() > 0 {
		c.startTimer()
	}
	if s.grow(ack, n, s.flight()) {
		c.resend()
	}
	c.cond.Broadcast()
}

// duplicate counts an acknowledgement that brings nothing new.
func (c *Conn) duplicate() {
	if c.snd.duplicate(c.snd.una, c.snd.max, c.snd.flight()) {
		c.resend()
	}
}

// output sends what the windows let through and reports whether there was
// something. What it sends carries the acknowledgement too.
func (c *Conn) output() (sent bool) {
	s := &c.snd
	for c.state > synReceived && c.state != timeWait {
		n, last := s.next()
		if n == 0 && !last {
			break
		}
		c.transmit(s.nxt, n, last)
		s.proceed(n, last, c.h.now)
		sent = true
	}
	if c.state == closed || !s.timer.IsZero() {
		return sent
	}
	if s.probing = s.flight() == 0 && s.unsent() > 0; s.probing || s.flight() > 0 {
		c.startTimer()
	}
	return sent
}

// next returns how many bytes may be sent now, and whether the FIN goes with them.
// A segment that is short because the window is, waits for more of it (RFC 9293,
// section 3.8.6.2.1).
func (s *sender) next() (n int, last bool) {
	left := s.unsent()
	if left < 0 || s.finAcked {
		return 0, false
	}
	n = max(min(left, s.mss, min(s.wnd, s.cwnd)-s.flight()), 0)
	if n < left && n < s.mss && n < s.maxWnd/2 {
		return 0, false
	}
	return n, s.fin && n == left
}

// proceed notes that n bytes, and perhaps the FIN, were sent at nxt.
func (s *sender) proceed(n int, last bool, now time.Time) {
	fresh := s.nxt == s.max
	s.nxt = s.nxt.plus(n)
	if last {
		s.nxt++
	}
	s.max = later(s.max, s.nxt)
	if fresh {
		s.time(s.nxt, now)
	}
}

// transmit sends n bytes of buf from a number on.
func (c *Conn) transmit(at seq, n int, last bool) {
	s := &c.snd
	from := at.minus(s.una)
	f := frame.TCPFields{Seq: uint32(at), Ack: uint32(c.rcv.nxt), Flags: ack, Window: c.rcv.window()}
	if n > 0 && from+n == len(s.buf) {
		f.Flags |= psh
	}
	if last {
		f.Flags |= fin
	}
	if at.before(s.max) {
		c.h.stats.Retransmits++
	}
	c.h.emit(c.mac, c.pair, f, s.buf[from:from+n])
}

// resend sends the first segment that is not acknowledged, and only that.
func (c *Conn) resend() {
	s := &c.snd
	n := min(s.mss, len(s.buf), s.flight())
	c.transmit(s.una, n, n == len(s.buf) && s.unsent() < 0)
	s.timed = false // whose answer will it be: Karn's algorithm
	c.startTimer()
}
