package tcp

import (
	"testing"
	"time"

	"github.com/google/gopacket/layers"
)

// check is what holds at any time, whatever came in.
func (r *rig) check() {
	half, clients := 0, 0
	for p, c := range r.h.conns {
		if c.state == synReceived {
			half++
		}
		kept := 0
		for i, q := range c.rcv.pieces {
			if kept += len(q.b); i > 0 && q.at.before(c.rcv.pieces[i-1].end()) || !c.rcv.nxt.before(q.at) {
				r.t.Fatalf("pieces overlap: %v", c.rcv.pieces)
			}
		}
		s := &c.snd
		if c.state == closed || c.pair != p || len(c.rcv.buf) > recvBuf || kept > recvBuf || len(c.rcv.pieces) > maxPieces ||
			len(s.buf) > sendBuf || s.nxt.before(s.una) || s.max.before(s.nxt) || s.flight() > sendBuf+1 || s.cwnd < s.mss && !s.recovering {
			r.t.Fatalf("%+v", c)
		}
		if s.flight() > 0 && s.timer.IsZero() && c.state != timeWait {
			r.t.Fatalf("%d bytes under way without a timer", s.flight())
		}
	}
	for _, n := range r.h.clients {
		clients += n
	}
	if half != r.h.half || clients != len(r.h.conns) || len(r.h.conns) > r.h.cfg.Conns || half > r.h.cfg.HalfOpen {
		r.t.Fatalf("%d half open, counted %d; %d of clients, %d in all", half, r.h.half, clients, len(r.h.conns))
	}
}

// FuzzInput: any bytes as a frame, on a host with an open connection that has
// something to send.
func FuzzInput(f *testing.F) {
	p := newRig(f).station(false, 1000)
	f.Add(p.frame(1000, syn, ""))
	f.Add(p.frame(1001, ack, "text"))
	f.Add(newRig(f).station(true, 1000).frame(7, rst|fin|syn, "x"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRig(t)
		r.h.cfg.Send = func([]byte) { r.sent = append(r.sent, nil) } // the sender's MAC is anything
		r.h.Input(b)
		if r.check(); len(r.sent) > 1 {
			t.Errorf("%d answers", len(r.sent))
		}
	})
}

// FuzzConversation: segments near the right numbers, time, and what a service does,
// as the bytes say: five for each step.
func FuzzConversation(f *testing.F) {
	f.Add([]byte{0, ack, 0, 0, 10, 1, 200, 0, 0, 0, 0, ack | fin, 0, 0, 0, 3, 0, 0, 0, 0})
	f.Add([]byte{1, 255, 0, 0, 0, 0, ack, 0, 4, 0, 0, ack, 0, 4, 0, 0, ack, 0, 4, 0, 0, ack, 0, 4, 0, 4, 50, 0, 0, 0, 2, 9, 0, 0, 0})
	f.Add([]byte{0, ack, 10, 0, 10, 0, ack, 4, 0, 10, 0, ack | fin, 20, 0, 3, 0, ack, 0, 0, 10, 5, 0, 0, 0, 0, 4, 255, 0, 0, 0})
	f.Add([]byte{6, 0, 0, 0, 0, 1, 255, 0, 0, 0, 4, 255, 0, 0, 0, 0, ack, 0, 1, 0, 0, rst, 1, 0, 0, 0, rst, 0, 0, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		r := newRig(t)
		p := r.station(len(steps)%2 == 1, 1000)
		c := p.connect()
		for ; len(steps) >= 5 && len(steps) < 2000; steps = steps[5:] {
			p.step(c, [5]byte(steps))
			if r.check(); len(r.sent) > sendBuf/minMSS+2 {
				t.Fatalf("%d segments at once", len(r.sent))
			}
			p.follow(r.got())
		}
	})
}

// step does what five bytes say.
func (p *station) step(c *Conn, b [5]byte) {
	switch b[0] % 8 {
	case 1:
		if room := sendBuf - len(c.snd.buf); room > 0 {
			_, _ = c.Write(make([]byte, min(room, 1+int(b[1])*40))) // it may be closed
		}
	case 2:
		if len(c.rcv.buf) > 0 {
			_, _ = c.Read(make([]byte, 1+int(b[1])*50))
		}
	case 3:
		_ = c.CloseWrite()
	case 4:
		p.advance(time.Duration(b[1]) * 20 * time.Millisecond)
	case 5:
		if b[1]%4 == 0 {
			_ = c.Close()
		}
	case 6:
		p.window = uint16(b[1]) * uint16(b[2])
	default:
		p.ack += uint32(int8(b[3]))
		p.sayAt(p.seq+uint32(int8(b[2])), b[1], text(int(b[4])*20))
		p.ack -= uint32(int8(b[3]))
	}
}

// follow has the station know what the host acknowledges and sends.
func (p *station) follow(got []*layers.TCP) {
	for _, s := range got {
		if s.ACK && !s.RST {
			p.seq = s.Ack
		}
		if s.Seq == p.ack {
			p.ack += uint32(len(s.Payload))
		}
	}
}
