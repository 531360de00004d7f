package engine

import (
	"fmt"
	"sync"

	"vswitch/internal/frame"
)

// Room for injected frames that wait, a worker.
const (
	injectFrames = 512
	injectBytes  = 1 << 20
)

// Inject has a frame enter by local port id, as if it had been read from there: b
// begins with the Ethernet header, is finished (no offloads) and at most
// frame.MaxFrame bytes long. It is copied before Inject returns, which the port's
// ledger shows as CopiedBytes. Frames of one port keep their order. Any goroutine
// may call it, but no Local inside Serve. The error is ErrBusy when the queue of the
// port's worker is full, ErrNoLocal, or ErrClosed.
func (e *Engine) Inject(id frame.PortID, b []byte) error {
	at := e.table.Load().at(id)
	switch {
	case at == nil || at.local == nil:
		return ErrNoLocal
	case len(b) > frame.MaxFrame:
		return fmt.Errorf("engine: inject at port %d: a frame of %d bytes", id, len(b))
	}
	return at.owner.post(at, b)
}

// inbox has the injected frames that wait for a worker. The two queues take turns,
// so that nobody waits while the worker carries frames.
type inbox struct {
	mu      sync.Mutex
	closed  bool
	waiting letters
	taken   letters // the worker's
}

// letters is a queue of frames, whose bytes lie one after the other.
type letters struct {
	frames []letter
	bytes  []byte
}

type letter struct {
	at  *attachment
	len int
}

// post queues a frame for w and wakes it. The table is read again under the lock:
// what a Detach does not see here is not queued.
func (w *worker) post(at *attachment, b []byte) error {
	q := &w.inbox
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &q.waiting
	switch {
	case q.closed:
		return ErrClosed
	case w.e.table.Load().at(at.id) != at:
		return ErrNoLocal
	case len(l.frames) == injectFrames || len(l.bytes)+len(b) > injectBytes:
		return ErrBusy
	}
	l.frames = append(l.frames, letter{at, len(b)})
	l.bytes = append(l.bytes, b...)
	if len(l.frames) == 1 {
		w.ring() // cannot fail: the count of an eventfd is far from full
	}
	return nil
}

// take returns what waits and leaves an empty queue in its place.
func (q *inbox) take() *letters {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.taken = q.taken, q.waiting
	return &q.taken
}

// close lets nothing more in.
func (q *inbox) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// inject carries the injected frames, all that wait; outside any batch.
func (w *worker) inject() {
	in := w.inbox.take()
	if len(in.frames) == 0 {
		return
	}
	w.worked = true
	rest := in.bytes
	for _, l := range in.frames {
		_, b := w.chain.fresh(l.at, l.len)
		if b == nil {
			w.chain.follow()
			_, b = w.chain.fresh(l.at, l.len) // outside a batch only writes hold slots
		}
		rest = rest[copy(b, rest):]
		l.at.ledger[w.index].CopiedBytes.Add(uint64(l.len))
	}
	w.chain.follow()
	clear(in.frames)
	in.frames, in.bytes = in.frames[:0], in.bytes[:0]
}
