package engine

import (
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// reuse closes the near end of a watched wire and puts a new one in its place, with
// the same number.
func (o *Watcher) reuse(t testing.TB, w *wire, key int32) {
	must(t, o.Unwatch(w.fd))
	fresh, err := newWire()
	must(t, err)
	must(t, unix.Dup3(fresh.fd, w.fd, unix.O_CLOEXEC)) // which closes the old one
	unix.Close(fresh.fd)
	unix.Close(w.far)
	w.far = fresh.far
	must(t, o.Watch(w.fd, unix.EPOLLIN, key))
}

// TestUnwatchInReady: of events that are told together, one may end the watch of
// another: then that has no bits, and the socket that takes its number at once is
// told of its own events only.
func TestUnwatchInReady(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		all := wires(t, 2)
		told := make(chan unix.EpollEvent, 10)
		var o *Watcher
		o = r.listen(0, func(x *Exchange, events []unix.EpollEvent) {
			if len(events) == 2 {
				for _, w := range []int32{0, 1} {
					if ev := &events[1]; ev.Fd == w {
						o.reuse(t, all[w], w+10)
					}
				}
			}
			for _, ev := range events {
				told <- ev
			}
		})
		o.watch(t, all, unix.EPOLLIN)
		onWorker(t, r.e, r.e.workers[0], func() {
			must(t, all[0].say([]byte("a")))
			must(t, all[1].say([]byte("b")))
		})
		first, second := <-told, <-told
		if first.Events != unix.EPOLLIN || second.Events != 0 || first.Fd+second.Fd != 1 {
			t.Errorf("told %+v and %+v", first, second)
		}
		r.looked(0)
		if len(told) != 0 {
			t.Errorf("told %+v", <-told)
		}
		must(t, all[second.Fd].say([]byte("c")))
		if ev := <-told; ev.Fd != second.Fd+10 || ev.Events != unix.EPOLLIN {
			t.Errorf("told %+v of the new socket", ev)
		}
	})
}

// TestUnwatchInServe: an event that waits, found in the same look as a frame, is not
// told when the frame ends the watch; nor is it to the next user of the number.
func TestUnwatchInServe(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		all := wires(t, 3)
		told := make(chan unix.EpollEvent, 10)
		var o *Watcher
		gw := r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			o.reuse(t, all[1], 11)
			sink(x, run)
		})
		o = r.listen(0, func(x *Exchange, events []unix.EpollEvent) {
			for _, ev := range events {
				all[ev.Fd%10].hear()
				told <- ev
			}
		})
		o.watch(t, all, unix.EPOLLIN)
		for n := range uint64(20) {
			onWorker(t, r.e, r.e.workers[0], func() {
				for _, w := range all {
					must(t, w.say([]byte("x")))
				}
				must(t, a.Send(eth(gw.mac, a.mac, nil)))
			})
			r.rest(n + 1)
			for range 2 {
				if ev := <-told; ev.Fd%10 == 1 || ev.Events != unix.EPOLLIN {
					t.Fatalf("told %+v", ev)
				}
			}
			r.looked(0)
			must(t, all[1].say([]byte("y")))
			if ev := <-told; ev.Fd != 11 || ev.Events != unix.EPOLLIN {
				t.Fatalf("told %+v of the new socket", ev)
			}
			must(t, o.Do(func(*Exchange) error { o.reuse(t, all[1], 1); return nil }))
		}
		if len(told) != 0 {
			t.Errorf("told %+v", <-told)
		}
	})
}

// TestAgain: asked for in Serve, Do and Ready, also by one source for another; with no
// events; until nobody asks any more.
func TestAgain(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		var told [2]int
		var o [2]*Watcher
		gw := r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			o[1].Again()
			sink(x, run)
		})
		for i := range o {
			o[i] = r.listen(0, func(x *Exchange, events []unix.EpollEvent) {
				if told[i]++; events != nil {
					t.Errorf("told %+v", events)
				}
				if told[i]%10 != 0 {
					o[1-i].Again()
				}
			})
		}
		count := func() (n [2]int) {
			asleep(t, r.e)
			onWorker(t, r.e, r.e.workers[0], func() { n = told })
			return n
		}
		r.looked(0) // the worker sees both
		must(t, a.Send(eth(gw.mac, a.mac, nil)))
		r.rest(1)
		if got := count(); got != [2]int{9, 10} {
			t.Errorf("after one frame: told %v times", got)
		}
		must(t, o[0].Do(func(*Exchange) error { o[0].Again(); o[0].Again(); return nil }))
		if got := count(); got != [2]int{10, 10} {
			t.Errorf("after Do: told %v times", got)
		}
	})
}

