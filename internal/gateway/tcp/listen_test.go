package tcp

import (
	"net"
	"slices"
	"syscall"
	"testing"
)

func TestListen(t *testing.T) {
	r := newRig(t)
	_, err := r.h.Listen(port)
	fails(t, err, syscall.EADDRINUSE)
	_, err = r.h.Listen(0)
	fails(t, err, syscall.EINVAL)
	if r.l.Addr().String() != ":53" {
		t.Errorf("%v", r.l.Addr())
	}
	p, q, w := r.station(false, 1000), r.station(true, 1000), r.station(false, 1001)
	c := p.connect()
	q.knock()
	q.say(ack, "")
	w.knock()
	done := make(chan error)
	other, err := r.h.Listen(54)
	must(t, err)
	go func() {
		_, err := other.Accept()
		done <- err
	}()
	must(t, other.Close())
	fails(t, <-done, net.ErrClosed)
	must(t, r.l.Close())
	if got := flags(r.got()...); !slices.Equal(got, []string{"R.", "R."}) {
		t.Errorf("%v, want what was not accepted to be reset", got)
	}
	fails(t, r.l.Close(), net.ErrClosed)
	_, err = r.l.Accept()
	fails(t, err, net.ErrClosed)
	p.send("still")
	p.acks()
	reads(t, c, "still")
	w.seq--
	w.say(syn, "")
	if got := r.one(); flags(got)[0] != "R." {
		t.Errorf("%v after the listener was closed", flags(got))
	}
	r.h.Close()
	if got := flags(r.got()...); !slices.Equal(got, []string{"R."}) {
		t.Errorf("%v at the end", got)
	}
	_, err = c.Read(make([]byte, 1))
	fails(t, err, net.ErrClosed)
	_, err = r.h.Listen(55)
	fails(t, err, net.ErrClosed)
	w.say(syn, "")
	r.none()
	if s := r.h.Stats(); s.Open != 0 || s.HalfOpen != 0 || len(r.h.clients) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestQueueForgets: what ended before it was accepted is not offered.
func TestQueueForgets(t *testing.T) {
	r := newRig(t)
	p, q := r.station(false, 1000), r.station(false, 1001)
	for _, p := range []*station{p, q} {
		p.knock()
		p.say(ack, "")
	}
	p.say(rst, "")
	if c := r.accept(); c.RemoteAddr().String() != q.local.String() {
		t.Errorf("accepted %v", c.RemoteAddr())
	}
}
