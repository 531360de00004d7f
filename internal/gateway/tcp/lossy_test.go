package tcp

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// TestLossyLink: two stacks that have nothing in common but the protocol exchange
// streams over a link that loses, repeats and reorders, and each gets exactly what
// the other sent.
func TestLossyLink(t *testing.T) {
	for seed := range uint64(24) {
		loss := []float64{0, 0.02, 0.1, 0.2}[seed%4]
		t.Run(fmt.Sprintf("seed %d, loss %v", seed, loss), func(t *testing.T) {
			t.Parallel()
			newLink(t, seed, loss).run()
		})
	}
}

// link is a link on a virtual clock, with the host and a service at one end and a
// peer at the other.
type link struct {
	*rig
	rand   *rand.Rand
	loss   float64
	flying []flight
	conn   *Conn
	peer   *peer

	toSend, received []byte // the service's
}

// flight is a frame on its way.
type flight struct {
	at    time.Time
	b     []byte
	toUs  bool
	order int
}

func newLink(t *testing.T, seed uint64, loss float64) *link {
	l := &link{rand: rand.New(rand.NewPCG(seed, 1)), loss: loss}
	l.rig = newRig(t, func(c *Config) {
		judge := c.Send
		c.MTU = []int{1500, 576, 9000}[l.rand.IntN(3)]
		c.Send = func(b []byte) {
			judge(b)
			l.sent = nil
			l.send(b, false)
		}
	})
	l.toSend = l.bytes()
	p := l.station(seed%2 == 1, 1000)
	p.seq, p.window = l.rand.Uint32(), uint16(1000+l.rand.IntN(60000))
	l.peer = &peer{station: p, link: l, out: l.bytes(), una: p.seq, timer: l.now}
	return l
}

func (l *link) bytes() []byte {
	b := make([]byte, l.rand.IntN(200_000))
	for i := range b {
		b[i] = byte(l.rand.Uint32())
	}
	return b
}

// send puts a frame on the link, perhaps twice or never.
func (l *link) send(b []byte, toUs bool) {
	for range 1 + l.copies() {
		if l.rand.Float64() >= l.loss {
			delay := time.Duration(l.rand.IntN(2000)) * time.Microsecond
			l.flying = append(l.flying, flight{l.now.Add(delay), slices.Clone(b), toUs, len(l.flying)})
		}
	}
}

func (l *link) copies() int {
	if l.rand.Float64() < l.loss/2 {
		return 1
	}
	return 0
}

// run moves the clock from event to event until both ends are done.
func (l *link) run() {
	start := l.now
	for !l.done() {
		if l.now.Sub(start) > time.Hour {
			l.t.Fatalf("no progress: %d of %d and %d of %d bytes; %+v",
				len(l.received), len(l.peer.out), len(l.peer.in), len(l.toSend), l.h.Stats())
		}
		l.step()
		l.service()
	}
	if !bytes.Equal(l.received, l.peer.out) || !bytes.Equal(l.peer.in, l.toSend) {
		l.t.Error("other bytes arrived")
	}
	if s := l.h.Stats(); s.Aborted != 0 || s.Resets != 0 {
		l.t.Errorf("%+v", s)
	}
}

func (l *link) done() bool {
	return l.peer.finTaken && l.peer.finished() && l.conn != nil && l.conn.closed && l.h.Stats().Open == 0
}

// step does what happens next.
func (l *link) step() {
	slices.SortFunc(l.flying, func(a, b flight) int { return a.at.Compare(b.at) })
	next := l.peer.timer
	if t := l.h.NextTimer(); !t.IsZero() && t.Before(next) {
		next = t
	}
	if len(l.flying) > 0 && !l.flying[0].at.After(next) {
		f := l.flying[0]
		l.flying = l.flying[1:]
		l.now = f.at
		if f.toUs {
			l.h.Input(f.b)
		} else {
			l.peer.input(f.b)
		}
		return
	}
	l.now = next
	l.h.Tick(l.now)
	l.peer.tick()
}

