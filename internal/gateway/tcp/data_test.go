package tcp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// text is n bytes none of which is like its neighbours.
func text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return string(b)
}

func TestDataBothWays(t *testing.T) {
	bothVersions(t, func(t *testing.T, v6 bool) {
		p := newRig(t).station(v6, 1000)
		c := p.connect()
		p.send("a question")
		p.acks()
		reads(t, c, "a question")
		n, err := c.Write([]byte("an answer"))
		if n != 9 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		got := p.one()
		if flags(got)[0] != "P." || string(got.Payload) != "an answer" || got.Seq != p.ack || got.Ack != p.seq {
			t.Errorf("%v %q", flags(got), got.Payload)
		}
		p.ack += 9
		p.say(ack, "")
		p.none()
		p.advance(time.Minute)
		p.none()
		if len(c.snd.buf) != 0 || !c.snd.timer.IsZero() {
			t.Errorf("%d bytes wait, a timer at %v", len(c.snd.buf), c.snd.timer)
		}
	})
}

// An answer of many segments leaves in whole ones, ten of them at once, then two for
// each that is acknowledged.
func TestSlowStart(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	data := text(40000)
	_, err := c.Write([]byte(data))
	must(t, err)
	got := p.got()
	if len(got) != 10 {
		t.Fatalf("%d segments to begin with", len(got))
	}
	p.ack += uint32(len(got[0].Payload))
	p.say(ack, "")
	next := p.got()
	if len(next) != 2 {
		t.Fatalf("%d segments for one that was acknowledged", len(next))
	}
	all := append(got, next...)
	for len(next) > 0 {
		last := next[len(next)-1]
		p.ack = last.Seq + uint32(len(last.Payload))
		p.say(ack, "")
		next = p.got()
		all = append(all, next...)
	}
	var sum bytes.Buffer
	for i, s := range all {
		if sum.Write(s.Payload); i < len(all)-1 && len(s.Payload) != 1460 {
			t.Errorf("segment %d has %d bytes", i, len(s.Payload))
		}
	}
	if sum.String() != data {
		t.Error("other bytes arrived")
	}
}

// TestReceive: whatever the order, bytes are delivered once and in theirs, and each
// segment is answered with what is missing.
func TestReceive(t *testing.T) {
	data := text(1000)
	type part struct{ from, to int }
	for name, c := range map[string]struct {
		parts []part
		acks  []int
	}{
		"in order":            {[]part{{0, 500}, {500, 1000}}, []int{500, 1000}},
		"twice":               {[]part{{0, 500}, {0, 500}, {500, 1000}, {0, 1000}}, []int{500, 500, 1000, 1000}},
		"reversed":            {[]part{{500, 1000}, {0, 500}}, []int{0, 1000}},
		"a hole":              {[]part{{0, 300}, {600, 1000}, {300, 600}}, []int{300, 300, 1000}},
		"two holes":           {[]part{{600, 800}, {200, 400}, {0, 200}, {800, 1000}, {400, 600}}, []int{0, 0, 400, 400, 1000}},
		"overlaps the end":    {[]part{{0, 600}, {400, 1000}}, []int{600, 1000}},
		"covers all":          {[]part{{200, 300}, {600, 700}, {0, 1000}}, []int{0, 0, 1000}},
		"covers two of three": {[]part{{100, 200}, {300, 400}, {500, 600}, {50, 450}, {0, 50}, {450, 1000}}, []int{0, 0, 0, 0, 450, 1000}},
		"fills and overlaps":  {[]part{{400, 600}, {0, 500}, {550, 1000}}, []int{0, 600, 1000}},
		"byte by byte": {[]part{{3, 4}, {1, 2}, {5, 6}, {0, 1}, {2, 3}, {4, 5}, {6, 1000}},
			[]int{0, 0, 0, 2, 4, 6, 1000}},
	} {
		for _, start := range []uint32{1000, 0xffffffff - 300} {
			t.Run(fmt.Sprintf("%s from %d", name, start), func(t *testing.T) {
				p := newRig(t).station(false, 1000)
				p.seq = start
				conn := p.connect()
				for i, s := range c.parts {
					p.sayAt(p.seq+uint32(s.from), ack, data[s.from:s.to])
					if got := p.one(); got.Ack != p.seq+uint32(c.acks[i]) || len(got.Payload) != 0 {
						t.Errorf("%v: acknowledges %d, want %d", s, got.Ack-p.seq, c.acks[i])
					}
				}
				reads(t, conn, data)
			})
		}
	}
}

// TestPiecesAreBounded: so many holes, and no byte beyond the window.
func TestPiecesAreBounded(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	for i := range 2 * maxPieces {
		p.sayAt(p.seq+1+2*uint32(i), ack, "x")
	}
	if len(c.rcv.pieces) != maxPieces {
		t.Errorf("%d pieces", len(c.rcv.pieces))
	}
	p.got()
	p.sayAt(p.seq+recvBuf-1, ack, "yz")
	p.sayAt(p.seq+recvBuf+1, ack, "z")
	for _, s := range p.got() {
		if s.Ack != p.seq {
			t.Errorf("acknowledges %d", s.Ack)
		}
	}
	p.send(strings.Repeat("x", 2*maxPieces))
	p.acks()
	reads(t, c, strings.Repeat("x", 2*maxPieces))
}

// A super-frame is a segment like others.
func TestSuperFrame(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	data := text(60000)
	p.say(ack, data)
	if got := p.one(); got.Ack != p.seq+recvBuf || got.Window != 0 {
		t.Errorf("acknowledges %d, window %d", got.Ack-p.seq, got.Window)
	}
	reads(t, c, data[:recvBuf])
}

// TestWrap: our numbers go through zero.
func TestWrap(t *testing.T) {
	r := newRig(t)
	p := r.station(false, 1000)
	r.h.now = r.now
	before := ^uint32(0) - 20000 - uint32(r.h.isn(pair{p.remote, p.local}))
	r.now = r.now.Add(time.Duration(before) * 4 * time.Microsecond)
	if got := p.knock(); got.Seq != ^uint32(0)-20000 {
		t.Fatalf("begins at %d", got.Seq)
	}
	p.say(ack, "")
	c := r.accept()
	data := text(60000)
	_, err := c.Write([]byte(data))
	must(t, err)
	var sum bytes.Buffer
	for lost := true; sum.Len() < len(data); {
		for _, s := range r.got() {
			if lost && sum.Len() > 19000 {
				lost = false // across zero
				continue
			}
			if s.Seq == p.ack {
				sum.Write(s.Payload)
				p.ack += uint32(len(s.Payload))
			}
			p.say(ack, "")
		}
		if len(r.sent) == 0 {
			r.advance(time.Second)
		}
	}
	if sum.String() != data || p.ack > 1<<20 {
		t.Errorf("other bytes arrived, up to %d", p.ack)
	}
}
