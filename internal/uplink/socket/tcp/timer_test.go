package tcp

import (
	"net"
	"testing"
	"time"

	ut "vswitch/internal/uplink/uplinktest"
)

// receive connects an end with a large window and has its peer send data, until all of
// it is under way.
func (e *end) receive(data []byte) *net.TCPConn {
	e.r.T.Helper()
	e.window, e.scale = 0xffff, 4
	c := e.connect()
	if _, err := c.Write(data); err != nil {
		e.r.T.Fatal(err)
	}
	e.r.Until("sent", func() bool { return r0(e).sndMax-r0(e).sndUna == uint32(len(data)) })
	return c
}

func r0(e *end) *record { return &e.r.s.flows[0] }

// Three duplicates of an ACK have the lost sent again, once, out of the socket.
func TestFastRetransmit(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	data := pattern(100000)
	e.receive(data)
	e.take(ut.TCP(r.Take1()))
	r.Entered = nil // lost
	e.say(ack, nil)
	r.Settle(0)
	for range 5 {
		e.say(ack, nil)
	}
	for len(e.got) < len(data) {
		e.hear()
	}
	same(t, e.got, data)
	e.silent()
	if c := r.s.Counts(); c.Resent != uint64(len(data)-maxPayload) {
		t.Errorf("%d bytes were sent again, want %d", c.Resent, len(data)-maxPayload)
	}
	e.say(ack, nil)
	r.Settle(0)
	if r0(e).taken != e.ack {
		t.Error("not all was consumed")
	}
}

// All of it lost: the timeout, doubled each time, until an answer comes.
func TestTimeout(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	data := pattern(100000)
	e.receive(data)
	at := r.Clock
	for _, want := range []time.Duration{200, 400, 800} {
		r.Entered = nil
		for len(r.Entered) == 0 {
			r.Advance(10 * time.Millisecond)
			r.Settle(0)
		}
		if got := time.Duration(r.Clock-at) / time.Millisecond; got < want || got > want+30 {
			t.Errorf("a timeout of %d ms, want %d", got, want)
		}
		at = r.Clock
	}
	for len(e.got) < len(data) {
		e.hear()
	}
	same(t, e.got, data)
	e.say(ack, nil)
	if r0(e).backoff != 0 {
		t.Error("the timeout stays doubled")
	}
}

// A container that never answers again is given up, and its peer reset.
func TestGivenUp(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.receive(pattern(1000))
	for range 20 {
		r.Advance(time.Minute)
		r.Settle(0)
	}
	if r.s.live != 0 {
		t.Error("the connection is left")
	}
	if _, err := c.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the peer sees %v", err)
	}
}

// A FIN that is lost comes again.
func TestLostFin(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	c.Write([]byte("x"))
	c.CloseWrite()
	r.Until("FIN", func() bool { return r0(e).has(flagFinSent) })
	r.Entered = nil
	r.Advance(300 * time.Millisecond)
	r.Settle(0)
	for !r0(e).has(flagFinSent) || e.ack != r0(e).fin+1 {
		e.hear()
	}
	same(t, e.got, []byte("x"))
	e.say(fin|ack, nil)
	e.want(ack)
}

// A silent container is asked after two hours. An answer satisfies for two more; a dead
// one is given up.
func TestKeepAlive(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.connect()
	r.Advance(2*time.Hour - time.Minute)
	e.silent()
	r.Advance(2 * time.Minute)
	p := e.hear()
	if p.Seq() != e.ack-1 || len(p.Payload()) != 0 || p.Flags() != ack {
		t.Errorf("asked with number %d of %d, flags %#x", p.Seq(), e.ack, p.Flags())
	}
	e.say(ack, nil)
	r.Advance(2*time.Hour - time.Minute)
	e.silent()
	r.Advance(2 * time.Minute)
	e.hear()
	r.Advance(15 * time.Minute)
	if r.s.live != 0 {
		t.Error("the connection is left")
	}
	if n := len(r.Entered); n < 5 || n > 10 {
		t.Errorf("%d further probes", n)
	}
}

// What a connection waits for next, whatever came before, is what the wheel has.
func TestWheelFollows(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.connect()
	e.say(ack, []byte("x"))
	if n := r.s.wheel.Len(); n != 1 {
		t.Errorf("%d timers for a connection", n)
	}
	if when, ok := r.s.Next(); !ok || when > r.Clock+2*idleTime {
		t.Errorf("next at %d, %v", when, ok)
	}
	e.say(rst|ack, nil)
	if _, ok := r.s.Next(); ok {
		t.Error("a timer for nobody")
	}
}
