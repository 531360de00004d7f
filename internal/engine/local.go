package engine

import (
	"errors"

	"vswitch/internal/frame"
)

// ErrNoLocal is returned by Inject when there is no local port of that number,
// ErrBusy when too many injected frames wait already.
var (
	ErrNoLocal = errors.New("engine: no such local port")
	ErrBusy    = errors.New("engine: too many injected frames wait")
)

// Local is a port that is a part of the switch itself, such as a network's
// gateway: what leaves by it is served on the worker's thread.
type Local interface {
	// Serve is given the frames of run, which leave by the port, in order and in
	// the VLAN form that their verdict names. It may read them until it returns; it
	// must not block, keep a frame, allocate for one, or call the engine, but for x
	// and the methods of a Watcher that are for the worker's thread.
	//
	// It books an end for every frame in x.Ledger(), Consumed or a reason, except
	// for those that it handed to x.Reenter. It edits a frame only where x.Owned
	// says so. Any worker may call it, several at once.
	Serve(x *Exchange, run []*frame.Frame)

	// MTU is the longest layer-3 packet, in bytes, that the port takes. It is asked
	// once, when the port is attached.
	MTU() int
}

// AttachLocal gives local port l the number id. Frames enter by it when it replies
// (Exchange) and by Inject; Detach takes it off again.
func (e *Engine) AttachLocal(id frame.PortID, l Local) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.vacant(id); err != nil {
		return err
	}
	a := &attachment{
		id: id, local: l, fd: -1, mtu: l.MTU(), owner: e.workers[int(id)%len(e.workers)],
		ledger: make([]frame.Ledger, len(e.workers)),
	}
	e.table.Store(e.table.Load().with(id, a))
	return nil
}

// Exchange is what a local port is given beside the frames, and a source beside the
// events: by it they have frames enter. It is good until Serve, Ready or the function
// of Do returns, and for the goroutine that this was called on.
type Exchange struct {
	w    *worker
	at   *attachment  // the local port; a source's own choice, or nil
	from frame.PortID // the port that the frames came in by; NoPort for a source
}

// Worker returns the number of the worker, below Engine.Workers.
func (x *Exchange) Worker() int { return x.w.index }

// Now returns the time of the batch, Batch.Now, and for a source that of the look
// which found its events.
func (x *Exchange) Now() int64 { return x.w.now }

// From returns the port that the frames came in by: a local one for frames that it
// had enter, frame.NoPort in Ready and Do, where there are none.
func (x *Exchange) From() frame.PortID { return x.from }

// Ledger returns the local port's ledger on this worker. A source has none before As
// returned true.
func (x *Exchange) Ledger() *frame.Ledger { return &x.at.ledger[x.w.index] }

// Owned reports whether the port may edit f, a frame of the run: its verdict has
// this one way out, so nobody else is sent the same bytes.
func (x *Exchange) Owned(f *frame.Frame) bool {
	switch out := f.Out; len(out) {
	case 1:
		return true
	case 2: // where the frame came from it is not sent
		return out[0].Port == x.from || out[1].Port == x.from
	}
	return false
}

// Reply returns n zeroed bytes, up to frame.MaxFrame, for a frame from its Ethernet
// header on that enters by the local port when Serve has returned, or as after Enter
// where a source asks. Its virtio header is zero: no offload. The bytes are the
// caller's until then. It returns nil when no slot is free, which
// frame.DropServiceBusy is for.
func (x *Exchange) Reply(n int) []byte {
	_, b := x.ReplyVnet(n)
	return b
}

// ReplyVnet is Reply with the virtio header before the frame, frame.VnetLen bytes:
// for large replies, which that header makes a super-frame.
func (x *Exchange) ReplyVnet(n int) (vnet, b []byte) { return x.w.chain.fresh(x.at, n) }

// Reenter, for Serve only, has f, a frame of the run that is owned, enter by local port id when
// Serve has returned, with its bytes as they are now: headers may have been edited
// and Off and Len moved, together with the virtio header, which is kept. Before
// that, frame.TagLen bytes stay free. f is booked here, as Consumed, and there, as
// Rx; it is not to be touched any more. Without that port it ends here as
// frame.DropPortGone, and one that is not owned as frame.DropNoEgress.
func (x *Exchange) Reenter(f *frame.Frame, id frame.PortID) {
	at := x.w.e.table.Load().at(id)
	end := frame.Consumed
	switch {
	case at == nil || at.local == nil:
		end = frame.DropPortGone
	case !x.Owned(f):
		end = frame.DropNoEgress
	default:
		x.w.chain.again(at, f)
	}
	x.Ledger().End(end)
}
