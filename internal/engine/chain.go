package engine

import "vswitch/internal/frame"

// maxHops is how many local ports in a row a frame may enter by, replies included:
// two gateways that send each other a frame must not keep the worker.
const maxHops = 8

// chain carries on what local ports have enter while a batch is delivered. That
// happens before the slots of the batch are given back, in rounds: first all that
// the batch brought forth, then all that this brought forth. Every frame that
// waits has a hand on its slot.
type chain struct {
	w     *worker
	x     Exchange
	batch *frame.Batch
	now   []entry // of the round
	next  []entry // of the round that follows
}

// entry is a frame that is to enter by a local port.
type entry struct {
	at       *attachment
	buf      []byte
	off, len int
}

func (c *chain) init(w *worker) {
	c.w, c.x.w = w, w
	c.batch = &frame.Batch{In: frame.NoPort, Frames: make([]frame.Frame, slots)}
	c.now, c.next = make([]entry, 0, allSlots), make([]entry, 0, allSlots)
}

// serve gives a run, which came in by from, to the local port that it leaves by.
func (c *chain) serve(at *attachment, from frame.PortID, run []*frame.Frame) {
	c.x.at, c.x.from = at, from
	others := c.w.lent // by a source that flushes
	c.w.lent = 0
	at.local.Serve(&c.x, run)
	c.w.reclaim(others)
}

// vacant returns a reply slot, with a hand on it; nil when none is free.
func (c *chain) vacant() []byte {
	buf := c.w.reply()
	if buf == nil {
		c.w.loop.settle() // writes hold the slots of earlier replies
		buf = c.w.reply()
	}
	return buf
}

// fresh makes a zeroed frame of n bytes that enters by at in the next round, and
// returns its virtio header and its bytes; nil when no slot is free.
func (c *chain) fresh(at *attachment, n int) (vnet, b []byte) {
	if at == nil || n < 0 || n > frame.MaxFrame {
		return nil, nil
	}
	buf := c.vacant()
	if buf == nil {
		return nil, nil
	}
	const vnetAt = frame.Headroom - frame.VnetLen
	end := frame.Headroom + n
	clear(buf[vnetAt:end])
	c.next = append(c.next, entry{at, buf, frame.Headroom, n})
	return buf[vnetAt:frame.Headroom:frame.Headroom], buf[frame.Headroom:end:end]
}

// again has f enter by at in the next round.
func (c *chain) again(at *attachment, f *frame.Frame) {
	c.w.hold(c.w.slot(f.Buf))
	c.next = append(c.next, entry{at, f.Buf, f.Off, f.Len})
}

// follow carries on what waits, until no local port has more to say.
func (c *chain) follow() {
	for hop := 1; len(c.next) > 0; hop++ {
		c.now, c.next = c.next, c.now[:0]
		for len(c.now) > 0 {
			at := c.take()
			n := c.batch.N
			if hop <= maxHops {
				c.w.pass(at, c.batch)
			} else {
				at.ledger[c.w.index].Ends[frame.DropTTL].Add(uint64(n))
			}
			for i := range c.batch.Frames[:n] {
				c.w.release(c.w.slot(c.batch.Frames[i].Buf)) // reply slots only become free
			}
		}
	}
}

// take puts the frames of the round that enter by the same port as the first one,
// in order, into the batch, and books them.
func (c *chain) take() *attachment {
	at, n, bytes := c.now[0].at, 0, 0
	kept := c.now[:0]
	for _, e := range c.now {
		if e.at != at || n == slots {
			kept = append(kept, e)
			continue
		}
		f := &c.batch.Frames[n]
		f.Buf, f.Off, f.Len, f.Verdict = e.buf, e.off, e.len, frame.Verdict{}
		bytes += e.len
		n++
	}
	c.now, c.batch.N = kept, n
	at.ledger[c.w.index].Rx(uint64(n), uint64(bytes))
	return at
}

// forget lets go of all ports; nothing waits.
func (c *chain) forget() {
	c.x.at = nil
	clear(c.now[:cap(c.now)])
	clear(c.next[:cap(c.next)])
}
