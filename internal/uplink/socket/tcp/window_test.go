package tcp

import (
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	ut "vswitch/internal/uplink/uplinktest"
)

// upload sends data as far as the window allows, waiting for it to open.
func (e *end) upload(data []byte, edge uint32) {
	e.r.T.Helper()
	first := e.seq
	for deadline := time.Now().Add(50 * time.Second); e.seq != first+uint32(len(data)); {
		rest := data[e.seq-first:]
		if n := min(len(rest), int(int32(edge-e.seq)), 60000); n > 0 {
			e.say(ack, rest[:n])
		} else if time.Now().After(deadline) {
			e.r.T.Fatalf("the window stays closed after %d bytes", e.seq-first)
		} else {
			e.r.Poll(10 * time.Millisecond)
		}
		for len(e.r.Entered) > 0 {
			t := e.hear()
			edge = later(edge, t.Ack()+uint32(t.Window())<<windowShift)
		}
	}
}

// A reader that stalls closes the window. Nothing is lost, nothing copied, and when it
// reads on the rest goes through.
func TestStalledReader(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.scale = 7
	c := e.connect()
	data := pattern(12 << 20)
	closed := make(chan struct{})
	got := make(chan []byte, 1)
	go func() {
		<-closed
		b, _ := io.ReadAll(c)
		got <- b
	}()
	first := e.seq
	var edge uint32 = first + 32<<10
	for quiet := 0; quiet < 5; {
		if n := min(60000, int(int32(edge-e.seq)), len(data)-int(e.seq-first)); n > 0 {
			e.say(ack, data[e.seq-first:][:n])
			quiet = 0
		} else if !r.Poll(10 * time.Millisecond) {
			quiet++
		}
		for len(r.Entered) > 0 {
			t := e.hear()
			edge = t.Ack() + uint32(t.Window())<<windowShift
		}
	}
	sent := int(e.seq - first)
	if sent == len(data) {
		t.Fatalf("%d bytes went through with nobody reading", sent)
	}
	e.seq--
	if got := r.Run1(e.segment(ack, nil)); got != frame.DropTCPWindow { // a kernel's probe
		t.Error(got)
	}
	e.seq++
	if p := e.want(ack); p.Window() != 0 && int(p.Window())<<windowShift >= int(e.mss) {
		t.Errorf("the answer to a probe announces %d", p.Window())
	}
	close(closed)
	e.upload(data[sent:], edge)
	e.say(fin|ack, nil)
	same(t, <-got, data)
	if n := r.Ledger().CopiedBytes.Load(); n != 0 {
		t.Errorf("%d bytes were copied", n)
	}
}

// A socket that takes less than was promised: the rest is stashed, and goes first.
func TestStash(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.scale = 7
	c := e.connect()
	id := uint32(0)
	fd := r.s.flows[id].fd
	must(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096))
	r.s.flows[id].rcvEdge += 1 << 20 // promised in better times
	data := pattern(1 << 20)
	for at := 0; at < len(data); at += 50000 {
		if got := e.say(ack, data[at:min(at+50000, len(data))]); got != frame.Consumed {
			t.Fatal(got)
		}
	}
	if r.s.stashed == 0 {
		t.Fatal("the socket took a megabyte at once")
	}
	if got := e.say(fin|ack, nil); got != frame.Consumed {
		t.Fatal(got)
	}
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(c)
		got <- b
	}()
	r.Until("stash empty", func() bool { return r.s.stashed == 0 })
	same(t, <-got, data)
	if c := r.s.Counts(); c.StashedBytes == 0 || r.Ledger().CopiedBytes.Load() != c.StashedBytes {
		t.Errorf("stashed %d, copied %d", c.StashedBytes, r.Ledger().CopiedBytes.Load())
	}
}

