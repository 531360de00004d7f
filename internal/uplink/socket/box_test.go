package socket

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	ut "vswitch/internal/uplink/uplinktest"
)

// box is a container's TCP in miniature: what enters is in order, and nothing is lost.
type box struct {
	st    ut.Station
	conns map[name]*end
	out   []*frame.Frame // what it has to say
	serve func(e *end)   // has a connection that came in, before it is answered
}

// flight is how much a box has under way, in bytes: few enough segments for them all to
// wait in a shard that is at work.
const flight = 16 << 10

// name is how a box knows a connection: by its own port and the peer.
type name struct {
	port uint16
	peer netip.AddrPort
}

// end is the box's end of one.
type end struct {
	b        *box
	name     name
	seq, ack uint32 // the next to send, the next expected
	edge     uint32 // where the peer's window ends
	got, say []byte
	// echo says back what it hears, abort resets when it has heard something.
	echo, abort bool
	most        int // bytes of a segment; 0: a super-frame's
	finSent     bool
	finGot      bool
	finAcked    bool
	ended       bool
	reset       bool // by whom it was ended
}

func newBox(st ut.Station) *box { return &box{st: st, conns: map[name]*end{}} }

// dial begins a connection that says something and ends.
func (b *box) dial(port uint16, to netip.AddrPort, say []byte) *end {
	e := b.end(name{port, to})
	e.say = say
	e.emit(syn, nil)
	e.seq++
	return e
}

func (b *box) end(n name) *end {
	e := &end{b: b, name: n, seq: uint32(n.port) << 12}
	b.conns[n] = e
	return e
}

func (e *end) segment(flags uint8, payload []byte) *frame.Frame {
	h := frame.TCPFields{Seq: e.seq, Ack: e.ack, Flags: flags, Window: 0xffff}
	if flags&syn != 0 {
		h.Options = []byte{2, 4, 5, 0xb4}
	}
	return e.b.st.TCP(e.name.port, e.name.peer, h, payload, 1460)
}

func (e *end) emit(flags uint8, payload []byte) { e.b.out = append(e.b.out, e.segment(flags, payload)) }

// take takes a segment that entered.
func (b *box) take(f *frame.Frame) {
	seg := ut.TCP(f)
	src, dst := ut.Ends(f)
	n := name{dst.Port(), src}
	e, flags := b.conns[n], seg.Flags()
	switch {
	case flags&rst != 0:
		if e != nil {
			e.over(true)
		}
	case e == nil && flags&(syn|ack) == syn:
		e = b.end(n)
		e.ack = seg.Seq() + 1
		b.serve(e)
		e.emit(syn|ack, nil)
		e.seq++
	case e == nil:
	case flags&syn != 0:
		e.ack = seg.Seq() + 1
		e.hear(seg)
	case seg.Seq() != e.ack:
		e.emit(ack, nil)
	default:
		e.hear(seg)
	}
}

func (e *end) hear(seg frame.TCP) {
	heard := len(seg.Payload())
	e.edge = seg.Ack() + min(uint32(seg.Window()), flight) // no scale was offered
	e.got = append(e.got, seg.Payload()...)
	e.ack += uint32(heard)
	if e.echo {
		e.say = append(e.say, seg.Payload()...)
	}
	if seg.Flags()&fin != 0 {
		e.ack++
		e.finGot = true
	}
	e.finAcked = e.finAcked || e.finSent && seg.Ack() == e.seq
	if e.abort && (heard > 0 || e.finGot) {
		e.emit(rst|ack, nil)
		e.over(true)
		return
	}
	e.answer(heard > 0 || seg.Flags()&(syn|fin) != 0)
	if e.finGot && e.finAcked {
		e.over(false)
	}
}

// answer says what there is to say, and acknowledges with it.
func (e *end) answer(due bool) {
	for len(e.say) > 0 && e.seq != e.edge {
		n := min(len(e.say), e.longest(), int(e.edge-e.seq))
		e.emit(ack, e.say[:n])
		e.seq += uint32(n)
		e.say, due = e.say[n:], false
	}
	if !e.finSent && len(e.say) == 0 && (!e.echo || e.finGot) {
		e.emit(fin|ack, nil)
		e.seq++
		e.finSent, due = true, false
	}
	if due {
		e.emit(ack, nil)
	}
}

func (e *end) longest() int {
	if e.most > 0 {
		return e.most
	}
	return 4 * 1460
}

func (e *end) over(reset bool) {
	e.ended, e.reset = true, reset
	delete(e.b.conns, e.name)
}

// exchange gives the boxes what entered, and the shard what they answer, until nobody
// has anything to say. What is not TCP is left.
func (r *rig) exchange(boxes ...*box) {
	r.T.Helper()
	for {
		entered := r.Entered
		r.Entered = nil
		var rest []ut.Entered
		for _, f := range entered {
			if b := addressee(f.Frame, boxes); b != nil {
				b.take(f.Frame)
			} else {
				rest = append(rest, f)
			}
		}
		r.Entered = append(rest, r.Entered...)
		said := 0
		for _, b := range boxes {
			run := b.out
			b.out = nil
			said += len(run)
			for len(run) > 0 {
				n := min(len(run), 32)
				r.Run(run[:n]...)
				run = run[n:]
			}
		}
		if said == 0 {
			return
		}
	}
}

func addressee(f *frame.Frame, boxes []*box) *box {
	_, dst := ut.Ends(f)
	for _, b := range boxes {
		if f.Proto == frame.ProtoTCP && dst.Addr() == b.st.Addr {
			return b
		}
	}
	return nil
}

// connect is a connection of alice's to a listener, after the handshake.
func (r *rig) connect(port uint16, to netip.AddrPort) *end {
	r.T.Helper()
	e := &end{b: newBox(alice4), name: name{port, to}, seq: 1}
	r.send(e.segment(syn, nil))
	e.seq++
	e.ack = ut.TCP(r.Await()).Seq() + 1
	r.send(e.segment(ack, nil))
	return e
}

// accept takes a client of a listener that the test owns.
func accept(t testing.TB, fd int) int {
	t.Helper()
	for range 1000 {
		peer, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != unix.EAGAIN {
			must(t, err)
			return peer
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no client")
	return -1
}
