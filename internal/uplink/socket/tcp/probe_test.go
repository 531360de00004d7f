package tcp

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A container that takes back the window under what is on its way, and answers, is
// asked for as long as it answers.
func TestShrunkWindow(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	data := pattern(5000)
	e.receive(data)
	r.Entered = nil // it had no memory for it
	e.window = 0
	e.say(ack, nil)
	for range 30 {
		r.Advance(time.Minute)
		r.Settle(0)
		if len(r.Entered) == 0 {
			t.Fatal("it is not asked")
		}
		r.Entered = nil
		e.say(ack, nil)
	}
	if r.s.live == 0 {
		t.Fatal("it was given up")
	}
	e.window = 0xffff
	e.say(ack, nil)
	for len(e.got) < len(data) {
		e.hear()
	}
	same(t, e.got, data)
}

// A container that stops answering while its window is shut is given up.
func TestShrunkWindowDead(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.receive(pattern(5000))
	e.window = 0
	e.say(ack, nil)
	for range 30 {
		r.Advance(time.Minute)
		r.Settle(0)
	}
	if r.s.live != 0 {
		t.Error("the connection is left")
	}
}

// A container that asks whether its peer is there is answered here; so the host asks the
// peer.
func TestContainerKeepsAlive(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.connect()
	if r.keepsAlive(e) {
		t.Error("it asks already")
	}
	e.seq--
	e.say(ack, nil)
	e.want(ack)
	if !r.keepsAlive(e) {
		t.Error("nobody asks the peer")
	}
}

func (r *rig) keepsAlive(e *end) bool {
	on, err := unix.GetsockoptInt(int(r0(e).fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	return err == nil && on != 0
}

// A closed window is probed less and less often, however long that lasts.
func TestProbesStaySlow(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.window = 0
	c := e.connect()
	c.Write([]byte("x"))
	for range 600 {
		r.Advance(time.Minute)
		r.Settle(0)
		e.say(ack, nil)
	}
	if n := len(r.Entered); n > 610 {
		t.Errorf("%d probes in ten hours", n)
	}
	r.Entered = nil
}

// A FIN that has no room in the window does not open it.
func TestFinBehindClosedWindow(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.connect()
	r0(e).rcvEdge = r0(e).rcvNxt
	r0(e).flags |= flagWaitOut
	e.say(fin|ack, nil)
	if got := e.want(ack); got.Window() != 0 || got.Ack() != e.seq {
		t.Errorf("a window of %d behind %d", got.Window(), got.Ack())
	}
}
