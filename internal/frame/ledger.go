package frame

import "sync/atomic"

// Ledger counts what happened to the frames of one port on one worker. Only
// that worker writes it, once a run of frames where it can; anybody may read it.
// Over all ports and workers of a switch at rest
//
//	sum(Rx) + sum(Copies) = sum(Tx) + sum(Ends)
//
// where Ends counts drops and consumed frames. Ends that happen before a frame
// has an egress port are booked on the port that it came in by, those at the
// egress on the egress port.
type Ledger struct {
	RxFrames, RxBytes atomic.Uint64
	TxFrames, TxBytes atomic.Uint64
	// Copies counts deliveries beyond the first that flooding makes of one frame.
	Copies atomic.Uint64
	// CopiedBytes counts payload bytes that userspace copied. It is 0 on every
	// path of the switch; whoever must copy one day books it here.
	CopiedBytes atomic.Uint64
	// Ends counts frames by the way in which they ended.
	Ends [Reasons]atomic.Uint64
	// A ledger fills whole cache lines, so that neighbours share none.
	_ [(64 - (6+int(Reasons))*8%64) % 64]byte
}

// Rx books a run of frames read from the port.
func (l *Ledger) Rx(frames, bytes uint64) {
	l.RxFrames.Add(frames)
	l.RxBytes.Add(bytes)
}

// Tx books a run of frames written to the port.
func (l *Ledger) Tx(frames, bytes uint64) {
	l.TxFrames.Add(frames)
	l.TxBytes.Add(bytes)
}

// End books one frame that ended with reason r.
func (l *Ledger) End(r Reason) { l.Ends[r].Add(1) }

// Totals is a ledger at one moment, as plain numbers.
type Totals struct {
	RxFrames, RxBytes   uint64
	TxFrames, TxBytes   uint64
	Copies, CopiedBytes uint64
	Ends                [Reasons]uint64
}

// AddTo adds the ledger to t.
func (l *Ledger) AddTo(t *Totals) {
	t.RxFrames += l.RxFrames.Load()
	t.RxBytes += l.RxBytes.Load()
	t.TxFrames += l.TxFrames.Load()
	t.TxBytes += l.TxBytes.Load()
	t.Copies += l.Copies.Load()
	t.CopiedBytes += l.CopiedBytes.Load()
	for i := range l.Ends {
		t.Ends[i] += l.Ends[i].Load()
	}
}

// Add adds u to t.
func (t *Totals) Add(u Totals) {
	t.RxFrames += u.RxFrames
	t.RxBytes += u.RxBytes
	t.TxFrames += u.TxFrames
	t.TxBytes += u.TxBytes
	t.Copies += u.Copies
	t.CopiedBytes += u.CopiedBytes
	for i := range u.Ends {
		t.Ends[i] += u.Ends[i]
	}
}

// Dropped returns how many frames ended otherwise than consumed.
func (t *Totals) Dropped() uint64 {
	var n uint64
	for r := Consumed + 1; r < Reasons; r++ {
		n += t.Ends[r]
	}
	return n
}

// Balanced reports whether every frame is accounted for: in + copies = out +
// dropped + consumed. It holds for the sum over all ports at rest.
func (t *Totals) Balanced() bool {
	return t.RxFrames+t.Copies == t.TxFrames+t.Dropped()+t.Ends[Consumed]
}
