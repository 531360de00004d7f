package tcp

import (
	"net"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

func TestRecordIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(record{}); n > 256 {
		t.Errorf("a record has %d bytes", n)
	}
}

// A request, its response, and the end, which the server begins.
func TestRequestResponse(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	e.say(ack|psh, []byte("GET"))
	if got := e.want(ack); got.Ack() != e.seq {
		t.Errorf("acknowledged %d, want %d", got.Ack(), e.seq)
	}
	same(t, read(t, c, 3), []byte("GET"))
	c.Write([]byte("response"))
	e.want(ack)
	same(t, e.got, []byte("response"))
	e.say(ack, nil)
	r.Settle(0)
	c.Close()
	e.want(fin | ack)
	e.say(fin|ack, nil)
	e.want(ack)
	e.silent()
	if r.s.idle != 1 {
		t.Errorf("%d connections wait, want 1", r.s.idle)
	}
	e.seq--
	e.say(fin|ack, nil) // the ACK was lost
	e.want(ack)
	r.Advance(2 * time.Duration(timeWaitTime))
	if r.s.live != 0 {
		t.Errorf("%d connections are left", r.s.live)
	}
}

// The container ends first: nothing has to be remembered.
func TestContainerClosesFirst(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	e.say(fin|ack, []byte("all"))
	e.want(ack)
	same(t, read(t, c, 3), []byte("all"))
	wantEOF(t, c)
	c.Write([]byte("late"))
	e.want(ack)
	e.say(ack, nil)
	c.Close()
	e.want(fin | ack)
	same(t, e.got, []byte("late"))
	e.say(ack, nil)
	r.Settle(0)
	if r.s.live != 0 {
		t.Errorf("%d connections are left", r.s.live)
	}
}

// Data and FIN that are there at once go in one segment.
func TestFinRidesOnData(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	c.Write([]byte("bye"))
	c.Close()
	for len(r.Entered) == 0 {
		r.Poll(1e9)
	}
	e.hear()
	for e.ack != r.s.flows[0].fin+1 || !r.s.flows[0].has(flagEOF) {
		e.hear()
	}
	same(t, e.got, []byte("bye"))
	e.say(fin|ack, nil)
	e.want(ack)
}

func TestRefused(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	r.listen.Close()
	if got := e.say(syn, nil); got != frame.Consumed {
		t.Error(got)
	}
	if got := e.want(rst | ack); got.Ack() != e.seq {
		t.Errorf("acknowledged %d, want %d", got.Ack(), e.seq)
	}
	if c := r.s.Counts(); c.Refused != 1 || c.Flows != 0 {
		t.Errorf("%+v", c)
	}
}

func TestContainerResets(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	e.say(rst|ack, nil)
	if _, err := c.Read(make([]byte, 1)); err == nil || !isReset(err) {
		t.Errorf("the peer sees %v", err)
	}
	if r.s.live != 0 {
		t.Error("the connection is left")
	}
}

func isReset(err error) bool {
	op, ok := err.(*net.OpError)
	return ok && op.Err.Error() == "read: connection reset by peer"
}

// What came before a reset arrives before it.
func TestPeerResets(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	c.Write([]byte("last words"))
	c.SetLinger(0)
	c.Close()
	for e.hear().Flags()&rst == 0 {
	}
	same(t, e.got, []byte("last words"))
	if r.s.live != 0 {
		t.Error("the connection is left")
	}
}

// A peer that answers and resets what still comes: its answer arrives, though the reset
// is found by a send.
func TestAnswerBeforeReset(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	r.Settle(0)
	c.Write([]byte("too large"))
	c.SetLinger(0)
	c.Close()
	unix.Poll([]unix.PollFd{{Fd: r0(e).fd}}, 1000) // POLLHUP
	e.say(ack, []byte("more"))
	for flags := uint8(0); flags&rst == 0; {
		if flags = e.hear().Flags(); flags&fin != 0 {
			t.Error("an end that the peer did not say")
		}
	}
	same(t, e.got, []byte("too large"))
	if r.s.live != 0 {
		t.Error("the connection is left")
	}
}
