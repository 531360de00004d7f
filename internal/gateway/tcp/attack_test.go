package tcp

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
)

// reach brings a connection into a state. The service's end is nil before it can be
// accepted.
func (p *station) reach(s state) *Conn {
	p.t.Helper()
	if s == synReceived {
		p.knock()
		return nil
	}
	c := p.connect()
	if s == closeWait || s == lastAck {
		p.closes()
	}
	if s == established || s == closeWait {
		return c
	}
	must(p.t, c.CloseWrite())
	p.got()
	if s == closing {
		p.closes()
	}
	p.ack++
	if s == finWait2 || s == timeWait {
		p.say(ack, "")
	}
	if s == timeWait {
		p.closes()
	}
	return c
}

var states = []state{synReceived, established, finWait1, finWait2, closeWait, closing, lastAck, timeWait}

// inAll runs a test on a connection in each state.
func inAll(t *testing.T, test func(t *testing.T, s state, p *station, c *Conn)) {
	for _, s := range states {
		t.Run(fmt.Sprintf("state %d", s), func(t *testing.T) {
			p := newRig(t).station(false, 1000)
			c := p.reach(s)
			p.none()
			if got := p.h.conns[pair{p.remote, p.local}].state; got != s {
				t.Fatalf("in state %d", got)
			}
			test(t, s, p, c)
		})
	}
}

// TestReset: a RST at exactly the next byte ends the connection in every state; one
// elsewhere in the window is challenged, one outside of it ignored (RFC 5961).
func TestReset(t *testing.T) {
	inAll(t, func(t *testing.T, s state, p *station, c *Conn) {
		p.sayAt(p.seq-1, rst, "")
		p.sayAt(p.seq+recvBuf+1, rst, "")
		p.none()
		if s != closeWait && s != closing && s != lastAck && s != timeWait { // there is no window behind a FIN
			p.sayAt(p.seq+1, rst, "")
			p.acks()
		}
		if p.h.Stats().Open != 1 {
			t.Fatal("a RST at the wrong byte ended it")
		}
		p.say(rst, "")
		p.none()
		if p.h.Stats().Resets != 1 {
			t.Errorf("%+v", p.h.Stats())
		}
		if c != nil {
			_, err := c.Write([]byte("x"))
			fails(t, err, syscall.ECONNRESET)
			c.rcv.done = false
			_, err = c.Read(make([]byte, 1))
			fails(t, err, syscall.ECONNRESET)
		}
		p.gone()
	})
}

// TestSyn: a SYN in a connection changes nothing and is challenged; but in TIME-WAIT
// it may be a new one.
func TestSyn(t *testing.T) {
	inAll(t, func(t *testing.T, s state, p *station, _ *Conn) {
		for _, at := range []uint32{p.seq, p.seq + 1, p.seq + 1<<31 - 1, p.seq - 1, p.seq - 100} {
			for _, f := range []uint8{syn, syn | ack} {
				if s == timeWait && f == syn && int32(at-p.seq) > 0 || s == synReceived && f == syn && at == p.seq-1 {
					continue
				}
				p.advance(challengeEvery)
				p.got()
				p.sayAt(at, f, "")
				if p.acks(); p.h.Stats().Open != 1 || p.h.Stats().HalfOpen != map[bool]int{true: 1}[s == synReceived] {
					t.Errorf("%+v", p.h.Stats())
				}
				if s == timeWait || s == synReceived { // they do not last
					p = newRig(t).station(false, 1000)
					p.reach(s)
				}
			}
		}
	})
}

// TestImplausibleAck: an ACK of what was not sent, or long ago, is challenged, and
// its text is not taken.
func TestImplausibleAck(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	right := p.ack
	for _, off := range []uint32{1, 1 << 30, ^uint32(65536)} {
		p.advance(time.Second)
		p.ack = right + off
		p.say(ack, "injected")
		p.acks()
	}
	p.ack = right - 65535 // the peer's window is as large: an old segment
	p.say(ack, "ok")
	p.seq += 2
	p.acks()
	p.say(0, "no ACK at all")
	p.none()
	reads(t, c, "ok")
}

