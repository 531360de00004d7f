package engine

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// ioLoop is one way of moving frames. All methods are called on the worker's own
// thread, outside any batch.
type ioLoop interface {
	// wait looks for work and carries on what it finds; worked reports that there
	// was some. When there is none and block is true it sleeps until there is some
	// or the worker is woken.
	wait(block bool) (worked bool)
	// add begins to read a port, remove stops.
	add(*attachment) error
	remove(*attachment) error
	// write sends a run of frames by a port and books them. The frames must stay
	// as they are until the batch ends or settle returns.
	write(*attachment, []*frame.Frame)
	// settle finishes all writes under way.
	settle()
	// forget drops what is kept about writing to the port that had number id.
	forget(id frame.PortID)
	// push sends on what was written, where that waits and is much.
	push()
	// watchSet returns the epoll set that descriptors of sources are put into, with
	// watchedMark. wait gathers their events and tells the sources.
	watchSet() (epfd int, err error)
	// close stops reading all ports and gives everything back.
	close() error
}

// worker is one thread of the engine.
type worker struct {
	e     *Engine
	index int
	mail  chan request
	wake  int           // eventfd: there is mail, or an injected frame
	done  chan struct{} // closed when the thread has ended
	err   error         // of its end; read after done
	ports int           // guarded by Engine.mu
	inbox inbox

	// What follows belongs to the worker's thread.
	loop ioLoop
	stock
	now  int64 // the clock, read once a look for work
	quit bool
	rung [8]byte // how often ring was called; of no use
	// worked says that the last look found frames, pays how much looking on does.
	worked  bool
	pays    int
	tx      transmitter
	chain   chain
	sources sources

	_       [64]byte
	batches atomic.Uint64
	sleeps  atomic.Uint64
	strays  atomic.Uint64
	_       [64]byte
}

// request is a call to be made on the worker's thread.
type request struct {
	fn   func() error
	done chan error
}

// startWorker starts thread number index and waits until it is ready.
func startWorker(e *Engine, index int) (*worker, error) {
	w := &worker{e: e, index: index, mail: make(chan request, 1), done: make(chan struct{})}
	var err error
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	ready := make(chan error)
	go w.thread(ready)
	if err := <-ready; err != nil {
		<-w.done
		unix.Close(w.wake)
		return nil, err
	}
	return w, nil
}

// thread is the life of the worker. The loop is made here because an io_uring
// belongs to the thread that made it. The goroutine stays locked, so that the
// thread ends with it and nothing of its state is left to others.
func (w *worker) thread(ready chan<- error) {
	runtime.LockOSThread()
	defer close(w.done)
	err := w.open()
	ready <- err
	if err != nil {
		return
	}
	w.serve()
	w.inbox.close()
	w.inject()
	w.err = errors.Join(w.loop.close(), w.slab.Close())
}

func (w *worker) open() error {
	err := w.equip()
	if err != nil {
		return err
	}
	if w.loop, err = w.e.newLoop(w); err != nil {
		w.slab.Close()
	}
	return err
}

// equip gives the worker all but its loop.
func (w *worker) equip() (err error) {
	w.stock, err = newStock()
	w.tx.init(w)
	w.chain.init(w)
	w.sources.init(w)
	return err
}

// serve looks for work until it is told to quit. It sleeps when there was none for
// the spin time, or at once when looking on has not paid lately.
func (w *worker) serve() {
	spin := int64(w.e.cfg.Spin)
	w.tick()
	last := w.now - spin
	for !w.quit {
		w.worked = false
		found := w.loop.wait(w.now-last >= spin || w.pays < paysFrom)
		w.tick()
		switch {
		case w.worked:
			w.learn(w.now-last < spin)
			last = w.now
		case !found && spin > 0:
			relax()
		}
	}
}

// Looking on pays when the next frame mostly comes within the spin time: in bulk
// transfers, floods, and between a request and its answer, where it saves the
// wake-ups. It does not pay for a frame now and then, so a quiet switch costs
// nothing but what it forwards.
const (
	paysFrom = 4
	paysMost = 8
)

// learn notes whether work came in time for a worker that looked on.
func (w *worker) learn(inTime bool) {
	if inTime {
		w.pays = min(w.pays+1, paysMost)
	} else {
		w.pays = max(w.pays-2, 0)
	}
}

func (w *worker) tick() { w.now = w.e.cfg.Clock() }

// relax gives the core to a thread that wants it. On a machine with few cores
// that is the sender or the receiver that the worker waits for.
func relax() { unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// call runs fn on the worker's thread, outside any batch, and returns its error.
// One call at a time: the engine's lock sees to that.
func (w *worker) call(fn func() error) error {
	r := request{fn: fn, done: make(chan error, 1)}
	w.mail <- r
	if err := w.ring(); err != nil {
		return fmt.Errorf("wake worker %d: %w", w.index, err)
	}
	return <-r.done
}

var one = [8]byte{1} // what an eventfd counts; any number but 0 would do

// ring makes the worker's eventfd readable.
func (w *worker) ring() error {
	_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(w.wake), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
	if errno != 0 {
		return errno
	}
	return nil
}

// answer carries the injected frames and makes the calls that wait; the loop runs
// it when wake is readable.
func (w *worker) answer() {
	unix.RawSyscall(unix.SYS_READ, uintptr(w.wake), uintptr(unsafe.Pointer(&w.rung)), unsafe.Sizeof(w.rung))
	w.inject()
	select {
	case r := <-w.mail:
		r.done <- r.fn()
	default:
	}
}

// stop ends the thread.
func (w *worker) stop() error {
	err := w.call(func() error { w.quit = true; return nil })
	if err != nil {
		return err
	}
	<-w.done
	return errors.Join(w.err, unix.Close(w.wake))
}

// fail stops reading a port that returned err and tells the engine's owner.
func (w *worker) fail(a *attachment, err error) {
	if a.gone {
		return
	}
	err = errors.Join(err, w.loop.remove(a))
	a.told.Go(func() { w.e.cfg.OnPortError(a.id, err) })
}
