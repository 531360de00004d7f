package tcp

import (
	"syscall"
	"time"
)

// How often something is sent again before it is given up.
const (
	synRetries  = 5
	dataRetries = 8
)

// NextTimer returns when Tick is to be called next, the zero time when it need not
// be. It may be too early; a Tick with nothing to do is harmless.
func (h *Host) NextTimer() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next
}

// Tick does what has become due by now. Ask NextTimer again after it.
func (h *Host) Tick(now time.Time) {
	h.lock()
	defer h.unlock()
	h.now = now
	if h.next.IsZero() || now.Before(h.next) {
		return
	}
	h.next = time.Time{}
	for _, c := range h.conns {
		c.tick()
		if c.state != closed {
			c.arm()
		}
	}
}

// arm has Tick be called at t, or earlier.
func (h *Host) arm(t time.Time) {
	if !t.IsZero() && (h.next.IsZero() || t.Before(h.next)) {
		h.next, h.wake = t, true
	}
}

// arm arms all timers of the connection. Deadlines that have passed woke up those
// who waited and are none any more.
func (c *Conn) arm() {
	c.h.arm(c.snd.timer)
	c.h.arm(c.expire)
	for _, t := range []time.Time{c.readBy, c.writeBy} {
		if t.After(c.h.now) {
			c.h.arm(t)
		}
	}
}

// due reports whether a timer has run out.
func (h *Host) due(t time.Time) bool { return !t.IsZero() && !h.now.Before(t) }

func (c *Conn) tick() {
	if c.h.due(c.readBy) || c.h.due(c.writeBy) {
		c.cond.Broadcast()
	}
	switch {
	case c.h.due(c.expire):
		c.expired()
	case c.h.due(c.snd.timer):
		c.timeout()
	}
}

// expired ends a connection that has been waited for long enough.
func (c *Conn) expired() {
	if c.state == timeWait {
		c.end(nil)
		return
	}
	c.abort(syscall.ETIMEDOUT)
}

// timeout retransmits, or probes the peer's window.
func (c *Conn) timeout() {
	s := &c.snd
	if c.exhausted() {
		c.abort(syscall.ETIMEDOUT)
		return
	}
	again := s.backoff > 0
	s.backoff++
	s.silent++
	s.timer = time.Time{}
	switch {
	case c.state == synReceived:
		c.h.stats.Timeouts++
		c.h.stats.Retransmits++
		s.timed = false
		c.synAck()
		c.startTimer()
	case s.probing:
		c.probe()
	default:
		c.h.stats.Timeouts++
		s.restart(s.max, s.flight(), again)
		s.nxt, s.timed = s.una, false
		c.output()
	}
}

// exhausted reports whether there is no sense in going on. Probes are sent for as
// long as the peer says that its window is shut (RFC 9293, section 3.8.6.1).
func (c *Conn) exhausted() bool {
	switch {
	case c.state == synReceived:
		return c.snd.backoff >= synRetries
	case c.snd.probing:
		return c.snd.silent >= dataRetries
	}
	return c.snd.backoff >= dataRetries
}

// probe sends what the window lets through, however little, or one byte beyond it.
func (c *Conn) probe() {
	s := &c.snd
	c.h.stats.Probes++
	if n := min(s.unsent(), s.wnd, s.mss); n > 0 {
		last := s.fin && n == s.unsent()
		c.transmit(s.nxt, n, last)
		s.proceed(n, last, c.h.now)
		s.probing = false
	} else {
		c.transmit(s.nxt, 1, false)
		s.max = later(s.max, s.nxt+1)
	}
	c.startTimer()
}

// startTimer begins to wait for an acknowledgement, or for the next probe.
func (c *Conn) startTimer() {
	c.snd.timer = c.h.now.Add(c.snd.timeout())
	c.h.arm(c.snd.timer)
}

func (s *sender) stopTimer() { s.timer, s.probing = time.Time{}, false }
