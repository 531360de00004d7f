package engine

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// TestSource: 500 sockets beside a port and local ports, all ready at once, which is
// more than one look returns. Every frame arrives, those of a socket in order, and
// what goes the other way does, too.
func TestSource(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 2, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		next := map[frame.MAC]uint32{}
		sunk := r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			for _, f := range run {
				if got := number(f.Bytes()); got != next[f.Src] {
					t.Errorf("%v: frame %d came as number %d", f.Src, next[f.Src], got)
				}
				next[f.Src]++
			}
			sink(x, run)
		})
		const sockets, each = 500, 6
		u := newUplink(r, 1, sockets, 4)
		for round := range uint32(each / 2) {
			onWorker(t, r.e, r.e.workers[1], func() { // it finds all at once
				for i, w := range u.wires {
					for k := range uint32(2) {
						must(t, w.say(eth(sunk.mac, 0x020000010000+frame.MAC(i), numbered(2*round+k, 60))))
					}
				}
			})
		}
		must(t, a.Send(eth(u.gw.mac, a.mac, numbered(77, 60))))
		must(t, readable(u.wires[0].far, patience))
		b := make([]byte, 100)
		_, err := unix.Read(u.wires[0].far, b)
		must(t, err)
		if got := number(b); got != 77 {
			t.Errorf("frame 77 went out as %d", got)
		}
		totals := r.rest(sockets*each + 1)
		ended(t, totals, map[frame.Reason]uint64{frame.Consumed: sockets*each + 1})
		if p := u.gw.totals(); p.RxFrames != sockets*each || p.RxBytes != sockets*each*74 {
			t.Errorf("entered: %d frames, %d bytes", p.RxFrames, p.RxBytes)
		}
		if n := strays(r.e); n != 0 {
			t.Errorf("%d strays", n)
		}
	})
}

// TestSourceTimer: a timer is a descriptor as others are. It is told on a worker that
// slept, with its key and the bits.
func TestSourceTimer(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
		must(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		told := make(chan unix.EpollEvent, 10)
		var from frame.PortID
		o := r.listen(0, func(x *Exchange, events []unix.EpollEvent) {
			from = x.From()
			for _, ev := range events {
				told <- ev
			}
		})
		must(t, o.Do(func(*Exchange) error { return o.Watch(fd, unix.EPOLLIN, -5) }))
		for range 2 {
			asleep(t, r.e)
			must(t, unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.Timespec{Nsec: 1}}, nil))
			if ev := <-told; ev.Fd != -5 || ev.Events != unix.EPOLLIN {
				t.Errorf("told %+v", ev)
			}
		}
		must(t, r.e.Close())
		if from != frame.NoPort || len(told) != 0 {
			t.Errorf("from port %d; %d events more", from, len(told))
		}
	})
}

// TestSourceIsEdgeTriggered: what is left in the socket is not told again, what comes
// next is.
func TestSourceIsEdgeTriggered(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		all := wires(t, 1)
		told := make(chan uint32, 10)
		o := r.listen(0, func(x *Exchange, events []unix.EpollEvent) { told <- events[0].Events })
		must(t, all[0].say([]byte("before"))) // also what was there before the watch
		o.watch(t, all, unix.EPOLLIN|unix.EPOLLRDHUP)
		for range 3 {
			if ev := <-told; ev != unix.EPOLLIN {
				t.Errorf("told %#x", ev)
			}
			r.looked(0)
			if len(told) != 0 {
				t.Error("told again")
			}
			must(t, all[0].say([]byte("more")))
		}
		<-told
		must(t, unix.Shutdown(all[0].far, unix.SHUT_WR))
		if ev := <-told; ev != unix.EPOLLIN|unix.EPOLLRDHUP {
			t.Errorf("told %#x of the end", ev)
		}
	})
}