// TestAgainDoesNotStarve: a source that always wants to be told more, and always has a
// frame enter, leaves ports, calls and other sources their turn.
func TestAgainDoesNotStarve(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		gw, sunk := r.local(vswitch.PortConfig{}, sink), r.local(vswitch.PortConfig{}, sink)
		must(t, r.sw.AddStatic(b.mac, 1, b.id))
		stop, entered := false, uint64(0)
		var greedy *Watcher
		greedy = r.listen(0, func(x *Exchange, _ []unix.EpollEvent) {
			if stop {
				return
			}
			x.As(gw.id)
			copy(x.Reply(60), eth(sunk.mac, gw.mac, nil))
			entered++
			greedy.Again()
		})
		other := newUplink(r, 0, 1, 1)
		must(t, greedy.Do(func(*Exchange) error { greedy.Again(); return nil }))
		const n = 300
		for i := range uint32(n) {
			must(t, a.Send(eth(b.mac, a.mac, numbered(i, 60))))
			if got := number(b.recv()); got != i {
				t.Fatalf("frame %d came as number %d", i, got)
			}
			must(t, other.wires[0].say(eth(b.mac, other.gw.mac, numbered(i, 60))))
			if got := number(b.recv()); got != i {
				t.Fatalf("frame %d of the socket came as number %d", i, got)
			}
		}
		must(t, greedy.Do(func(*Exchange) error { stop = true; return nil }))
		asleep(t, r.e)
		r.rest(2*n + entered)
		if entered < n {
			t.Errorf("told %d times", entered)
		}
	})
}

// TestPortsDoNotStarveSources: ports whose queues are never empty leave a source its
// turn.
func TestPortsDoNotStarveSources(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		order := &turns{}
		r := newRig(t, io, func(c *Config) { c.Forwarder = order })
		ports := []*station{r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})}
		all := wires(t, 1)
		at := -1 // frames before the source was told
		r.listen(0, func(*Exchange, []unix.EpollEvent) {
			if at < 0 {
				at = len(order.in)
			}
		}).watch(t, all, unix.EPOLLIN)
		const n = 600
		onWorker(t, r.e, r.e.workers[0], func() {
			for range n {
				for _, s := range ports {
					must(t, s.Send(eth(1, s.mac, nil)))
				}
			}
			must(t, all[0].say([]byte("x")))
		})
		r.rest(n * uint64(len(ports)))
		asleep(t, r.e)
		if at < 0 || at > len(ports)*(turn+1)*slots {
			t.Errorf("told after %d frames of %d", at, len(ports)*n)
		}
	})
}

// TestUringCarriesInTurns: completions that keep coming do not keep a source waiting.
func TestUringCarriesInTurns(t *testing.T) {
	needLoop(t, Uring)
	w, _ := newBare(t, Uring)
	l := w.loop.(*uringLoop)
	for _, c := range []struct {
		due  bool
		left int
	}{{false, 0}, {true, slots}} {
		for range 2 * slots {
			l.reads = append(l.reads, readDone{port: frame.NoPort, slot: -1, n: cqeMore})
		}
		w.sources.due = c.due
		if l.carryAll(); len(l.reads) != c.left {
			t.Errorf("a source waits: %v: %d completions are left, want %d", c.due, len(l.reads), c.left)
		}
	}
}

// TestIdleSource: a hundred watched sockets, which may be written all the time, leave a
// worker asleep, also after there was something to do.
func TestIdleSource(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		all := wires(t, 100)
		r.listen(0, func(x *Exchange, events []unix.EpollEvent) {
			for _, ev := range events {
				for all[ev.Fd].hear() {
				}
			}
		}).watch(t, all, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLPRI)
		asleep(t, r.e)
		for _, w := range all {
			must(t, w.say([]byte("x")))
		}
		asleep(t, r.e)
	})
}

// TestUringPollIsMadeAgain: the kernel may end the poll of the nested set at any time.
func TestUringPollIsMadeAgain(t *testing.T) {
	needLoop(t, Uring)
	r := newRig(t, Uring, nil)
	all := wires(t, 2)
	told := make(chan int32, 10)
	r.listen(0, func(x *Exchange, events []unix.EpollEvent) {
		for _, ev := range events {
			all[ev.Fd].hear()
			told <- ev.Fd
		}
	}).watch(t, all, unix.EPOLLIN)
	for round := range 20 {
		r.looked(0)
		onWorker(t, r.e, r.e.workers[0], func() {
			l := r.e.workers[0].loop.(*uringLoop)
			e := l.entry()
			e.opcode, e.fd, e.addr = opAsyncCancel, -1, kindNest
			e.userData = userData(kindCancel, frame.NoPort, 0, 0)
			if round%2 == 0 {
				must(t, all[0].say([]byte("x"))) // in the gap
				l.submit(1)
			}
		})
		if round%2 != 0 {
			r.looked(0)
			must(t, all[0].say([]byte("x")))
		}
		if key := <-told; key != 0 {
			t.Errorf("told %d", key)
		}
		must(t, all[1].say([]byte("x")))
		if key := <-told; key != 1 {
			t.Errorf("told %d", key)
		}
	}
}
