package tcp

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestPeersWindow: what the peer has no room for waits; a shut window is probed, for
// as long as the peer answers.
func TestPeersWindow(t *testing.T) {
	p := newRig(t).station(false, 1000)
	p.window = 3000
	c := p.connect()
	start := p.ack
	_, err := c.Write([]byte(text(6000)))
	must(t, err)
	if got := p.seqs(start); !slices.Equal(got, []int{0, 1460}) {
		t.Fatalf("%v", got) // the 80 bytes that are left of the window wait
	}
	p.ack, p.window = start+2920, 0
	p.say(ack, "")
	p.none()
	for i := range 20 { // more than retries
		p.advance(min(minRTO<<min(i, 10), maxRTO))
		if got := p.one(); got.Seq != p.ack || len(got.Payload) != 1 {
			t.Fatalf("probe %d: %d bytes at %d", i, len(got.Payload), got.Seq-start)
		}
		p.say(ack, "")
		p.none()
	}
	p.window = 65535
	p.say(ack, "")
	if got := p.seqs(start); !slices.Equal(got, []int{2920, 4380, 5840}) {
		t.Errorf("when it is open again: %v", got)
	}
	p.ack = start + 6000
	p.say(ack, "")
	if s := p.h.Stats(); s.Probes != 20 || s.Timeouts != 0 || len(c.snd.buf) != 0 {
		t.Errorf("%+v", s)
	}
}

// A probe's byte that was taken is not sent again.
func TestProbeIsTaken(t *testing.T) {
	p := newRig(t).station(false, 1000)
	p.window = 0
	c := p.connect()
	_, err := c.Write([]byte("abc"))
	must(t, err)
	p.none()
	p.advance(minRTO)
	if got := p.one(); string(got.Payload) != "a" {
		t.Errorf("probe %q", got.Payload)
	}
	p.ack++
	p.say(ack, "")
	p.none()
	p.window = 100
	p.say(ack, "")
	if got := p.one(); string(got.Payload) != "bc" || got.Seq != p.ack {
		t.Errorf("%q", got.Payload)
	}
}

// A window that stays small gets what it has room for, after a while.
func TestSmallWindow(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	p.window = 10
	p.say(ack, "")
	_, err := c.Write([]byte(text(100)))
	must(t, err)
	p.none()
	p.advance(minRTO)
	if got := p.one(); len(got.Payload) != 10 {
		t.Errorf("%d bytes", len(got.Payload))
	}
}

// A silent peer behind a shut window is given up.
func TestProbesAreGivenUp(t *testing.T) {
	p := newRig(t, func(c *Config) { c.Idle = time.Hour }).station(false, 1000)
	p.window = 0
	c := p.connect()
	_, err := c.Write([]byte("abc"))
	must(t, err)
	p.advance(3 * time.Minute)
	if got := p.got(); len(got) != dataRetries+1 || flags(got[dataRetries])[0] != "R." {
		t.Errorf("%v", flags(got...))
	}
	_, err = c.Write([]byte("x"))
	fails(t, err, syscall.ETIMEDOUT)
}

// TestOurWindow: it shuts when the service does not read, probes are answered, and
// the peer is told when there is a worthwhile piece of it again.
func TestOurWindow(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	data := text(recvBuf)
	for at := 0; at < recvBuf; at += 1024 {
		p.send(data[at : at+1024])
		if got := p.one(); got.Ack != p.seq || int(got.Window) != recvBuf-at-1024 {
			t.Fatalf("window %d after %d bytes", got.Window, at+1024)
		}
	}
	for range 3 {
		p.say(ack, "!")
		if got := p.one(); got.Window != 0 || got.Ack != p.seq {
			t.Fatalf("window %d, acknowledges %d", got.Window, got.Ack)
		}
	}
	b := make([]byte, 1000)
	n, err := c.Read(b)
	must(t, err)
	p.none() // too little to tell
	m, err := c.Read(b)
	must(t, err)
	if got := p.one(); int(got.Window) != n+m {
		t.Errorf("window %d, want %d", got.Window, n+m)
	}
	p.send("!")
	p.one()
	reads(t, c, data[n+m:]+"!")
	if got := p.one(); got.Window != recvBuf {
		t.Errorf("window %d", got.Window)
	}
	must(t, c.SetReadDeadline(p.now))
	_, err = c.Read(b)
	fails(t, err, os.ErrDeadlineExceeded)
}

// An acknowledgement counts while our window is shut.
func TestAckThroughShutWindow(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	p.send(text(recvBuf))
	p.got()
	_, err := c.Write([]byte("abc"))
	must(t, err)
	p.got()
	p.ack += 3
	p.say(ack, "x")
	p.got()
	if len(c.snd.buf) != 0 {
		t.Errorf("%d bytes not acknowledged", len(c.snd.buf))
	}
}