// TestSourcesTogether: of two sources on a worker each is told its own, whatever the
// keys are.
func TestSourcesTogether(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		const n = 50
		var told [2][n]int
		var all [2][]*wire
		for i := range all {
			all[i] = wires(t, n)
			r.listen(0, func(x *Exchange, events []unix.EpollEvent) {
				for _, ev := range events {
					for all[i][ev.Fd].hear() {
						told[i][ev.Fd]++
					}
				}
			}).watch(t, all[i], unix.EPOLLIN)
		}
		onWorker(t, r.e, r.e.workers[0], func() {
			for k := range n {
				for i := range all {
					for range i + 1 {
						must(t, all[i][k].say([]byte("x")))
					}
				}
			}
		})
		r.looked(0)
		onWorker(t, r.e, r.e.workers[0], func() {
			for k := range n {
				if told[0][k] != 1 || told[1][k] != 2 {
					t.Errorf("socket %d: told %d and %d messages", k, told[0][k], told[1][k])
				}
			}
		})
	})
}

// TestDo: on the worker's thread, with its error, and what it has enter is carried
// when it returns.
func TestDo(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 2, 1)[0]
		gw, sunk := r.local(vswitch.PortConfig{}, sink), r.local(vswitch.PortConfig{}, sink)
		o := r.listen(1, func(*Exchange, []unix.EpollEvent) { t.Error("told") })
		failed := errors.New("failed")
		for i := range uint64(100) {
			err := o.Do(func(x *Exchange) error {
				if x.Worker() != 1 || !x.As(gw.id) {
					t.Errorf("worker %d", x.Worker())
				}
				copy(x.Reply(74), eth(sunk.mac, gw.mac, make([]byte, 60)))
				return failed
			})
			if !errors.Is(err, failed) {
				t.Fatal(err)
			}
			if got := sunk.totals().Ends[frame.Consumed]; got != i+1 {
				t.Fatalf("%d frames were carried, want %d", got, i+1)
			}
		}
		r.rest(100)
	})
}

// TestSourceErrors: what cannot be is refused, and nothing is left of it.
func TestSourceErrors(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 2, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		gw := r.local(vswitch.PortConfig{}, sink)
		for id, want := range map[frame.PortID]int{a.id: 0, gw.id: int(gw.id) % 2, 77: -1, frame.NoPort: -1} {
			if got, ok := r.e.Owner(id); ok != (want >= 0) || ok && got != want {
				t.Errorf("port %d is worker %d's, %v, want %d", id, got, ok, want)
			}
		}
		quiet := listener(func(*Exchange, []unix.EpollEvent) {})
		for _, worker := range []int{-1, 2} {
			if _, err := r.e.AddSource(worker, quiet); err == nil {
				t.Errorf("a source on worker %d", worker)
			}
		}
		o, other := r.listen(0, quiet), r.listen(0, quiet)
		w := wires(t, 1)[0]
		must(t, o.Do(func(*Exchange) error {
			must(t, o.Watch(w.fd, unix.EPOLLIN, 1))
			for what, err := range map[string]error{
				"watched twice":          other.Watch(w.fd, unix.EPOLLIN, 1),
				"no descriptor":          o.Watch(-1, unix.EPOLLIN, 1),
				"another's":              other.Unwatch(w.fd),
				"unwatched, not watched": o.Unwatch(w.far),
				"far beyond":             o.Unwatch(1 << 20),
				"below":                  o.Unwatch(-1),
			} {
				if err == nil {
					t.Errorf("%s: no error", what)
				}
			}
			return o.Unwatch(w.fd)
		}))
		must(t, o.Close())
		must(t, o.Close())
		if err := o.Do(nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Do after Close: %v", err)
		}
		must(t, other.Do(func(*Exchange) error {
			o.Again()
			if err := o.Watch(w.fd, unix.EPOLLIN, 1); !errors.Is(err, ErrClosed) {
				t.Errorf("Watch after Close: %v", err)
			}
			return nil
		}))
		must(t, r.e.Close())
		must(t, other.Close())
		if err := other.Do(nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Do after the engine's end: %v", err)
		}
		if _, err := r.e.AddSource(0, quiet); !errors.Is(err, ErrClosed) {
			t.Errorf("AddSource after the engine's end: %v", err)
		}
	})
}
