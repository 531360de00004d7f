package tcp

import (
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"
)

// takesFin wants a FIN of the host and takes it in.
func (p *station) takesFin() {
	p.t.Helper()
	got := p.one()
	if !got.FIN || got.Seq != p.ack {
		p.t.Fatalf("%v at %d, want a FIN at %d", flags(got), got.Seq, p.ack)
	}
	p.ack += uint32(len(got.Payload)) + 1
}

// closes sends the station's FIN, and wants it acknowledged.
func (p *station) closes() {
	p.t.Helper()
	p.say(fin|ack, "")
	p.seq++
	p.acks()
}

// gone wants the host to have nothing left, not even a timer that does something.
func (p *station) gone() {
	p.t.Helper()
	if s := p.h.Stats(); s.Open != 0 || s.HalfOpen != 0 || len(p.h.clients) != 0 {
		p.t.Errorf("left: %+v", s)
	}
	p.got()
	p.advance(time.Hour)
	p.none()
}

// The peer closes first: it has all that the service still says.
func TestPeerClosesFirst(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	p.say(fin|ack, "last words")
	p.seq += 11
	p.acks()
	reads(t, c, "last words")
	_, err := c.Read(make([]byte, 1))
	fails(t, err, io.EOF)
	_, err = c.Write([]byte("an answer"))
	must(t, err)
	if got := p.one(); string(got.Payload) != "an answer" {
		t.Errorf("%q", got.Payload)
	}
	p.ack += 9
	must(t, c.Close())
	p.takesFin()
	p.say(ack, "")
	if c.state != closed {
		t.Errorf("state %d", c.state)
	}
	p.gone()
}

// The service closes first, only for writing: it reads on, to the peer's FIN.
func TestServiceClosesFirst(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	must(t, c.CloseWrite())
	p.takesFin()
	_, err := c.Write([]byte("x"))
	fails(t, err, syscall.EPIPE)
	must(t, c.CloseWrite())
	p.none()
	p.say(ack, "")
	p.none()
	p.send("more")
	p.acks()
	reads(t, c, "more")
	p.closes()
	_, err = c.Read(make([]byte, 1))
	fails(t, err, io.EOF)
	if c.state != timeWait {
		t.Fatalf("state %d", c.state)
	}
	p.seq-- // the FIN comes again, and its ACK too
	p.advance(timeWaitTime - 1)
	p.closes()
	p.advance(timeWaitTime - 1)
	if p.h.Stats().Open != 1 {
		t.Error("TIME-WAIT did not begin anew")
	}
	p.advance(1)
	p.gone()
	must(t, c.Close())
	fails(t, c.Close(), net.ErrClosed)
	fails(t, c.CloseWrite(), net.ErrClosed)
}

// Both close at once.
func TestCloseAtOnce(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	must(t, c.Close())
	p.got()
	p.say(fin|ack, "") // does not acknowledge the host's
	p.seq++
	p.ack++
	if got := p.one(); got.Ack != p.seq || got.FIN {
		t.Errorf("%v acknowledges %d, want %d", flags(got), got.Ack, p.seq)
	}
	if c.state != closing {
		t.Errorf("state %d", c.state)
	}
	p.say(ack, "")
	if c.state != timeWait {
		t.Errorf("state %d", c.state)
	}
	p.advance(timeWaitTime)
	p.gone()
}

// A FIN and its acknowledgement in one segment; a FIN that is lost; one that comes
// before what it follows.
func TestFinVariants(t *testing.T) {
	t.Run("in one", func(t *testing.T) {
		p := newRig(t).station(false, 1000)
		c := p.connect()
		must(t, c.Close())
		p.takesFin()
		p.closes()
		if c.state != timeWait {
			t.Errorf("state %d", c.state)
		}
	})
	t.Run("lost", func(t *testing.T) {
		p := newRig(t).station(false, 1000)
		c := p.connect()
		_, err := c.Write([]byte("bye"))
		must(t, err)
		must(t, c.Close())
		if got := flags(p.got()...); !slices.Equal(got, []string{"P.", "F."}) {
			t.Errorf("%v", got)
		}
		p.advance(minRTO)
		if got := p.one(); flags(got)[0] != "FP." || string(got.Payload) != "bye" {
			t.Errorf("%v %q", flags(got), got.Payload)
		}
		p.ack += 4
		p.say(ack, "")
		p.advance(time.Second)
		p.none()
	})
	t.Run("early", func(t *testing.T) {
		p := newRig(t).station(false, 1000)
		c := p.connect()
		p.sayAt(p.seq+5, fin|ack, "67890")
		if got := p.one(); got.Ack != p.seq {
			t.Errorf("acknowledges %d", got.Ack-p.seq)
		}
		p.sayAt(p.seq+20, ack, "beyond the end")
		p.sayAt(p.seq+5, fin|ack, "678") // lies about the end
		p.got()
		p.say(ack, "12345")
		p.seq += 11
		p.acks()
		reads(t, c, "1234567890")
		if c.state != closeWait {
			t.Errorf("state %d", c.state)
		}
	})
	t.Run("behind a full window", func(t *testing.T) {
		p := newRig(t).station(false, 1000)
		c := p.connect()
		p.say(fin|ack, text(recvBuf))
		p.seq += recvBuf + 1
		p.acks()
		reads(t, c, text(recvBuf))
		p.none()
		_, err := c.Read(make([]byte, 1))
		fails(t, err, io.EOF)
	})
}

// TestReopen: the same ends connect again while the connection before them is in
// TIME-WAIT, if the numbers show that the SYN is a new one.
func TestReopen(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	must(t, c.Close())
	p.takesFin()
	p.closes()
	p.sayAt(p.seq-1, syn, "")
	if got := p.one(); flags(got)[0] != "." || got.Ack != p.seq {
		t.Errorf("%v for an old SYN", flags(got))
	}
	p.seq += 100
	p.advance(time.Second)
	if got := p.knock(); flags(got)[0] != "S." {
		t.Fatalf("%v for a new SYN", flags(got))
	}
	p.say(ack, "")
	if d := p.accept(); d == c || p.h.Stats().Open != 1 {
		t.Errorf("%+v", p.h.Stats())
	}
}
