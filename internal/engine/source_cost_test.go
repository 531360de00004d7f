package engine

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// TestSourceDoesNotAllocate: not for an event, a frame that it enters, a turn that it
// asks for, or a watch that it begins and ends.
func TestSourceDoesNotAllocate(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		w, pipes := newBare(t, io)
		const a, gwA frame.MAC = 0x020000000001, 0x020000000002
		all := wires(t, 3)
		var o *Watcher
		told, asked := 0, 0
		o = &Watcher{w: w.worker, run: make([]unix.EpollEvent, 0, eventsPerLook)}
		o.source = listener(func(x *Exchange, events []unix.EpollEvent) {
			if !x.As(1) {
				t.Error("no port")
			}
			if events == nil {
				asked++
			}
			for _, ev := range events {
				told++
				slot := x.Borrow()
				for {
					n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(all[ev.Fd].fd),
						uintptr(unsafe.Pointer(&slot[frame.Headroom-frame.VnetLen])), 2000)
					if errno != 0 {
						break
					}
					x.Enter(slot, int(n)-frame.VnetLen)
					x.Flush()
					slot = x.Borrow()
				}
				x.Return(slot)
			}
			if len(events) > 0 {
				must(t, o.Unwatch(all[2].fd))
				must(t, o.Watch(all[2].fd, unix.EPOLLIN, 2))
				o.Again()
			}
		})
		must(t, w.sources.add(o))
		for key, wire := range all {
			must(t, o.Watch(wire.fd, unix.EPOLLIN, int32(key)))
		}
		msg := append(make([]byte, frame.VnetLen), eth(a, gwA, make([]byte, 60))...)
		sent := uint64(0)
		round := func() {
			for range 10 {
				for _, wire := range all[:2] {
					must(t, wire.say(msg))
				}
			}
			sent += 20
			w.until(0, sent)
			for range 20 {
				pipes[0].recv()
			}
			for w.sources.due {
				w.loop.wait(false)
			}
		}
		round()
		if got := testing.AllocsPerRun(200, round); got != 0 {
			t.Errorf("%v allocations a round", got)
		}
		if told < 200 || asked < 200 || w.strays.Load() != 0 {
			t.Errorf("told of %d events, and %d times of none; %d strays", told, asked, w.strays.Load())
		}
		w.loop.settle()
		unheld(t, w.worker)
	})
}
