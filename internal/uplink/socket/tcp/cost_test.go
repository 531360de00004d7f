package tcp

import (
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	ut "vswitch/internal/uplink/uplinktest"
)

// sink keeps what entered from growing: the last segment only.
func (r *rig) sink() *frame.Frame {
	last := &frame.Frame{Off: frame.VnetLen, Buf: make([]byte, 1<<17)}
	r.Clean = true
	r.OnEnter = func(_ frame.PortID, b []byte) {
		copy(last.Buf, b[:min(len(b), 100)])
		last.Len = len(b) - frame.VnetLen
		last.Parse()
	}
	return last
}

// A super-frame out is one system call, with a look at the socket's room now and then.
// Nothing is allocated for it, and nothing copied.
func TestCostOut(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.scale = 7
	c := e.connect()
	go io.Copy(io.Discard, c)
	r.sink()
	e.say(ack, pattern(20000)) // half of the first window: the socket is asked
	f := e.segment(ack, pattern(60000))
	seg := ut.TCP(f)
	n := 0
	one := func() {
		for r0(e).rcvEdge-r0(e).rcvNxt < 60000 {
			r.Poll(1e9)
		}
		seg.SetSeq(r0(e).rcvNxt)
		r.Run1(f)
		n++
	}
	for range 200 {
		one() // the socket's buffer grows
	}
	before := r.s.calls
	n = 0
	if got := testing.AllocsPerRun(1000, one); got != 0 {
		t.Errorf("%v allocations a super-frame", got)
	}
	used := costs(r, before)
	t.Logf("%d super-frames: %+v", n, used)
	if used[callSend] != n || used[callMeminfo]+used[callPoll] > n || used[callPeek]+used[callTake] > n/10 {
		t.Errorf("%d super-frames cost %v", n, used)
	}
	if copied := r.Ledger().CopiedBytes.Load(); copied != 0 {
		t.Errorf("%d bytes were copied", copied)
	}
}

func costs(r *rig, before [callKinds]uint64) (used [callKinds]int) {
	for i := range used {
		used[i] = int(r.s.calls[i] - before[i])
	}
	return used
}

// A super-frame in is one system call to peek and one to consume.
func TestCostIn(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	e.window, e.scale = 0xffff, 8
	c := e.connect()
	raw, err := c.SyscallConn()
	must(t, err)
	last := r.sink()
	data := pattern(maxPayload)
	reply := e.segment(ack, nil)
	n := 0
	one := func() {
		raw.Control(func(fd uintptr) { unix.Write(int(fd), data) })
		for last.Len = 0; last.Len == 0; {
			r.Poll(1e9)
		}
		seg := ut.TCP(reply)
		seg.SetSeq(r0(e).rcvNxt)
		seg.SetAck(r0(e).sndMax)
		r.Run1(reply)
		n++
	}
	for range 50 {
		one()
	}
	before := r.s.calls
	n = 0
	if got := testing.AllocsPerRun(500, one); got != 0 {
		t.Errorf("%v allocations a super-frame", got)
	}
	used := costs(r, before)
	t.Logf("%d super-frames: %+v", n, used)
	// A segment or two of a super-frame may come late, and have to be peeked at alone.
	if used[callPeek] > 2*n || used[callTake] > n+1 || used[callSend]+used[callMeminfo]+used[callPoll]+used[callPeekOff] > 2 {
		t.Errorf("%d super-frames cost %v", n, used)
	}
	if copied := r.Ledger().CopiedBytes.Load(); copied != 0 {
		t.Errorf("%d bytes were copied", copied)
	}
}

// What a short connection costs beyond socket, options, connect, watch and close.
func TestCostConnection(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	before := r.s.calls
	c := e.connect()
	e.say(ack|psh, []byte("GET"))
	e.want(ack)
	read(t, c, 3)
	c.Write([]byte("response"))
	c.Close()
	for e.hear(); e.ack != r0(e).fin+1; {
		e.hear()
	}
	e.say(fin|ack, nil)
	e.want(ack)
	r.Settle(0)
	used := costs(r, before)
	t.Logf("%+v", used)
	if used[callSend] != 1 || used[callPeek] > 3 || used[callTake] != 1 || used[callMeminfo] != 0 || used[callPeekOff] > 1 {
		t.Errorf("a short connection costs %v", used)
	}
}
