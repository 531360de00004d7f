package tcp

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	ut "vswitch/internal/uplink/uplinktest"
)

// What does not fit changes nothing, and is answered as RFC 9293 and RFC 5961 say.
func TestUnfit(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(e *end)
		flags  uint8
		data   int
		end    frame.Reason
		answer uint8 // 0: none
	}{
		{"old text", func(e *end) { e.seq -= 100 }, ack, 100, frame.DropTCPWindow, ack},
		{"text beyond the window", func(e *end) { e.seq += 1 << 20 }, ack, 100, frame.DropTCPWindow, ack},
		{"text ahead", func(e *end) { e.seq += 100 }, ack, 100, frame.DropTCPWindow, ack},
		{"an ACK of nothing sent", func(e *end) { e.ack += 1000 }, ack, 0, frame.DropTCPWindow, ack},
		{"an ACK from long ago", func(e *end) { e.ack -= 1 << 20 }, ack, 0, frame.DropTCPWindow, ack},
		{"no ACK", func(e *end) {}, psh, 10, frame.DropTCPWindow, 0},
		{"a SYN", func(e *end) { e.seq += 10 }, syn, 0, frame.DropTCPWindow, ack},
		{"a RST ahead", func(e *end) { e.seq += 10 }, rst, 0, frame.DropTCPWindow, ack},
		{"a RST outside", func(e *end) { e.seq -= 10 }, rst, 0, frame.DropTCPWindow, 0},
		{"a keep-alive", func(e *end) { e.seq-- }, ack, 0, frame.DropTCPWindow, ack},
		{"a keep-alive with a byte", func(e *end) { e.seq-- }, ack, 1, frame.DropTCPWindow, ack},
		{"a FIN ahead", func(e *end) { e.seq += 10 }, fin | ack, 0, frame.DropTCPWindow, ack},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			e := r.end(4000)
			conn := e.connect()
			before, keep := *e, r.s.flows[0].rcvNxt
			c.edit(e)
			if got := r.Run1(e.segment(c.flags, pattern(c.data))); got != c.end {
				t.Errorf("%v, want %v", got, c.end)
			}
			*e = before
			if c.answer != 0 {
				if got := e.want(c.answer); got.Ack() != keep {
					t.Errorf("acknowledged %d, want %d", got.Ack(), keep)
				}
			}
			e.silent()
			e.say(ack, []byte("fine")) // the connection has not suffered
			same(t, read(t, conn, 4), []byte("fine"))
		})
	}
}

// Challenges are few: a forger cannot make the shard talk.
func TestChallengesAreLimited(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.connect()
	e.seq += 10
	for range 50 {
		r.Run1(e.segment(rst, nil))
	}
	if n := len(r.Entered); n != 1 {
		t.Errorf("%d answers to 50 resets, want 1", n)
	}
	r.Advance(time.Second)
	r.Run1(e.segment(rst, nil))
	if n := len(r.Entered); n != 2 {
		t.Errorf("%d answers, want 2", n)
	}
}

// Segments that overlap what came before are cut, and those beyond the window too.
func TestOverlap(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	data := pattern(40000)
	e.say(ack, data[:1000])
	e.seq -= 500
	e.say(ack, data[500:2000])
	e.seq -= 2000
	f := e.segment(fin|ack, data) // 32 KiB were promised
	if got := r.Run1(f); got != frame.Consumed {
		t.Error(got)
	}
	same(t, read(t, c, 32<<10), data[:32<<10])
	if r.s.flows[0].has(flagInFin) {
		t.Error("the FIN was taken before what it follows")
	}
}

// Text of one run is sent at once and acknowledged once; a gap is told for each segment
// behind it.
func TestRun(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	data := pattern(20 * 1460)
	var run []*frame.Frame
	for at := 0; at < len(data); at += 1460 {
		run = append(run, e.segment(ack, data[at:at+1460]))
		e.seq += 1460
	}
	calls := r.s.calls
	r.Run(run...)
	if n := r.s.calls[callSend] - calls[callSend]; n != 1 {
		t.Errorf("sent in %d system calls", n)
	}
	if got := e.want(ack); got.Ack() != e.seq || len(r.Entered) != 0 {
		t.Errorf("%d more segments; acknowledged %d, want %d", len(r.Entered), got.Ack(), e.seq)
	}
	same(t, read(t, c, len(data)), data)

	e.seq += 1460 // lost
	r.Run(e.segment(ack, data[:10]), e.segment(ack, data[:10]), e.segment(ack, data[:10]))
	if len(r.Entered) != 3 {
		t.Errorf("%d duplicate ACKs, want 3", len(r.Entered))
	}
}

