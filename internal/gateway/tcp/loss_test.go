package tcp

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// seqs returns where segments begin, counted from a number.
func (p *station) seqs(from uint32) (at []int) {
	for _, s := range p.got() {
		at = append(at, int(s.Seq-from))
	}
	return at
}

// TestTimeout: the first segment is sent again, ever more rarely, and then the
// connection is given up.
func TestTimeout(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	_, err := c.Write([]byte("lost"))
	must(t, err)
	first := p.one()
	start := p.now
	for i := range dataRetries {
		p.advance(minRTO<<i - 1)
		p.none()
		p.advance(1)
		if got := p.one(); got.Seq != first.Seq || string(got.Payload) != "lost" {
			t.Errorf("%q at %d", got.Payload, got.Seq)
		}
	}
	p.advance(minRTO << dataRetries)
	if got := p.one(); flags(got)[0] != "R." || got.Seq != first.Seq+4 {
		t.Errorf("%v at %d", flags(got), got.Seq-first.Seq)
	}
	if took := p.now.Sub(start); took < 100*time.Second {
		t.Errorf("given up after %v; RFC 1122 wants 100 s", took)
	}
	_, err = c.Read(make([]byte, 1))
	fails(t, err, syscall.ETIMEDOUT)
	_, err = c.Write([]byte("x"))
	fails(t, err, syscall.ETIMEDOUT)
	if s := p.h.Stats(); s.Timeouts != dataRetries || s.Retransmits != dataRetries || s.Aborted != 1 || s.Open != 0 {
		t.Errorf("%+v", s)
	}
}

// After a timeout everything is sent again, from one segment on, and an
// acknowledgement of more than was sent again counts.
func TestGoBack(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	start := p.ack
	_, err := c.Write([]byte(text(5 * 1460)))
	must(t, err)
	if got := p.seqs(start); len(got) != 5 {
		t.Fatalf("%v", got)
	}
	p.advance(minRTO)
	if got := p.seqs(start); !slices.Equal(got, []int{0}) {
		t.Errorf("after the timeout: %v", got)
	}
	p.ack += 1460
	p.say(ack, "")
	if got := p.seqs(start); !slices.Equal(got, []int{1460, 2920}) {
		t.Errorf("after its acknowledgement: %v", got)
	}
	p.ack += 3 * 1460 // the fourth had arrived, the fifth not
	p.say(ack, "")
	if got := p.seqs(start); !slices.Equal(got, []int{4 * 1460}) {
		t.Errorf("after the jump: %v", got)
	}
	p.ack += 1460
	p.say(ack, "")
	p.advance(10 * time.Second)
	p.none()
}

// TestFastRetransmit: three duplicate acknowledgements, one retransmission; a
// partial acknowledgement shows the next loss; then the window is halved.
func TestFastRetransmit(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	start := p.ack
	_, err := c.Write([]byte(text(20 * 1460)))
	must(t, err)
	if got := p.seqs(start); len(got) != 10 {
		t.Fatalf("%v", got)
	}
	p.ack += 1460
	p.say(ack, "") // the first has arrived; the second and the fourth are lost
	if got := p.seqs(start); !slices.Equal(got, []int{10 * 1460, 11 * 1460}) {
		t.Fatalf("%v", got)
	}
	for range 2 {
		p.say(ack, "")
		p.none()
	}
	p.say(ack, "")
	if got := p.seqs(start); !slices.Equal(got, []int{1460}) {
		t.Fatalf("after three duplicates: %v", got)
	}
	p.ack += 2 * 1460
	p.say(ack, "")
	if got := p.seqs(start); len(got) == 0 || got[0] != 3*1460 {
		t.Fatalf("after a partial acknowledgement: %v", got)
	}
	p.ack = uint32(c.snd.recover)
	p.say(ack, "")
	if c.snd.recovering || c.snd.cwnd > c.snd.ssthresh || p.h.Stats().Timeouts != 0 || p.h.Stats().Retransmits != 2 {
		t.Errorf("%+v, %+v", c.snd.congestion, p.h.Stats())
	}
}

// TestNoFalseDuplicates: window updates, data and what comes with nothing under way
// are no duplicate acknowledgements.
func TestNoFalseDuplicates(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	for range 5 {
		p.say(ack, "")
	}
	_, err := c.Write([]byte("x"))
	must(t, err)
	p.got()
	for i := range 5 {
		p.window = uint16(1000 + i)
		p.say(ack, "")
		p.send("y")
	}
	if s := p.h.Stats(); s.Retransmits != 0 {
		t.Errorf("%+v", s)
	}
	c.Close()
}

// TestRoundTrip: the timeout follows what is measured, never on what was sent twice.
func TestRoundTrip(t *testing.T) {
	p := newRig(t).station(false, 1000)
	p.knock()
	p.now = p.now.Add(100 * time.Millisecond)
	p.say(ack, "")
	c := p.accept()
	if c.snd.srtt != 100*time.Millisecond || c.snd.rto != 300*time.Millisecond {
		t.Errorf("%+v", c.snd.roundTrip)
	}
	write := func(wait time.Duration) {
		t.Helper()
		_, err := c.Write([]byte("x"))
		must(t, err)
		p.advance(wait)
		p.got()
		p.ack++
		p.say(ack, "")
	}
	write(100 * time.Millisecond)
	if c.snd.srtt != 100*time.Millisecond || c.snd.rto != 250*time.Millisecond {
		t.Errorf("%+v", c.snd.roundTrip)
	}
	write(time.Second)
	if c.snd.srtt != 100*time.Millisecond || c.snd.backoff != 0 {
		t.Errorf("measured what was sent twice: %+v", c.snd.roundTrip)
	}
	for range 50 {
		write(time.Microsecond)
	}
	if c.snd.rto != minRTO {
		t.Errorf("timeout %v", c.snd.rto)
	}
}
