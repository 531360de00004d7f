package socket

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	ut "vswitch/internal/uplink/uplinktest"
)

// armed is what the kernel knows of the shard's timer, 0 for nothing.
func (r *rig) armed() time.Duration {
	r.T.Helper()
	var spec unix.ItimerSpec
	must(r.T, unix.TimerfdGettime(r.s.timer.fd, &spec))
	return time.Duration(spec.Value.Nano())
}

// earliest is the earliest deadline of all protocols, 0 for none.
func (r *rig) earliest() (first int64) {
	for _, next := range []func() (int64, bool){r.s.tcp.Next, r.s.udp.Next, r.s.echo.Next} {
		if when, ok := next(); ok && (first == 0 || when < first) {
			first = when
		}
	}
	return first
}

// A shard without connections has no timer, one with some has it at the first deadline,
// and no protocol's is missed where there is traffic.
func TestTimer(t *testing.T) {
	r := newRig(t)
	server := alias(udpServer(t).LocalAddr())
	_, at := listener(t, 8)
	r.ends(protocol(alice4.UDP(1, server, make([]byte, 8), 0), 132))
	if r.armed() != 0 || r.s.timer.due != 0 {
		t.Errorf("an idle shard's timer goes off in %v", r.armed())
	}

	// A mapping lasts two minutes.
	r.send(alice4.UDP(1, server, nil, 0))
	if due := r.s.timer.due; due != r.earliest() || due < r.Clock+int64(100*time.Second) {
		t.Errorf("due in %v, the first deadline in %v", due-r.Clock, r.earliest()-r.Clock)
	}
	if got := r.armed(); got < 100*time.Second || got > 130*time.Second {
		t.Errorf("goes off in %v", got)
	}

	// With the next packet it goes off soon, whatever that has brought.
	r.send(alice4.TCP(1, netip.AddrPortFrom(ut.Loopback4, at.Port()), frame.TCPFields{Flags: syn}, nil, 0))
	first := r.earliest()
	if first < r.Clock+soon || first > r.Clock+2*int64(time.Second) {
		t.Errorf("the first deadline of a connection is in %v", time.Duration(first-r.Clock))
	}
	if r.s.timer.due != r.Clock+soon {
		t.Errorf("due in %v", time.Duration(r.s.timer.due-r.Clock))
	}

	// And then for the deadline.
	r.Advance(time.Duration(soon))
	if r.s.timer.due != first {
		t.Errorf("due in %v, the first deadline in %v", time.Duration(r.s.timer.due-r.Clock), time.Duration(first-r.Clock))
	}
	r.Entered = nil
	r.Advance(time.Duration(first - r.Clock))
	if len(r.Entered) != 1 || ut.TCP(r.Take1()).Flags() != syn|ack {
		t.Error("the answer is not repeated when it is time")
	}

	r.Advance(time.Hour)
	if n := len(r.flows()); n != 0 || r.s.timer.due != 0 {
		t.Errorf("%d connections are left, and the timer is set", n)
	}
}

// The timer's event comes from the kernel, and does what is due.
func TestTimerRings(t *testing.T) {
	r := newRig(t)
	r.send(alice4.UDP(1, alias(udpServer(t).LocalAddr()), nil, 0))
	r.s.timer.due = 0 // so that it can be set to what is past
	r.Clock += int64(time.Hour)
	r.Outside(func() { r.s.arm(r.Clock) })
	r.Until("over", func() bool { return r.s.Counts().Flows == 0 })
	if r.armed() != 0 {
		t.Errorf("goes off in %v", r.armed())
	}
}

// Where there is traffic the timer is set once in a while, not for each batch.
func TestTimerIsLeftAlone(t *testing.T) {
	r := newRig(t)
	f := alice4.UDP(1, alias(udpServer(t).LocalAddr()), nil, 0)
	r.send(f)
	last, set := r.s.timer.due, 0
	for range 1000 {
		r.Advance(time.Millisecond)
		r.send(f)
		if due := r.s.timer.due; due != last {
			last = due
			set++
		}
		if due := r.s.timer.due; due > r.Clock+soon || due > r.earliest() {
			t.Fatalf("due in %v", time.Duration(due-r.Clock))
		}
	}
	if set > 2*1000/200 {
		t.Errorf("set %d times in a second", set)
	}
}
