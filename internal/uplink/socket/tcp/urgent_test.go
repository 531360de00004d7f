package tcp

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	ut "vswitch/internal/uplink/uplinktest"
)

// The peer's kernel sees the mark where the container set it.
func TestUrgentOut(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	f := e.segment(ack|urg, []byte("abcdef"))
	binary.BigEndian.PutUint16(ut.TCP(f)[tcpUrgent:], 3) // behind the c
	r.Run1(f)
	if got := e.want(ack); got.Ack() != e.seq+6 {
		t.Errorf("acknowledged %d", got.Ack()-e.seq)
	}
	raw, err := c.SyscallConn()
	must(t, err)
	var urgent [1]byte
	r.Until("urgent byte", func() (ok bool) {
		raw.Control(func(fd uintptr) {
			n, _, err := unix.Recvfrom(int(fd), urgent[:], unix.MSG_OOB|unix.MSG_DONTWAIT)
			ok = n == 1 && err == nil
		})
		return ok
	})
	if urgent[0] != 'c' {
		t.Errorf("urgent is %q", urgent[0])
	}
	same(t, read(t, c, 2), []byte("ab"))
	same(t, read(t, c, 3), []byte("def"))
}

// The container sees the mark where the peer set it, behind and before other bytes.
func TestUrgentIn(t *testing.T) {
	r := newRig(t)
	e := r.end(4000)
	c := e.connect()
	raw, err := c.SyscallConn()
	must(t, err)
	raw.Control(func(fd uintptr) {
		unix.Sendto(int(fd), []byte("abc!"), unix.MSG_OOB, nil)
	})
	c.Write([]byte("after"))
	time.Sleep(time.Millisecond)
	var marked []byte
	for len(e.got) < 9 {
		seg := e.hear()
		if seg.Flags()&urg != 0 {
			p := binary.BigEndian.Uint16(seg[tcpUrgent:])
			marked = append(marked, seg.Payload()[p-1])
		}
		e.say(ack, nil)
	}
	if string(e.got) != "abc!after" || string(marked) != "!" {
		t.Errorf("%q, marked %q", e.got, marked)
	}
	// What follows is not slowed down by what was.
	c.Write(pattern(100000))
	r.Until("all under way", func() bool { return r0(e).sndNxt-r0(e).sndUna > 60000 })
	for len(e.got) < 100009 {
		e.hear()
		e.say(ack, nil)
	}
	same(t, e.got[9:], pattern(100000))
	c.Close()
	for !r0(e).has(flagFinSent) {
		e.hear()
	}
}