// service reads and writes what it can without waiting, and not always.
func (l *link) service() {
	if l.conn == nil {
		if len(l.l.(*listener).queue) == 0 {
			return
		}
		l.conn = l.accept()
	}
	c := l.conn
	if c.closed || l.rand.IntN(3) == 0 {
		return
	}
	if n := min(len(l.toSend), sendBuf-len(c.snd.buf)); n > 0 && !c.snd.fin {
		n = 1 + l.rand.IntN(n)
		_, err := c.Write(l.toSend[l.peer.wrote:min(l.peer.wrote+n, len(l.toSend))])
		must(l.t, err)
		l.peer.wrote = min(l.peer.wrote+n, len(l.toSend))
	}
	if l.peer.wrote == len(l.toSend) && !c.snd.fin {
		must(l.t, c.CloseWrite())
	}
	if len(c.rcv.buf) > 0 || c.rcv.done && c.snd.finAcked { // it does not linger, whose time is bounded
		b := make([]byte, 1+l.rand.IntN(20_000))
		n, err := c.Read(b)
		l.received = append(l.received, b[:n]...)
		if err == io.EOF {
			must(l.t, c.Close())
		}
	}
}

// peer is an active opener as simple as can be: it goes back to the first byte that
// is missing at each timeout, and takes only what is in order.
type peer struct {
	*station
	link     *link
	out, in  []byte
	wrote    int    // of the service's bytes
	una, nxt uint32 // as in the host
	open     bool
	finTaken bool
	wnd      int
	timer    time.Time
}

// fin returns the number of its FIN.
func (p *peer) fin() uint32 { return p.seq + 1 + uint32(len(p.out)) }

func (p *peer) finished() bool { return p.una == p.fin()+1 }

func (p *peer) emit(at uint32, flags uint8, text string) {
	p.link.send(p.frame(at, flags, text), true)
}

func (p *peer) tick() {
	if p.now.Before(p.timer) {
		return
	}
	p.timer = p.now.Add(300 * time.Millisecond)
	if p.finTaken && p.finished() {
		return
	}
	if !p.open {
		p.emit(p.seq, syn, "")
		return
	}
	p.nxt = p.una
	p.fill()
	if p.nxt == p.una { // a keep-alive, or a probe
		p.emit(p.una-1, ack, "")
	}
}

// fill sends what the window lets through.
func (p *peer) fill() {
	for p.nxt != p.fin()+1 {
		at := int(p.nxt - p.seq - 1)
		n := min(len(p.out)-at, 1460, p.wnd-int(p.nxt-p.una))
		flags := uint8(ack)
		if n <= 0 && at < len(p.out) {
			return
		}
		if at+n == len(p.out) {
			flags |= fin
		}
		p.emit(p.nxt, flags, string(p.out[at:at+n]))
		if p.nxt += uint32(n); flags&fin != 0 {
			p.nxt++
		}
	}
}

func (p *peer) input(b []byte) {
	s := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy).TransportLayer().(*layers.TCP)
	if s.RST { // TIME-WAIT is over, and the acknowledgement of the FIN was lost each time
		if !p.finTaken {
			p.t.Error("a RST")
		}
		p.una = p.fin() + 1
		return
	}
	if s.SYN {
		if !p.open {
			p.open, p.una, p.nxt, p.ack, p.wnd = true, p.seq+1, p.seq+1, s.Seq+1, int(s.Window)
		}
		p.emit(p.nxt, ack, "")
		p.fill()
		return
	}
	if !p.open {
		return
	}
	if d := int32(s.Ack - p.una); d >= 0 {
		if p.una, p.wnd = s.Ack, int(s.Window); d > 0 {
			p.timer = p.now.Add(300 * time.Millisecond)
		}
		if int32(p.nxt-p.una) < 0 {
			p.nxt = p.una
		}
	}
	if s.Seq == p.ack {
		p.in = append(p.in, s.Payload...)
		if p.ack += uint32(len(s.Payload)); s.FIN {
			p.finTaken = true
			p.ack++
		}
	}
	p.fill()
	if len(s.Payload) > 0 || s.FIN {
		p.emit(p.nxt, ack, "")
	}
}
