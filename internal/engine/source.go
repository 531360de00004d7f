package engine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// Source is told about descriptors that a worker watches for it beside the ports:
// sockets, timers. It reads and writes them itself, and has frames enter by local
// ports.
type Source interface {
	// Ready is called on the worker's thread, outside any batch and never from
	// inside Serve: with the events of the source's descriptors since the last call,
	// or with none after Again. Of an event, Fd holds the key given to Watch, and
	// Events the bits, or 0 where the descriptor was unwatched since the call began;
	// Pad is the engine's. The slice, and x, are the source's until Ready returns.
	//
	// Descriptors are watched edge-triggered: what is left unread, or unwritten, is
	// not told again. A source that has much to do does a part of it, remembers the
	// rest and calls Again, so that ports have their turn.
	//
	// Before it uses the ledger, or has a frame enter, it says by x.As for which
	// port. It must not block or allocate for an event, and of the engine it calls
	// only x and the methods of a Watcher that are for the worker's thread.
	Ready(x *Exchange, events []unix.EpollEvent)
}

// Watcher watches descriptors for one source on one worker. Make one with
// Engine.AddSource, end it with Close.
type Watcher struct {
	w      *worker
	source Source

	// What follows belongs to the worker's thread.
	run     []unix.EpollEvent // what Ready is to be told
	telling bool              // Ready has run now
	asked   bool              // Again was called
	closed  bool              // read under Engine.mu, too
}

// AddSource makes s a source of a worker, below Workers. Nothing is watched and s not
// told of anything yet, so that the Watcher can first be stored, in Do, where Ready
// and Serve find it. Any goroutine may call it but a worker's.
func (e *Engine) AddSource(worker int, s Source) (*Watcher, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, ErrClosed
	case worker < 0 || worker >= len(e.workers):
		return nil, fmt.Errorf("engine: add a source to worker %d: there are %d", worker, len(e.workers))
	}
	w := e.workers[worker]
	o := &Watcher{w: w, source: s, run: make([]unix.EpollEvent, 0, eventsPerLook)}
	if err := w.call(func() error { return w.sources.add(o) }); err != nil {
		return nil, fmt.Errorf("engine: add a source to worker %d: %w", worker, err)
	}
	return o, nil
}

// Owner returns the worker that reads port id; of a local port, the one that carries
// what is injected. ok is false if there is no such port.
func (e *Engine) Owner(id frame.PortID) (worker int, ok bool) {
	a := e.table.Load().at(id)
	if a == nil {
		return 0, false
	}
	return a.owner.index, true
}

// Do runs fn on the worker's thread, outside any batch, as if it were Ready: what it
// has enter is carried. It waits for that and returns the error of fn, or ErrClosed
// without a call when the Watcher or the engine is closed. Any goroutine may call it
// but a worker's.
func (o *Watcher) Do(fn func(x *Exchange) error) error {
	return o.control(func() error { return o.w.sources.do(fn) })
}

// Close ends the watch. When it returns, the source's descriptors are in no epoll set
// and Ready is not called any more. A second Close, or one of a closed engine, does
// nothing. Any goroutine may call it but a worker's.
func (o *Watcher) Close() error {
	err := o.control(func() error { return o.w.sources.remove(o) })
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// control runs fn on the worker's thread, outside any batch.
func (o *Watcher) control(fn func() error) error {
	e := o.w.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || o.closed {
		return ErrClosed
	}
	return o.w.call(fn)
}
