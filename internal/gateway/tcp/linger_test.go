package tcp

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// TestUnread: who closes with something unread resets, now or when it comes.
func TestUnread(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	p.send("a question")
	p.acks()
	must(t, c.Close())
	if got := p.one(); flags(got)[0] != "R." || got.Seq != p.ack || got.Ack != p.seq {
		t.Errorf("%v", flags(got))
	}
	p.gone()

	p = newRig(t).station(false, 1000)
	c = p.connect()
	must(t, c.Close())
	p.takesFin()
	p.send("a question")
	if got := p.one(); flags(got)[0] != "R." || got.Seq != p.ack {
		t.Errorf("%v", flags(got))
	}
	p.gone()
}

// TestLinger: Close does not wait, and what was written arrives.
func TestLinger(t *testing.T) {
	p := newRig(t).station(false, 1000)
	p.window = 0
	c := p.connect()
	_, err := c.Write([]byte("answer"))
	must(t, err)
	must(t, c.Close())
	p.none()
	_, err = c.Read(make([]byte, 1))
	fails(t, err, net.ErrClosed)
	_, err = c.Write([]byte("x"))
	fails(t, err, net.ErrClosed)
	fails(t, c.SetDeadline(p.now), net.ErrClosed)
	p.advance(lingerTime / 2)
	p.got()
	p.window = 100
	p.say(ack, "")
	if got := p.one(); string(got.Payload) != "answer" || !got.FIN {
		t.Errorf("%v %q", flags(got), got.Payload)
	}
	p.ack += 7
	p.say(ack, "")
	p.closes()
	p.advance(timeWaitTime)
	p.gone()
}

// TestLingerEnds: a peer that takes nothing, or does not close its side, is not
// waited for, whatever it says.
func TestLingerEnds(t *testing.T) {
	for name, c := range map[string]struct {
		window uint16
		after  time.Duration
	}{"takes nothing": {0, lingerTime}, "does not close": {100, finWait2Time}} {
		t.Run(name, func(t *testing.T) {
			p := newRig(t).station(false, 1000)
			p.window = c.window
			conn := p.connect()
			_, err := conn.Write([]byte("answer"))
			must(t, err)
			must(t, conn.Close())
			if c.window > 0 {
				p.ack += 7
			}
			for at := time.Duration(0); at < c.after; at += time.Second {
				if p.h.Stats().Open != 1 {
					t.Errorf("ended after %v", at)
				}
				p.say(ack, "")
				p.advance(time.Second)
			}
			got := p.got()
			if last := got[len(got)-1]; flags(last)[0] != "R." {
				t.Errorf("%v", flags(got...))
			}
			p.gone()
		})
	}
}

// TestIdle: a connection on which nothing is heard ends; what is heard prolongs it.
func TestIdle(t *testing.T) {
	p := newRig(t, func(c *Config) { c.Idle = 10 * time.Second }).station(false, 1000)
	c := p.connect()
	p.advance(9 * time.Second)
	p.send("x")
	p.acks()
	p.advance(10*time.Second - 1)
	p.none()
	p.advance(1)
	if got := p.one(); flags(got)[0] != "R." {
		t.Errorf("%v", flags(got))
	}
	reads(t, c, "x")
	_, err := c.Read(make([]byte, 1))
	fails(t, err, syscall.ETIMEDOUT)
	p.gone()
}
