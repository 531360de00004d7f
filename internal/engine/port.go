package engine

import (
	"sync"

	"vswitch/internal/frame"
)

// Port is what the engine reads frames from and writes frames to: a TAP queue,
// a socket of frames. The engine never closes a port.
type Port interface {
	// FD returns a non-blocking descriptor on which one read returns one frame
	// behind its virtio header, one write sends one, and which polls readable when
	// there is one to read. It stays the same for the port's life. The io_uring loop
	// makes it blocking for the time between Attach and Detach or Close, so nobody
	// else reads it then.
	FD() int

	// Read fills slots of b from the front, sets b.N, and stops when the port is
	// dry, the slots are full or a super-frame came (which is carried on while it
	// is in the cache). It books what it read, and what it had to drop, in l.
	// dry reports that nothing was left. An error means that the port is dead.
	// Only the worker that owns the port calls it.
	Read(b *frame.Batch, l *frame.Ledger) (dry bool, err error)

	// Write sends the frames of run in order and books each in l: sent, or dropped
	// with the reason. It borrows the frames until it returns and does not change
	// them. Any worker may call it.
	Write(run []*frame.Frame, l *frame.Ledger)

	// WriteReason names the end of a frame whose write was answered with errno,
	// when the engine wrote on the descriptor itself.
	WriteReason(errno uintptr) frame.Reason

	// ReadError says what it means that the engine's own read on the descriptor
	// was answered with errno, or with nothing (0): the error of a dead port, or
	// nil when only that one frame was lost.
	ReadError(errno uintptr) error

	// MTU is the longest layer-3 packet, in bytes, that the port takes.
	MTU() int
}

// Forwarder decides where frames go. The engine parses each frame and checks
// its virtio header first; frames with Drop set are finished already.
type Forwarder interface {
	// Forward sets the Verdict of every frame of b that has none. worker is the
	// number of the calling worker, below the number given to New. The frames of a
	// port come by the worker that reads it; those of a local port by any, several at
	// once. It must not keep a frame, block, or allocate.
	Forward(worker int, b *frame.Batch)
}

// attachment is a port in the table of the engine: a Port or a Local.
type attachment struct {
	id     frame.PortID
	port   Port
	local  Local // nil for a port with a descriptor
	fd     int
	mtu    int
	owner  *worker        // reads it; of a local port, carries what is injected
	ledger []frame.Ledger // one a worker
	told   sync.WaitGroup // Config.OnPortError under way

	// What follows is the owner's.
	gone   bool // it stopped reading the port
	failed int  // reads that failed since the last good one
}

// totals sums the ledgers of all workers.
func (a *attachment) totals() frame.Totals {
	var t frame.Totals
	for i := range a.ledger {
		a.ledger[i].AddTo(&t)
	}
	return t
}

// table is the engine's immutable view of its ports, indexed by PortID.
type table struct {
	ports []*attachment
}

// at returns the attachment of id, or nil.
func (t *table) at(id frame.PortID) *attachment {
	if int(id) < len(t.ports) {
		return t.ports[id]
	}
	return nil
}

// with returns a copy of t in which id is a; a nil a removes it.
func (t *table) with(id frame.PortID, a *attachment) *table {
	n := max(len(t.ports), int(id)+1)
	ports := make([]*attachment, n)
	copy(ports, t.ports)
	ports[id] = a
	return &table{ports: ports}
}
