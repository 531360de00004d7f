package tcp

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A FIN that there was no slot for is sent when there is one, though nothing else is
// under way that would have it sent again.
func TestFinWithoutSlot(t *testing.T) {
	r := newRig(t)
	pending(r)
	e := r.end(4000)
	e.say(syn, nil)
	c := r.arrived(e)
	r.Outside(func() { r.s.Ready(r.Worker, r0(e).watchKey(0), unix.EPOLLOUT) })
	e.want(syn | ack)
	e.say(ack, nil)
	r.Settle(0)
	c.CloseWrite()
	r0(e).flags |= flagEOF // a turn had ended just there
	r0(e).fin = r0(e).sndNxt
	r.Starve = true
	r.Outside(func() { r.s.Ready(r.Worker, r0(e).watchKey(0), unix.EPOLLIN|unix.EPOLLRDHUP) })
	r.Starve = false
	e.want(fin | ack)
}

// More connections than there are slots have something to say in one go.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	var ends []*end
	for i := range 50 {
		e := r.end(uint16(4000 + i))
		e.connect().Close()
		ends = append(ends, e)
	}
	r.Settle(10 * time.Millisecond)
	r.Entered = nil
	r.Outside(func() {
		for i := range ends {
			r.s.Ready(r.Worker, r.s.flows[i].watchKey(uint32(i)), unix.EPOLLIN|unix.EPOLLERR|unix.EPOLLHUP)
		}
	})
	if n := len(r.Entered); n != len(ends) {
		t.Errorf("%d resets of %d", n, len(ends))
	}
}
