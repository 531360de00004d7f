package engine

import (
	"bytes"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// listener is a source made of a function.
type listener func(x *Exchange, events []unix.EpollEvent)

func (f listener) Ready(x *Exchange, events []unix.EpollEvent) { f(x, events) }

// listen adds a source on a worker.
func (r *rig) listen(worker int, f listener) *Watcher {
	r.t.Helper()
	o, err := r.e.AddSource(worker, f)
	must(r.t, err)
	return o
}

// wires makes n pairs of sockets, of which a source has the near ends.
func wires(t testing.TB, n int) []*wire {
	t.Helper()
	var all []*wire
	for range n {
		w, err := newWire()
		must(t, err)
		t.Cleanup(w.close)
		all = append(all, w)
	}
	return all
}

// say sends a message in at the far end.
func (w *wire) say(b []byte) error {
	_, err := unix.Write(w.far, b)
	return err
}

// hear takes a message out at the near end, if there is one.
func (w *wire) hear() bool {
	var b [64]byte
	_, err := unix.Read(w.fd, b[:])
	return err == nil
}

// watch has a watcher watch wires, with their index as the key.
func (o *Watcher) watch(t testing.TB, all []*wire, events uint32) {
	t.Helper()
	must(t, o.Do(func(*Exchange) error {
		for key, w := range all {
			if err := o.Watch(w.fd, events, int32(key)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// uplink is a source, and the Serve of its local port: frames in sockets. What
// leaves by the port goes into the first socket.
type uplink struct {
	t      testing.TB
	gw     *gateway
	wires  []*wire
	o      *Watcher
	calls  atomic.Uint64 // of Ready
	frames atomic.Uint64 // entered
	none   atomic.Uint64 // calls in which there was no port
	// keep says how many frames are entered before a Flush.
	keep int // below replySlots
}

// newUplink adds one with n sockets to a worker.
func newUplink(r *rig, worker, n, keep int) *uplink {
	r.t.Helper()
	u := &uplink{t: r.t, gw: r.door(vswitch.PortConfig{}), wires: wires(r.t, n), keep: keep}
	u.gw.attach(65536, u.Serve)
	u.o = r.listen(worker, u.Ready)
	u.o.watch(r.t, u.wires, unix.EPOLLIN)
	return u
}

func (u *uplink) Serve(x *Exchange, run []*frame.Frame) {
	for _, f := range run {
		if err := u.put(f.Bytes()); err != nil {
			x.Ledger().End(frame.DropServiceBusy)
		} else {
			x.Ledger().End(frame.Consumed)
		}
	}
}

func (u *uplink) put(b []byte) error {
	_, err := unix.Write(u.wires[0].fd, b)
	return err
}

func (u *uplink) Ready(x *Exchange, events []unix.EpollEvent) {
	u.calls.Add(1)
	if len(events) == 0 {
		u.t.Error("told nothing, unasked")
	}
	port := x.As(u.gw.id)
	if !port {
		u.none.Add(1)
	}
	n := 0
	for _, ev := range events {
		for u.pull(x, u.wires[ev.Fd], port) {
			if n++; n%u.keep == 0 {
				x.Flush()
			}
		}
	}
}

// pull has one frame of a socket enter, if there is one.
func (u *uplink) pull(x *Exchange, w *wire, port bool) bool {
	slot := x.Borrow()
	if slot == nil {
		u.t.Error("no slot")
		return false
	}
	n, err := unix.Read(w.fd, slot[frame.Headroom:])
	if err != nil || !port {
		x.Return(slot)
		return err == nil
	}
	clear(slot[frame.Headroom-frame.VnetLen : frame.Headroom])
	x.Enter(slot, n)
	u.frames.Add(1)
	return true
}

// looked returns when a worker has told its sources what had happened before: when it
// answers the second call, the look that answered the first one is over.
func (r *rig) looked(worker int) {
	r.t.Helper()
	for range 2 {
		onWorker(r.t, r.e, r.e.workers[worker], func() {})
	}
}

// watchedBy returns how many descriptors the epoll set for sources of a worker has.
func watchedBy(t testing.TB, e *Engine, w *worker) int {
	t.Helper()
	var text []byte
	onWorker(t, e, w, func() {
		var err error
		text, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", w.sources.epfd))
		must(t, err)
	})
	return bytes.Count(text, []byte("tfd:"))
}

// strays returns how many mistakes with borrowed slots were counted.
func strays(e *Engine) (n uint64) {
	for _, s := range e.Stats() {
		n += s.Strays
	}
	return n
}
