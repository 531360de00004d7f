package engine

import (
	"math/bits"

	"vswitch/internal/frame"
)

// As says which local port a source acts for: whose Ledger it is, and by which port
// enters what it hands to Enter or asks of Reply from now on. It returns false if
// there is no such port, and then nothing can enter. It is for Ready and Do, and good
// until they return; inside Serve it is settled already, and As changes nothing.
func (x *Exchange) As(id frame.PortID) bool {
	if x.serving() {
		return false
	}
	x.at = x.w.e.table.Load().at(id)
	if x.at != nil && x.at.local == nil {
		x.at = nil
	}
	return x.at != nil
}

// Borrow returns a whole reply slot, frame.SlotSize bytes with what was in it before,
// for a frame that is read into it, from frame.Headroom on; nil when none is free.
// There are few, so each goes to Enter or to Return before the next ones are needed,
// and at the latest before Ready, Do or Serve returns.
func (x *Exchange) Borrow() []byte { return x.w.lend(x.w.chain.vacant()) }

// Enter has n bytes, up to frame.MaxFrame, of a borrowed slot from frame.Headroom on,
// a frame from its Ethernet header on, enter by the local port: when Serve has
// returned, or by Flush at the latest when Ready or Do has. The virtio header in the
// frame.VnetLen bytes before is the caller's to write, also when all of it is zero.
// The slot is not to be touched any more.
func (x *Exchange) Enter(slot []byte, n int) {
	i, ok := x.w.redeem(slot)
	switch {
	case !ok:
		x.w.strays.Add(1)
	case x.at == nil || n < 0 || n > frame.MaxFrame:
		x.w.strays.Add(1)
		x.w.release(i)
	default:
		c := &x.w.chain
		c.next = append(c.next, entry{x.at, x.w.slab.Slot(i), frame.Headroom, n})
	}
}

// EnterAt is Enter by local port id instead of the one that x stands for, for a local
// port that works together with another one. Without that port the slot is given back
// and nothing enters.
func (x *Exchange) EnterAt(slot []byte, n int, id frame.PortID) {
	at := x.w.e.table.Load().at(id)
	if at == nil || at.local == nil {
		x.Return(slot)
		return
	}
	was := x.at
	x.at = at
	x.Enter(slot, n)
	x.at = was
}

// Return gives a borrowed slot back unused.
func (x *Exchange) Return(slot []byte) {
	if i, ok := x.w.redeem(slot); ok {
		x.w.release(i)
	} else {
		x.w.strays.Add(1)
	}
}

// Flush carries on what was entered so far, to the end: the slots are free again, or
// with the io_uring loop held by writes under way, and the next Borrow returns the one
// that is hottest in the cache. Local ports are served meanwhile, that of the caller
// not excepted. It is for Ready and Do; inside Serve it does nothing.
func (x *Exchange) Flush() {
	w := x.w
	if x.serving() || len(w.chain.next) == 0 {
		return
	}
	w.worked = true
	w.chain.follow()
	w.loop.push()
}

// serving reports whether x is that of a Serve.
func (x *Exchange) serving() bool { return x == &x.w.chain.x }

// end finishes a use of x by a source.
func (x *Exchange) end() {
	x.w.reclaim(0)
	x.Flush()
	x.at = nil
}

// reclaim puts back what was borrowed and kept, a mistake of who did it, and makes
// others those that are lent.
func (w *worker) reclaim(others uint64) {
	for kept := w.lent; kept != 0; kept &= kept - 1 {
		w.release(slots + bits.TrailingZeros64(kept))
		w.strays.Add(1)
	}
	w.lent = others
}
