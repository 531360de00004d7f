package tcp

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket/layers"
)

// inBubble runs a test with a rig on the bubble's clock, whose timers are served.
func inBubble(t *testing.T, test func(t *testing.T, p *station)) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{}, 1)
		r := newRig(t, func(c *Config) {
			c.Now = time.Now
			c.Wake = func() {
				select {
				case wake <- struct{}{}:
				default:
				}
			}
		})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { serve(r.h, wake, stop) })
		test(t, r.station(false, 1000))
		close(stop)
		wg.Wait()
	})
}

// serve ticks a host when it wants it.
func serve(h *Host, wake, stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if next := h.NextTimer(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-stop:
			return
		case <-wake:
		case <-timer.C:
			h.Tick(time.Now())
		}
	}
}

// TestDeadlines: they pass for who waits and for who comes later, and can be moved.
func TestDeadlines(t *testing.T) {
	inBubble(t, func(t *testing.T, p *station) {
		c := p.connect()
		start := time.Now()
		must(t, c.SetReadDeadline(start.Add(3*time.Second)))
		_, err := c.Read(make([]byte, 1))
		fails(t, err, os.ErrDeadlineExceeded)
		if nerr, ok := err.(net.Error); !ok || !nerr.Timeout() {
			t.Errorf("%T is no timeout", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("after %v", took)
		}
		p.send("x")
		_, err = c.Read(make([]byte, 1))
		fails(t, err, os.ErrDeadlineExceeded)
		must(t, c.SetReadDeadline(time.Time{}))
		reads(t, c, "x")

		start = time.Now()
		must(t, c.SetDeadline(start.Add(2*time.Second)))
		n, err := c.Write(make([]byte, 2*sendBuf))
		if fails(t, err, os.ErrDeadlineExceeded); n != sendBuf || time.Since(start) != 2*time.Second {
			t.Errorf("%d bytes, %v", n, time.Since(start))
		}

		must(t, c.SetDeadline(time.Time{}))
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Read(make([]byte, 1))
			fails(t, err, os.ErrDeadlineExceeded)
		})
		synctest.Wait()
		must(t, c.SetReadDeadline(time.Now().Add(-time.Second)))
		wg.Wait()
		c.h.Close()
	})
}

// TestBlocked: Read waits for data, Write for room; both for the end. Writes do not
// mix.
func TestBlocked(t *testing.T) {
	inBubble(t, func(t *testing.T, p *station) {
		c := p.connect()
		var wg sync.WaitGroup
		wg.Go(func() { reads(t, c, "late") })
		synctest.Wait()
		p.send("late")
		wg.Wait()
		p.acks()

		var err [2]error
		for i, b := range []string{"a", "b"} {
			wg.Go(func() { _, err[i] = c.Write([]byte(strings.Repeat(b, 2*sendBuf))) })
		}
		var sum strings.Builder
		for sum.Len() < 4*sendBuf {
			synctest.Wait()
			for _, s := range p.got() {
				sum.Write(s.Payload)
				p.ack += uint32(len(s.Payload))
			}
			p.say(ack, "")
		}
		wg.Wait()
		must(t, err[0])
		must(t, err[1])
		if changes := strings.Count(sum.String(), "ab") + strings.Count(sum.String(), "ba"); changes != 1 {
			t.Errorf("writes mixed: %d changes", changes)
		}

		wg.Go(func() {
			_, err := c.Read(make([]byte, 1))
			fails(t, err, io.EOF)
		})
		synctest.Wait()
		p.say(fin|ack, "")
		wg.Wait()
		wg.Go(func() {
			_, err := c.Write(make([]byte, 2*sendBuf))
			fails(t, err, net.ErrClosed)
		})
		synctest.Wait()
		must(t, c.Close())
		wg.Wait()
		c.h.Close()
	})
}

// TestCloseUnblocks: Accept and Read return when somebody closes.
func TestCloseUnblocks(t *testing.T) {
	inBubble(t, func(t *testing.T, p *station) {
		c := p.connect()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Read(make([]byte, 1))
			fails(t, err, net.ErrClosed)
		})
		wg.Go(func() {
			_, err := p.l.Accept()
			fails(t, err, net.ErrClosed)
		})
		synctest.Wait()
		must(t, c.Close())
		must(t, p.l.Close())
		wg.Wait()
		p.h.Close()
	})
}

// TestWake: the caller is told when a timer is earlier than those before, and not
// each time that one is set.
func TestWake(t *testing.T) {
	r := newRig(t)
	if !r.h.NextTimer().IsZero() {
		t.Error("a timer without connections")
	}
	p := r.station(false, 1000)
	c := p.connect()
	if r.wakes == 0 || r.h.NextTimer().Sub(r.now) > minRTO {
		t.Errorf("%d wakes, timer at %v", r.wakes, r.h.NextTimer().Sub(r.now))
	}
	before := r.wakes
	must(t, c.SetReadDeadline(r.now.Add(time.Hour)))
	p.send("x")
	if r.wakes != before {
		t.Error("told of a later timer")
	}
	must(t, c.SetReadDeadline(r.now.Add(time.Millisecond)))
	if r.wakes != before+1 || r.h.NextTimer().Sub(r.now) != time.Millisecond {
		t.Errorf("%d wakes, timer at %v", r.wakes, r.h.NextTimer().Sub(r.now))
	}
	must(t, c.SetReadDeadline(time.Time{}))
	r.advance(time.Second)
	if next := r.h.NextTimer().Sub(r.now); next < time.Minute {
		t.Errorf("next timer in %v, want that of idleness", next)
	}
}

// TestSendMayCallBack: Send is called without a lock, never twice at once, in order.
func TestSendMayCallBack(t *testing.T) {
	var r *rig
	depth := 0
	r = newRig(t, func(c *Config) {
		take := c.Send
		c.Send = func(b []byte) {
			if depth++; depth > 1 {
				t.Error("Send within Send")
			}
			take(b)
			if s := r.sent[len(r.sent)-1]; s.SYN && s.ACK { // a peer on the same goroutine
				p := r.station(false, uint16(s.DstPort))
				p.seq, p.ack = s.Ack, s.Seq+1
				p.say(ack, "hello")
			}
			depth--
		}
	})
	r.station(false, 1000).say(syn, "")
	if got := flags(r.got()...); !slices.Equal(got, []string{"S.", "."}) {
		t.Errorf("%v", got)
	}
	reads(t, r.accept(), "hello")
}

// TestSlowSend: while a Send is under way, so many frames wait, and what is more is
// lost.
func TestSlowSend(t *testing.T) {
	inSend, goOn := make(chan struct{}), make(chan struct{})
	var sent []*layers.TCP
	var r *rig
	r = newRig(t, func(c *Config) {
		take := c.Send
		c.Send = func(b []byte) {
			if take(b); len(r.sent) == 1 {
				close(inSend)
				<-goOn
			}
		}
	})
	var wg sync.WaitGroup
	p := r.station(false, 1000)
	stray := p.frame(1, ack, "")
	wg.Go(func() { r.h.Input(stray) })
	<-inSend
	for range maxQueued + 10 {
		r.h.Input(stray)
	}
	close(goOn)
	wg.Wait()
	if sent = r.got(); len(sent) != maxQueued+1 || r.h.Stats().Lost != 10 {
		t.Errorf("%d sent, %+v", len(sent), r.h.Stats())
	}
}