// A finished checksum is verified before anybody reads the payload.
func TestChecksum(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	f := e.segment(ack, []byte("payload"))
	offload.Complete(f)
	f.Bytes()[f.Len-1] ^= 1
	if got := r.Run1(f); got != frame.DropGatewayHeader {
		t.Error(got)
	}
	f.Bytes()[f.Len-1] ^= 1
	if got := r.Run1(f); got != frame.Consumed {
		t.Error(got)
	}
	same(t, read(t, c, 7), []byte("payload"))
}

// Segments of no connection are reset, resets are not.
func TestStrangers(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.ack = 77
	if got := e.say(ack, []byte("hello")); got != frame.DropNoFlow {
		t.Error(got)
	}
	if got := e.want(rst); got.Seq() != 77 {
		t.Errorf("a reset with number %d", got.Seq())
	}
	e.say(fin, nil)
	if got := e.want(rst | ack); got.Ack() != e.seq {
		t.Errorf("a reset for %d, want %d", got.Ack(), e.seq)
	}
	if got := e.say(rst|ack, nil); got != frame.DropNoFlow {
		t.Error(got)
	}
	e.silent()
	if got := e.say(syn|ack, nil); got != frame.DropNoFlow {
		t.Error(got)
	}
}

// Both ends close at once.
func TestSimultaneousClose(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	c.CloseWrite()
	r.Until("a FIN", func() bool { return len(r.Entered) > 0 })
	f := e.segment(fin|ack, nil) // before it has seen the FIN
	e.want(fin | ack)
	r.Run1(f)
	e.seq++
	e.want(ack)
	wantEOF(t, c)
	e.say(ack, nil)
	r.Settle(0)
	if r.s.live != 1 || r.s.idle != 1 {
		t.Errorf("%d connections, %d of them waiting", r.s.live, r.s.idle)
	}
	// The same ports again, at once.
	e.seq += 1000
	e.connect()
	if r.s.live != 1 || r.s.idle != 0 {
		t.Errorf("%d connections, %d of them waiting", r.s.live, r.s.idle)
	}
}

// An old socket's event finds nobody when its number is another's.
func TestStaleEvent(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.connect()
	key := r.s.flows[0].watchKey(0)
	e.say(rst|ack, nil)
	r.Settle(0)
	r.end(4001).connect()
	if got := r.s.flows[0].insidePort; got != 4001 {
		t.Fatalf("number 0 is port %d's", got)
	}
	r.Outside(func() { r.s.Ready(r.Worker, key, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLERR|unix.EPOLLHUP) })
	e.silent()
	if r.s.flows[0].has(flagLast | flagError) {
		t.Error("it was taken for the new one's")
	}
}

// Without a slot nothing is lost: it is said when there is one.
func TestNoSlot(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	r.Starve = true
	e.say(ack, []byte("question"))
	c.Write([]byte("answer"))
	time.Sleep(time.Millisecond)
	for range 3 {
		r.Outside(func() { r.s.Resume(r.Worker) })
	}
	r.Starve = false
	for string(e.got) != "answer" {
		e.hear()
	}
	if a := ut.TCP(e.segment(ack, nil)).Seq(); r.s.flows[0].rcvNxt != a {
		t.Error("the question was not taken")
	}
}

// Networks and containers that go take their connections with them, in silence.
func TestDrop(t *testing.T) {
	r := newRig(t)
	a, b := r.end(4000), r.end(4001)
	b.st = ut.Bob4
	ca := a.connect()
	b.connect()
	r.Outside(func() { r.s.DropInside(r.Worker, 1, ut.Alice4.Addr) })
	if _, err := ca.Read(make([]byte, 1)); err == nil {
		t.Error("the peer was not told")
	}
	if r.s.live != 1 {
		t.Errorf("%d connections are left, want 1", r.s.live)
	}
	r.Outside(func() { r.s.DropNet(r.Worker, 2) })
	if r.s.live != 1 {
		t.Error("another network's connection went")
	}
	r.Outside(func() { r.s.DropNet(r.Worker, 1) })
	if r.s.live != 0 || len(r.Entered) != 0 {
		t.Errorf("%d connections are left, %d frames entered", r.s.live, len(r.Entered))
	}
}
