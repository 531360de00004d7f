package socket

import (
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// What a socket has is flushed into the network frame by frame, and a network may answer
// at once, on the same thread, while a connection is being served: the NAT of another
// network that stands in this one refuses what it does not know. Such an answer is
// copied, and taken when the call that brought it forth is over.

const (
	// maxLater is how many packets may wait, laterSize how long they are at most: what
	// answers a packet by itself is short.
	maxLater  = 64
	laterSize = 2048
)

// later is the packets that wait.
type later struct {
	n     int
	nets  [maxLater]*uplink.Net
	sizes [maxLater]int
	slots []byte // maxLater of them, made when first needed
	f     frame.Frame
	busy  bool
}

const laterSlot = frame.Headroom + laterSize

// put keeps a run for later; what there is no room for ends here.
func (l *later) put(x uplink.Outbox, n *uplink.Net, run []*frame.Frame) {
	for _, f := range run {
		if f.Drop = frame.DropUplinkBusy; l.n == maxLater || f.Len > laterSize {
			continue
		}
		if l.slots == nil {
			l.slots = make([]byte, maxLater*laterSlot)
		}
		slot := l.slots[l.n*laterSlot:][:laterSlot]
		size := copy(slot[frame.Headroom-frame.VnetLen:], f.WithVnet())
		x.Ledger().CopiedBytes.Add(uint64(f.Len))
		l.nets[l.n], l.sizes[l.n] = n, size
		l.n++
		f.Drop = frame.Consumed
	}
}

// takeLater takes all that waits, as runs of one packet, and what comes of that as far as
// there is room. How they end is not said: to their senders they were taken when they
// came.
func (s *Shard) takeLater(x uplink.Outbox) {
	l := &s.later
	run := [1]*frame.Frame{&l.f}
	for i := 0; i < l.n; i++ {
		n := l.nets[i]
		l.nets[i] = nil
		l.f.Buf = l.slots[i*laterSlot:][:laterSlot]
		l.f.Enter(l.sizes[i])
		if l.f.Parse() == frame.Accepted && x.As(n.Port) {
			s.takeRun(x, n, run[:])
			x.Flush()
		}
	}
	l.n = 0
}
