package socket

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	ut "vswitch/internal/uplink/uplinktest"
)

// drought is a process without a free descriptor: the limit is as low as the highest
// that is open, and all holes below are filled.
type drought struct {
	t       testing.TB
	was     unix.Rlimit
	fillers []int
}

func exhaust(t testing.TB) *drought {
	t.Helper()
	d := &drought{t: t}
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &d.was))
	top, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, err)
	d.fillers = []int{top}
	for fd := top; fd < 1024; fd++ {
		if valid(fd) {
			top = fd
		}
	}
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(top + 1), Max: d.was.Max}))
	d.fill()
	t.Cleanup(d.end)
	return d
}

// fill takes all descriptors that are free.
func (d *drought) fill() {
	for {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		d.fillers = append(d.fillers, fd)
	}
}

// free frees one.
func (d *drought) free() {
	last := len(d.fillers) - 1
	unix.Close(d.fillers[last])
	d.fillers = d.fillers[:last]
}

func (d *drought) end() {
	must(d.t, unix.Setrlimit(unix.RLIMIT_NOFILE, &d.was))
	for len(d.fillers) > 0 {
		d.free()
	}
}

// told is a rig whose owner counts how often it is told that there are no sockets.
func told(t testing.TB) (r *rig, times *int) {
	times = new(int)
	return newRig(t, func(c *Config) {
		c.Exhausted = func(err error) {
			if err == nil {
				t.Error("told of nothing")
			}
			*times++
		}
	}), times
}

// Clients that there is no descriptor for are reset, all of them, and nobody spins. It
// is said once a minute. Afterwards it goes on.
func TestExhausted(t *testing.T) {
	r, times := told(t)
	id, at := r.publish()
	r.Settle(0)
	for minute := range 2 {
		crowd := clients(t, at, 40)
		d := exhaust(t)
		r.Until("refused", func() bool { return r.s.PortCounts(id).Refused == uint64(40*(minute+1)) })
		r.Settle(5 * time.Millisecond)
		if r.Wanted() || len(r.s.ports.ready) != 0 || r.s.ports.spare < 0 {
			t.Errorf("%d ports have clients, the spare descriptor is %d", len(r.s.ports.ready), r.s.ports.spare)
		}
		d.end()
		for _, c := range crowd {
			wasReset(t, c)
		}
		if c := r.s.Counts(); c.Exhausted != uint64(40*(minute+1)) || c.Flows != 0 {
			t.Errorf("%+v", c)
		}
		if *times != minute+1 {
			t.Errorf("told %d times in minute %d", *times, minute)
		}
		r.Advance(time.Minute)
	}
	dial(t, at)
	r.Until("in", func() bool { return r.synsTo(80) == 1 })
}

// The last descriptor is a client's, and that nobody else waits is no failure.
func TestLastDescriptor(t *testing.T) {
	r, times := told(t)
	id, at := r.publish()
	r.Settle(0)
	dial(t, at)
	d := exhaust(t)
	d.free()
	r.Until("accepted", func() bool { return r.s.PortCounts(id).Accepted == 1 })
	r.Settle(time.Millisecond)
	if c := r.s.Counts(); c.Exhausted != 0 || *times != 0 || r.s.timer.due > r.Clock+int64(2*time.Second) {
		t.Errorf("%+v, told %d times", c, *times)
	}
}

// Where the spare descriptor is lost to another thread a client waits, without anybody
// spinning, and not for ever: it is tried again, and again.
func TestSpareLost(t *testing.T) {
	r, _ := told(t)
	id, at := r.publish()
	other, to := listener(t, 8)
	second := r.open(Port{FD: other, Host: to, Inside: netip.AddrPortFrom(alice4.Addr, 81)})
	r.Settle(0)
	dial(t, at)
	d := exhaust(t)
	r.s.ports.giveSpare()
	d.fill()
	r.Until("tried", func() bool { return r.s.Counts().Exhausted == 1 })
	for range 3 {
		if r.Wanted() {
			t.Fatal("it spins")
		}
		if when := r.s.timer.due; when != r.Clock+retryAfter || when != r.s.ports.held {
			t.Fatalf("tried again in %v", time.Duration(when-r.Clock))
		}
		was := r.s.Counts().Exhausted
		r.Advance(time.Duration(retryAfter - 1))
		r.ready()
		if got := r.s.Counts().Exhausted; got != was {
			t.Fatalf("tried %d times too early", got-was)
		}
		r.Advance(1)
		if got := r.s.Counts().Exhausted; got != was+1 {
			t.Fatalf("tried %d times when it was time", got-was)
		}
	}
	d.end()
	dial(t, to) // comes while nobody is accepted
	r.Poll(0)
	if got := r.s.PortCounts(second); got != (PortCounts{}) {
		t.Errorf("%+v", got)
	}
	r.Advance(time.Duration(retryAfter))
	r.Until("all in", func() bool { return r.s.PortCounts(id).Accepted == 1 && r.s.PortCounts(second).Accepted == 1 })
	if r.s.ports.spare < 0 || r.s.ports.held != 0 {
		t.Errorf("the spare descriptor is %d", r.s.ports.spare)
	}
}

// A port that is shut while it fails is not tried again.
func TestShutWhileFailing(t *testing.T) {
	r, _ := told(t)
	id, at := r.publish()
	r.Settle(0)
	dial(t, at)
	d := exhaust(t)
	r.s.ports.giveSpare()
	d.fill()
	r.Until("tried", func() bool { return r.s.Counts().Exhausted == 1 })
	r.shut(id)
	r.Advance(time.Duration(retryAfter))
	if r.s.timer.due != 0 || r.s.Counts().Exhausted != 1 {
		t.Errorf("tried %d times", r.s.Counts().Exhausted)
	}
}

// What a container begins without a descriptor for it is refused, and said too.
func TestExhaustedOut(t *testing.T) {
	r, times := told(t)
	to := alias(udpServer(t).LocalAddr())
	_, at := listener(t, 8)
	server := netip.AddrPortFrom(ut.Loopback4, at.Port())
	d := exhaust(t)
	for i, end := range r.ends(alice4.UDP(1, to, nil, 0), alice4.TCP(1, server, frame.TCPFields{Flags: syn}, nil, 0)) {
		if end != frame.DropUplinkSockets {
			t.Errorf("%d ended as %v", i, end)
		}
	}
	d.end()
	if c := r.s.Counts(); c.Exhausted != 2 || *times != 1 {
		t.Errorf("%+v, told %d times", c, *times)
	}
	r.send(alice4.UDP(1, to, nil, 0))
}

// What is told is an error that can be looked at.
func TestExhaustedError(t *testing.T) {
	var got error
	r := newRig(t, func(c *Config) { c.Exhausted = func(err error) { got = err } })
	_, at := r.publish()
	r.Settle(0)
	dial(t, at)
	d := exhaust(t)
	r.Until("told", func() bool { return got != nil })
	d.end()
	if !errors.Is(got, unix.EMFILE) {
		t.Errorf("%v", got)
	}
}
