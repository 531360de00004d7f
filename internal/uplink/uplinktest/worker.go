package uplinktest

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// Shard is what each protocol of the socket uplink is to the worker that it runs on.
type Shard interface {
	Take(x uplink.Outbox, n *uplink.Net, f *frame.Frame) frame.Reason
	Done(x uplink.Outbox, n *uplink.Net)
	Ready(x uplink.Outbox, key int32, events uint32)
	Resume(x uplink.Outbox) (more bool)
	Next() (when int64, ok bool)
	Expire(x uplink.Outbox)
}

// slots is how many replies a worker has under way at most, as the engine.
const slots = 32

// Entered is a frame that the shard had enter a network, copied.
type Entered struct {
	Port frame.PortID
	// Frame is parsed; its virtio header is before it.
	*frame.Frame
}

// Worker is a worker with one shard. It is an uplink.Outbox and an uplink.Watcher. It
// belongs to one goroutine.
type Worker struct {
	T testing.TB
	// Shard is set by the test, after New: it needs the Worker as its Watcher.
	Shard Shard
	// Net is whose frames Run takes. Other networks' ports are added to Ports.
	Net   *uplink.Net
	Ports map[frame.PortID]bool
	// Clock is the time, in nanoseconds.
	Clock int64
	// Entered are the frames that entered since the test emptied it.
	Entered []Entered
	// Starve makes Borrow fail while it is set. Clean hands slots out as they are, for
	// rigs that measure.
	Starve, Clean bool
	// OnEnter takes frames in place of Entered, virtio header first, borrowed.
	OnEnter func(port frame.PortID, b []byte)
	// Watches counts calls of Watch.
	Watches int

	ledger  frame.Ledger
	slab    *frame.Slab
	free    [][]byte
	out     []entry
	ends    []frame.Reason
	mode    mode
	port    frame.PortID
	as      bool
	again   bool
	watched map[int]bool
	ep      int
	lent    int
	events  [64]unix.EpollEvent
}

type entry struct {
	port frame.PortID
	slot []byte
	n    int
}

// mode is what the worker is doing.
type mode uint8

const (
	idle mode = iota
	running
	ready
)

// New makes a worker for network TestNet; it is closed with the test, when no
// descriptor may be watched any more.
func New(t testing.TB) *Worker {
	t.Helper()
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	slab, err := frame.NewSlab(slots)
	if err != nil {
		t.Fatal(err)
	}
	w := &Worker{
		T: t, Net: TestNet(), Clock: int64(time.Hour), slab: slab, ep: ep,
		Ports: map[frame.PortID]bool{GatewayPort: true}, watched: map[int]bool{},
	}
	for i := range slots {
		w.free = append(w.free, slab.Slot(i))
	}
	t.Cleanup(func() {
		unix.Close(ep)
		slab.Close()
	})
	return w
}

// Run gives the shard frames of a container, as one run, and says how each ended. The
// answer is good until the next run.
func (w *Worker) Run(frames ...*frame.Frame) []frame.Reason {
	w.T.Helper()
	w.begin(running)
	ends := w.ends[:0]
	for _, f := range frames {
		r := w.Shard.Take(w, w.Net, f)
		if r == frame.Accepted {
			w.T.Error("Take returned Accepted")
		}
		w.ledger.End(r)
		ends = append(ends, r)
	}
	w.Shard.Done(w, w.Net)
	w.end()
	w.ends = ends
	return ends
}

// Run1 is Run for one frame.
func (w *Worker) Run1(f *frame.Frame) frame.Reason {
	w.T.Helper()
	return w.Run(f)[0]
}

// Poll waits up to timeout for events, gives them to the shard, and resumes it for as
// long as it asks for it. It reports whether anything happened.
func (w *Worker) Poll(timeout time.Duration) bool {
	w.T.Helper()
	if w.again {
		timeout = 0
	}
	n, err := unix.EpollWait(w.ep, w.events[:], int(timeout.Milliseconds()))
	if err != nil && err != unix.EINTR {
		w.T.Fatal(err)
	}
	for i := range max(n, 0) {
		w.Outside(func() { w.Shard.Ready(w, w.events[i].Fd, w.events[i].Events) })
	}
	resumed := w.again
	for w.again {
		w.again = false
		w.Outside(func() {
			if w.Shard.Resume(w) {
				w.again = true
			}
		})
	}
	return n > 0 || resumed
}

// Until polls until ok, for ten seconds of real time at most, and fails if it is not.
func (w *Worker) Until(what string, ok func() bool) {
	w.T.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			w.T.Fatalf("not %s after 10 s; %d frames entered", what, len(w.Entered))
		}
		w.Poll(20 * time.Millisecond)
	}
}

// Settle polls until nothing has happened for so long.
func (w *Worker) Settle(quiet time.Duration) {
	w.T.Helper()
	for w.Poll(quiet) {
	}
}

// Advance lets time pass, and timers expire in their order.
func (w *Worker) Advance(d time.Duration) {
	w.T.Helper()
	for end := w.Clock + int64(d); ; {
		when, ok := w.Shard.Next()
		if !ok || when > end {
			w.Clock = end
			return
		}
		w.Clock = max(w.Clock, when)
		w.Outside(func() { w.Shard.Expire(w) })
	}
}

// Outside runs fn as the worker runs Ready: outside of any run. For calls of a shard
// that Worker does not make itself.
func (w *Worker) Outside(fn func()) {
	w.T.Helper()
	w.begin(ready)
	fn()
	w.end()
}

// Watched returns how many descriptors are watched.
func (w *Worker) Watched() int { return len(w.watched) }

// Wanted reports whether the shard asked to be resumed.
func (w *Worker) Wanted() bool { return w.again }

// Take1 returns the first frame that entered, and forgets it.
func (w *Worker) Take1() *frame.Frame {
	w.T.Helper()
	if len(w.Entered) == 0 {
		w.T.Fatal("no frame entered")
	}
	f := w.Entered[0].Frame
	w.Entered = w.Entered[1:]
	return f
}

// Await polls until a frame has entered, and returns the first.
func (w *Worker) Await() *frame.Frame {
	w.T.Helper()
	w.Until("a frame", func() bool { return len(w.Entered) > 0 })
	return w.Take1()
}