// TestUnacceptable: what is outside of the window is answered, so that the peer
// learns where it is; without text only now and then, so that two of a kind do not
// talk for ever.
func TestUnacceptable(t *testing.T) {
	p := newRig(t).station(false, 1000)
	c := p.connect()
	for range 3 {
		p.sayAt(p.seq-1, ack, "")                // a keep-alive
		p.sayAt(p.seq-10, ack, "old")            // repeated
		p.sayAt(p.seq+recvBuf+1, ack, "further") // beyond
	}
	got := p.got()
	for _, s := range got {
		if s.Ack != p.seq {
			t.Errorf("acknowledges %d", s.Ack-p.seq)
		}
	}
	if len(got) != 1+6 || p.h.Stats().Challenges != 1 {
		t.Errorf("%d answers, %d of them challenges", len(got), p.h.Stats().Challenges)
	}
	p.advance(challengeEvery)
	p.sayAt(p.seq-1, ack, "")
	p.acks()
	if len(c.rcv.buf) != 0 {
		t.Errorf("%q came of it", c.rcv.buf)
	}
}

// from is a station at an address of its own.
func (r *rig) from(n int) *station {
	p := r.station(false, 1000)
	p.local = addrPort(netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}), 1000)
	return p
}

// TestFlood: SYNs from everywhere hold no more than their share, drive out each
// other, and nothing that is open.
func TestFlood(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Conns, c.HalfOpen = 20, 8 })
	p := r.station(false, 1000)
	c := p.connect()
	for n := range 1000 {
		r.from(n).knock()
		if s := r.h.Stats(); s.HalfOpen > 8 || s.Open > 9 || len(r.h.conns) != s.Open || len(r.h.clients) != s.Open {
			t.Fatalf("%+v", s)
		}
	}
	for n := range 8 {
		q := r.from(992 + n)
		if r.h.conns[pair{q.remote, q.local}] == nil {
			t.Errorf("%v, of the newest, is gone", q.local)
		}
	}
	if s := r.h.Stats(); s.Evicted != 992 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
	p.send("still here")
	p.acks()
	reads(t, c, "still here")
}

// TestClientLimit: what one address holds. Its own half-open ones make room, those
// that are open do not.
func TestClientLimit(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ConnsPerClient = 3 })
	r.station(false, 1).connect()
	r.station(false, 2).connect()
	r.station(false, 3).knock()
	r.station(false, 4).knock()
	if s := r.h.Stats(); s.Open != 3 || s.Evicted != 1 {
		t.Errorf("%+v", s)
	}
	p := r.station(false, 5)
	p.knock()
	p.say(ack, "")
	q := r.station(false, 6)
	q.say(syn, "")
	if got := r.one(); flags(got)[0] != "R." || got.Ack != q.seq+1 {
		t.Errorf("%v over the limit", flags(got))
	}
	r.station(true, 1).connect() // another address
	p.say(rst, "")
	q.connect()
	if s := r.h.Stats(); s.Open != 4 || s.Refused != 1 || s.Accepted != 5 {
		t.Errorf("%+v", s)
	}
}

// TestLimit: what all hold. TIME-WAIT goes first, then what is half open.
func TestLimit(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Conns = 4 })
	var p [7]*station
	for n := range p {
		p[n] = r.from(n)
	}
	p[0].connect()
	p[1].knock()
	c := p[2].connect()
	must(t, c.Close())
	p[2].takesFin()
	p[2].closes() // in TIME-WAIT
	p[3].connect()
	there := func() (n []int) {
		for i := range p {
			if r.h.conns[pair{p[i].remote, p[i].local}] != nil {
				n = append(n, i)
			}
		}
		return n
	}
	p[4].connect()
	if got := there(); !slices.Equal(got, []int{0, 1, 3, 4}) {
		t.Errorf("left %v", got)
	}
	p[5].connect()
	if got := there(); !slices.Equal(got, []int{0, 3, 4, 5}) {
		t.Errorf("left %v", got)
	}
	p[6].say(syn, "")
	if got := r.one(); flags(got)[0] != "R." || !slices.Equal(there(), []int{0, 3, 4, 5}) {
		t.Errorf("%v over the limit; left %v", flags(got), there())
	}
}