// A full stash acknowledges nothing more, and the container's repetition goes through
// when there is room again.
func TestStashFull(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.scale = 7
	c := e.connect()
	must(t, unix.SetsockoptInt(int(r.s.flows[0].fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096))
	r.s.flows[0].rcvEdge += 16 << 20
	data := pattern(8 << 20)
	busy := 0
	for range 200 {
		at := r.s.flows[0].rcvNxt - 4000<<16 - 1
		e.seq = r.s.flows[0].rcvNxt
		if got := e.say(ack, data[at:][:50000]); got == frame.DropUplinkBusy {
			if busy++; busy == 3 {
				break
			}
		}
	}
	if busy == 0 {
		t.Fatal("nothing was too much")
	}
	must(t, unix.SetsockoptInt(int(r.s.flows[0].fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20))
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(c)
		got <- b
	}()
	for r.s.flows[0].rcvNxt != 4000<<16+1+uint32(len(data)) {
		at := r.s.flows[0].rcvNxt - 4000<<16 - 1
		e.seq = r.s.flows[0].rcvNxt
		e.say(ack, data[at:min(int(at)+50000, len(data))])
		r.Poll(time.Millisecond)
	}
	e.seq = r.s.flows[0].rcvNxt
	e.say(fin|ack, nil)
	r.Until("stash empty", func() bool { return r.s.stashed == 0 })
	same(t, <-got, data)
}

// The container's window bounds what it is sent, a closed one is probed, and what opens
// it again continues.
func TestZeroWindow(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.window = 3000
	c := e.connect()
	data := pattern(10000)
	c.Write(data)
	r.Until("the window is full", func() bool { return len(r.Entered) >= 1 })
	r.Settle(5 * time.Millisecond)
	for len(r.Entered) > 0 {
		e.hear()
	}
	if n := len(e.got); n > 3000 || n < 2920 {
		t.Fatalf("%d bytes were sent into a window of 3000", n)
	}
	e.window = 0
	e.say(ack, nil)
	e.silent()
	r.Advance(250 * time.Millisecond)
	p := e.hear()
	if p.Seq() != e.ack-1 || len(p.Payload()) != 0 {
		t.Errorf("a probe with number %d of %d, %d bytes", p.Seq(), e.ack, len(p.Payload()))
	}
	e.say(ack, nil) // still closed
	r.Advance(time.Second)
	n := len(r.Entered)
	if n == 0 || n > 3 {
		t.Errorf("%d probes in a second", n)
	}
	r.Entered = nil
	e.window = 0xffff
	e.say(ack, nil)
	for len(e.got) < len(data) {
		e.hear()
	}
	same(t, e.got, data)
	e.say(ack, nil)
	r.Settle(0)
	if got := r.s.flows[0].taken; got != e.ack {
		t.Errorf("consumed up to %d, acknowledged up to %d", got, e.ack)
	}
}

// What the kernel of a container would be handed is cut by its own segment size.
func TestSuperFrames(t *testing.T) {
	for _, c := range []struct {
		st       ut.Station
		mss      uint16
		want     int
		segments uint16
	}{
		{ut.Alice4, 1460, 64240, 1460},
		{ut.Alice4, 9000, 63000, 1460}, // more than the network's MTU has room for
		{ut.Alice4, 536, 63784, 536},
		{ut.Alice4, 10, 64192, minMSS},
	} {
		r := newRig(t)
		e := r.end(4000)
		e.st, e.mss, e.scale = c.st, c.mss, 8
		conn := e.connect()
		go conn.Write(pattern(1 << 20))
		longest := 0
		for len(e.got) < 1<<20 {
			f := r.Await()
			seg := ut.TCP(f)
			if n := len(seg.Payload()); n > longest {
				longest = n
				if size := ut.GSOSize(f); size != c.segments {
					t.Errorf("MSS %d: segments of %d bytes", c.mss, size)
				}
			}
			e.take(seg)
			e.say(ack, nil)
		}
		same(t, e.got, pattern(1<<20))
		if longest%int(c.segments) != 0 || longest > maxPayload || longest < maxPayload/2 {
			t.Errorf("MSS %d: the longest super-frame has %d bytes", c.mss, longest)
		}
	}
}
