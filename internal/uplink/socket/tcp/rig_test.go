package tcp

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"vswitch/internal/frame"
	ut "vswitch/internal/uplink/uplinktest"
)

// rig is a shard on a worker, and a server of the host's loopback.
type rig struct {
	*ut.Worker
	s      *Shard
	listen *net.TCPListener
	port   uint16
}

func newRig(t testing.TB, edit ...func(*Config)) *rig {
	t.Helper()
	w := ut.New(t)
	cfg := Config{Watch: w, Seed: 1, Now: w.Clock}
	for _, e := range edit {
		e(&cfg)
	}
	r := &rig{Worker: w, s: New(cfg)}
	w.Shard = r.s
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r.listen = l
	r.port = uint16(l.Addr().(*net.TCPAddr).Port)
	t.Cleanup(func() {
		r.Outside(r.s.Close)
		if n := r.Watched(); n != 0 {
			t.Errorf("%d descriptors are still watched", n)
		}
		if r.s.live != 0 || r.s.idle != 0 || r.s.index.Len() != 0 || len(r.s.halfOpen) != 0 || r.s.stashed != 0 {
			t.Errorf("left: %d live, %d idle, %d in the index, %d half open, %d bytes stashed",
				r.s.live, r.s.idle, r.s.index.Len(), len(r.s.halfOpen), r.s.stashed)
		}
		l.Close()
	})
	return r
}

// to is the server as the container names it.
func (r *rig) to() netip.AddrPort { return netip.AddrPortFrom(ut.Loopback4, r.port) }

// end is a container's end of a connection, as a test plays it.
type end struct {
	r        *rig
	st       ut.Station
	port     uint16
	to       netip.AddrPort
	seq, ack uint32 // the next to send, the next expected
	window   uint16
	mss      uint16
	scale    int
	got      []byte
	peerWnd  uint16
}

func (r *rig) end(port uint16) *end {
	return &end{r: r, st: ut.Alice4, port: port, to: r.to(), seq: uint32(port) << 16, window: 0xffff, mss: 1460, scale: -1}
}

// segment builds one at the end's place.
func (e *end) segment(flags uint8, payload []byte) *frame.Frame {
	h := frame.TCPFields{Seq: e.seq, Ack: e.ack, Flags: flags, Window: e.window}
	if flags&syn != 0 {
		h.Options = []byte{2, 4, byte(e.mss >> 8), byte(e.mss)}
		if e.scale >= 0 {
			h.Options = append(h.Options, 1, 3, 3, byte(e.scale))
		}
	}
	return e.st.TCP(e.port, e.to, h, payload, int(e.mss))
}

// say sends a segment and moves on.
func (e *end) say(flags uint8, payload []byte) frame.Reason {
	e.r.T.Helper()
	reason := e.r.Run1(e.segment(flags, payload))
	e.seq += uint32(len(payload))
	if flags&(syn|fin) != 0 {
		e.seq++
	}
	return reason
}

// hear waits for the next segment and takes it if it is in order.
func (e *end) hear() frame.TCP {
	e.r.T.Helper()
	t := ut.TCP(e.r.Await())
	e.take(t)
	return t
}

func (e *end) take(t frame.TCP) {
	if t.Flags()&syn != 0 {
		e.ack = t.Seq() + 1
	}
	if t.Seq() == e.ack && t.Flags()&rst == 0 {
		e.got = append(e.got, t.Payload()...)
		e.ack += length(t)
	}
	e.peerWnd = t.Window()
}

// want is hear for a segment with exactly these flags, PSH aside.
func (e *end) want(flags uint8) frame.TCP {
	e.r.T.Helper()
	t := e.hear()
	if t.Flags()&^psh != flags {
		e.r.T.Fatalf("flags %#x, want %#x", t.Flags(), flags)
	}
	return t
}

// silent fails if a segment comes.
func (e *end) silent() {
	e.r.T.Helper()
	e.r.Settle(10 * time.Millisecond)
	if len(e.r.Entered) > 0 {
		e.r.T.Fatalf("a segment: flags %#x", ut.TCP(e.r.Take1()).Flags())
	}
}

// connect does the handshake, and returns the server's end.
func (e *end) connect() *net.TCPConn {
	e.r.T.Helper()
	if r := e.say(syn, nil); r != frame.Consumed {
		e.r.T.Fatal(r)
	}
	e.want(syn | ack)
	e.say(ack, nil)
	return e.accept()
}

func (e *end) accept() *net.TCPConn {
	e.r.T.Helper()
	e.r.listen.SetDeadline(time.Now().Add(5 * time.Second))
	c, err := e.r.listen.AcceptTCP()
	if err != nil {
		e.r.T.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(60 * time.Second))
	e.r.T.Cleanup(func() { c.Close() })
	return c
}

// read reads n bytes of the server's end.
func read(t testing.TB, c net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func wantEOF(t testing.TB, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("%d bytes, %v, want the end", n, err)
	}
}

// pattern is n bytes that repeat nowhere near.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func same(t testing.TB, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes differ from the %d sent", len(got), len(want))
	}
}
