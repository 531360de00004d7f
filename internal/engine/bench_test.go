package engine

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// BenchmarkLoop moves frames from one socket to another through a loop on the
// benchmark's own thread, and gives the CPU time of that thread a frame: a machine
// that is busy otherwise does not blur it much. Most of it are the sockets.
func BenchmarkLoop(b *testing.B) {
	makers := map[string]func(*worker) (ioLoop, error){
		Epoll: func(w *worker) (ioLoop, error) { return newEpollLoop(w) },
		Uring: newUringLoop,
	}
	for _, io := range []string{Epoll, Uring} {
		for _, c := range []struct {
			name        string
			size, burst int
		}{{"small", 60, 30}, {"super", 60000, 3}} {
			b.Run(io+"/"+c.name, func(b *testing.B) {
				needLoop(b, io)
				benchmarkLoop(b, makers[io], c.size, c.burst)
			})
		}
	}
}

func benchmarkLoop(b *testing.B, newLoop func(*worker) (ioLoop, error), size, burst int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	must(b, err)
	defer unix.Close(wake)
	w := &worker{e: &Engine{cfg: withDefaults(Config{Forwarder: fixed{{Port: 1}}})}, wake: wake}
	must(b, w.equip())
	defer w.slab.Close()
	w.loop, err = newLoop(w)
	must(b, err)
	defer w.loop.close()
	in, out := newPipe(b), newPipe(b)
	tab := &table{}
	for id, p := range []*pipe{in, out} {
		a := &attachment{id: frame.PortID(id), port: p, fd: p.FD(), mtu: 65536, owner: w, ledger: make([]frame.Ledger, 1)}
		tab = tab.with(a.id, a)
		must(b, w.loop.add(a))
	}
	w.e.table.Store(tab)
	msg := append(make([]byte, frame.VnetLen), eth(2, 4, make([]byte, size))...)
	b.ReportAllocs()
	frames, start := 0, threadTime()
	for b.Loop() {
		for range burst {
			in.send(msg)
		}
		frames += burst
		for tab.at(1).ledger[0].TxFrames.Load() < uint64(frames) {
			w.loop.wait(false)
		}
		for range burst {
			out.recv()
		}
	}
	b.ReportMetric(float64(threadTime()-start)/float64(frames), "cpu-ns/frame")
}

// threadTime returns the CPU time of the calling thread in nanoseconds.
func threadTime() int64 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return t.Nano()
}
