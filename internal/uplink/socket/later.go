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
	// laterRun is how many are taken as one run, as many as a batch of the engine has.
	laterRun = 32
)

// later is the packets that wait. Their memory is made when it is first needed.
type later struct {
	n      int
	nets   [maxLater]*uplink.Net
	frames []frame.Frame
	slots  []byte
	run    []*frame.Frame
	busy   bool
}

const laterSlot = frame.Headroom + laterSize

// put keeps a run for later; what there is no room for ends here.
func (l *later) put(x uplink.Outbox, n *uplink.Net, run []*frame.Frame) {
	if l.frames == nil {
		l.frames, l.slots = make([]frame.Frame, maxLater), make([]byte, maxLater*laterSlot)
	}
	for _, f := range run {
		if f.Drop = frame.DropUplinkBusy; l.n == maxLater || f.Len > laterSize {
			continue
		}
		f.Drop = frame.Consumed
		slot := l.slots[l.n*laterSlot:][:laterSlot:laterSlot]
		size := copy(slot[frame.Headroom-frame.VnetLen:], f.WithVnet())
		x.Ledger().CopiedBytes.Add(uint64(f.Len))
		l.nets[l.n] = n
		l.frames[l.n].Buf = slot
		l.frames[l.n].Enter(size)
		l.n++
	}
}

// next returns those that have waited longest, of one network, as a run that begins at
// number i. They are parsed anew.
func (l *later) next(i int) (n *uplink.Net, run []*frame.Frame) {
	n, l.run = l.nets[i], l.run[:0]
	for ; i < l.n && l.nets[i] == n && len(l.run) < laterRun; i++ {
		l.frames[i].Parse()
		l.run = append(l.run, &l.frames[i])
	}
	return n, l.run
}

// takeLater takes all that waits. How it ends is not said: to the senders it was taken
// when it came.
func (s *Shard) takeLater(x uplink.Outbox) {
	l := &s.later
	for i := 0; i < l.n; {
		n, run := l.next(i)
		if x.As(n.Port) {
			s.takeRun(x, n, run)
		}
		i += len(run)
	}
	clear(l.nets[:l.n])
	l.n = 0 // nothing is put while nothing is flushed
}
