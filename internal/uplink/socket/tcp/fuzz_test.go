package tcp

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	ut "vswitch/internal/uplink/uplinktest"
)

// FuzzSegments sends a connection segments that somebody made up, in any order, with
// numbers near its own, with time passing and slots missing. Nothing may panic, no frame
// that enters be malformed, and nothing be left at the end.
func FuzzSegments(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, ack, 10, 0, 0, 0, 0, fin | ack, 0})
	f.Add([]byte{1, 0, 0, 0, ack | psh, 255, 0, 0, 0, 0, rst, 0})
	f.Add([]byte{0, 0, 255, 0, ack | urg, 3, 7, 7, 7, 7, syn, 9})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		e := r.end(4000)
		e.scale = 2
		conn := e.connect()
		conn.Write([]byte("something to send"))
		for len(script) >= 6 {
			step := script[:6]
			script = script[6:]
			r.step(e, conn, step)
			if len(r.Entered) > 1000 {
				r.Entered = nil
			}
		}
		r.Advance(time.Hour)
		r.Settle(0)
	})
}

func (r *rig) step(e *end, conn *net.TCPConn, step []byte) {
	now := r.s.flows[0]
	if step[0]&128 != 0 {
		r.Advance(time.Duration(step[1]) * 10 * time.Millisecond)
		r.Poll(0)
	}
	h := frame.TCPFields{
		Seq: now.rcvNxt + uint32(int8(step[0]))*uint32(step[1]), Ack: now.sndUna + uint32(int8(step[2])),
		Flags: step[4], Window: uint16(step[3]) * 64,
	}
	f := e.st.TCP(e.port, e.to, h, pattern(int(step[5])*20), 1460)
	binary.BigEndian.PutUint16(ut.TCP(f)[tcpUrgent:], uint16(step[1]))
	r.Starve = step[0]&64 != 0
	r.Run1(f)
	r.Starve = false
	if step[3]&1 != 0 {
		conn.Write(pattern(int(step[5])))
	}
	if step[3]&2 != 0 {
		r.Poll(0)
	}
	if step[3] == 255 {
		conn.CloseWrite()
	}
}

// FuzzFirst sends any bytes as a segment to a shard without connections.
func FuzzFirst(f *testing.F) {
	f.Add([]byte{0x0f, 0xa0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, syn, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < frame.TCPLen || len(b) > 2000 {
			return
		}
		r := newRig(t)
		r.s.sys.socket = func(int, int, int) (int, error) { return -1, unix.EMFILE }
		e := r.end(1)
		fr := e.segment(syn, b[frame.TCPLen:])
		copy(ut.L4(fr), b[:frame.TCPLen])
		if fr.Parse() == frame.Accepted {
			r.Run1(fr)
		}
	})
}
