package engine

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// uringLoop moves frames through an io_uring: one multishot read a port takes
// slots from a ring of provided buffers, writes are queued and submitted
// together, and one system call both submits and collects. It pays for small
// frames, of which many come at once.
//
// A slot is in one of three hands: the kernel's, to be read into; the batch's;
// or that of writes under way, which are counted. It goes back to the kernel when
// the last write has completed. Reply slots are never the kernel's to read into, and
// are not pinned for it either: RLIMIT_MEMLOCK is small.
type uringLoop struct {
	w     *worker
	ring  *ring
	fixed int // writes from slots below name the registered buffer
	batch *frame.Batch
	ports []*attachment // read here, by PortID
	outs  []*attachment // written to, by PortID
	reads []readDone    // completed reads that wait for their turn
	// hot counts the bytes queued for writing since the last submission.
	hot     int
	flying  int             // writes queued or under way
	stopped []*attachment   // multishot reads to begin again
	reapFn  func(*cqe)      // made once
	cancels map[uint64]bool // ports whose read is being cancelled
	nest    nest
}

// readDone is a completed read.
type readDone struct {
	port frame.PortID
	slot int16 // -1: no frame
	n    int32 // bytes, or without a frame: a negative errno or 0
}

// Room in the queues: every slot flooded to several ports, and some.
const (
	sqEntries = 512
	cqEntries = 4096
	// submitBytes are submitted at once: super-frames go on while they are in the
	// cache.
	submitBytes = 64 << 10
	// maxFailed reads of a port may fail one after the other before it is dead.
	maxFailed = slots
)

// User data: what an entry was for, its port and slot, and the frame's length.
const (
	kindRead = iota << 60
	kindWrite
	kindWake
	kindCancel
	kindNest
	kindMask = 15 << 60
)

func userData(kind uint64, port frame.PortID, slot, length int) uint64 {
	return kind | uint64(port)<<40 | uint64(slot)<<32 | uint64(length)
}

func newUringLoop(w *worker) (ioLoop, error) {
	r, err := newRing(sqEntries, cqEntries)
	if err != nil {
		return nil, err
	}
	l := &uringLoop{
		w: w, ring: r, batch: w.batch(),
		reads: make([]readDone, 0, 4*slots), cancels: map[uint64]bool{}, nest: nest{epfd: -1},
	}
	l.reapFn = l.completed
	if err := r.provide(slots); err != nil {
		r.close()
		return nil, err
	}
	if r.fix(w.slab.Mem()[:slots*frame.SlotSize]) == nil {
		l.fixed = slots
	}
	for i := range slots {
		l.give(i)
	}
	r.publish()
	l.armPoll(w.wake, kindWake)
	return l, nil
}

// give hands slot i to the kernel.
func (l *uringLoop) give(i int) {
	l.ring.give(uint16(i), l.w.slab.Slot(i)[frame.Headroom-frame.VnetLen:])
}

// entry returns a submission entry, submitting what is queued when that is full.
func (l *uringLoop) entry() *sqe {
	e := l.ring.entry()
	for e == nil {
		l.submit(0)
		e = l.ring.entry()
	}
	return e
}

// armPoll begins to poll a descriptor for input, as long as the kernel likes to.
func (l *uringLoop) armPoll(fd int, kind uint64) {
	e := l.entry()
	e.opcode, e.fd = opPollAdd, int32(fd)
	e.opFlags, e.length = unix.POLLIN, pollMulti
	e.userData = kind
}

func (l *uringLoop) armRead(a *attachment) {
	e := l.entry()
	e.opcode, e.fd, e.flags, e.buffer = opReadMultishot, int32(a.fd), sqeBufferSelect, bufferGroup
	e.off = ^uint64(0)
	e.userData = userData(kindRead, a.id, 0, 0)
}

// add begins to read a port. Its descriptor is made blocking as long as it is
// here: a non-blocking one ends the multishot with EAGAIN instead of waiting. No
// call blocks on it all the same, since the ring waits by polling and writes say
// that they do not want to wait.
func (l *uringLoop) add(a *attachment) error {
	if err := unix.SetNonblock(a.fd, false); err != nil {
		return fmt.Errorf("descriptor %d: %w", a.fd, err)
	}
	l.ports = set(l.ports, a)
	l.armRead(a)
	return nil
}

// set enters a into a list by PortID.
func set(list []*attachment, a *attachment) []*attachment {
	for len(list) <= int(a.id) {
		list = append(list, nil)
	}
	list[a.id] = a
	return list
}

// remove cancels the port's read and waits until the kernel has let go of it.
func (l *uringLoop) remove(a *attachment) error {
	if a.gone {
		return nil
	}
	a.gone = true
	key := userData(kindRead, a.id, 0, 0)
	e := l.entry()
	e.opcode, e.fd, e.addr = opAsyncCancel, -1, key
	e.userData = userData(kindCancel, a.id, 0, 0)
	l.cancels[key] = true
	for l.cancels[key] {
		l.submit(1)
	}
	l.settle()
	l.drop(a)
	l.ports[a.id] = nil
	if err := unix.SetNonblock(a.fd, true); err != nil && !errors.Is(err, unix.EBADF) {
		return fmt.Errorf("descriptor %d: %w", a.fd, err)
	}
	return nil
}

// drop ends the frames of a port that were read and not carried yet: the port is
// gone, and with it its place in the batch.
func (l *uringLoop) drop(a *attachment) {
	kept := l.reads[:0]
	for _, d := range l.reads {
		switch {
		case d.port != a.id:
			kept = append(kept, d)
		case d.slot >= 0:
			a.ledger[l.w.index].Rx(1, uint64(max(int(d.n)-frame.VnetLen, 0)))
			a.ledger[l.w.index].End(frame.DropPortGone)
			l.give(int(d.slot))
		}
	}
	l.reads = kept
	l.ring.publish()
}

func (l *uringLoop) wait(block bool) bool {
	var want uint32
	if block {
		// What was written is booked and its slots are the kernel's before the
		// sleep, which may be long; reads may have stopped or completed meanwhile.
		l.settle()
		if len(l.reads) == 0 && len(l.stopped) == 0 && !l.w.sources.due {
			l.w.sleeps.Add(1)
			want = 1
		}
	}
	n := l.submit(want)
	if want > 0 {
		l.w.tick()
	}
	worked := n > 0 || len(l.reads) > 0
	l.carryAll()
	l.rearm()
	if l.w.sources.due {
		l.tell()
	}
	return worked
}

// submit submits what is queued, waits for completions and reaps them.
func (l *uringLoop) submit(wait uint32) int {
	l.hot = 0
	l.ring.enter(wait) // EINTR, EBUSY: reaping makes room, the caller looks again
	n := l.ring.reap(l.reapFn)
	l.ring.publish()
	return n
}

// completed books one completion.
func (l *uringLoop) completed(c *cqe) {
	port := frame.PortID(c.userData >> 40)
	switch c.userData & kindMask {
	case kindWrite:
		l.written(port, c)
	case kindRead:
		l.readDone(port, c)
	case kindWake:
		l.reads = append(l.reads, readDone{port: frame.NoPort, slot: -1, n: int32(c.flags & cqeMore)})
	case kindNest:
		l.nestReady(c)
	case kindCancel:
		if c.res == -int32(unix.ENOENT) {
			l.cancelled(port) // it had ended by itself; else its own completion follows
		}
	}
}

func (l *uringLoop) cancelled(port frame.PortID) {
	delete(l.cancels, userData(kindRead, port, 0, 0))
}

func (l *uringLoop) readDone(port frame.PortID, c *cqe) {
	d := readDone{port: port, slot: -1, n: c.res}
	if c.flags&cqeBuffer != 0 {
		d.slot = int16(c.flags >> cqeBufferShift)
	}
	if d.slot >= 0 || c.res != -int32(unix.ENOBUFS) && c.res != -int32(unix.ECANCELED) {
		l.reads = append(l.reads, d)
	}
	if c.flags&cqeMore == 0 {
		l.cancelled(port)
		if a := l.ports[port]; a != nil && !a.gone && (c.res > 0 || c.res == -int32(unix.ENOBUFS)) {
			l.stopped = append(l.stopped, a)
		}
	}
}

// rearm begins the reads again that ran out of slots. The port that comes first
// takes nearly all, and ran out of them first: it comes last now.
func (l *uringLoop) rearm() {
	n := len(l.stopped)
	for i := range n {
		if a := l.stopped[(i+1)%n]; !a.gone {
			l.armRead(a)
		}
	}
	clear(l.stopped)
	l.stopped = l.stopped[:0]
}

// carryAll carries the completed reads on, a run of one port at a time. More complete
// meanwhile; those that were there first have had their turn after as many runs as
// there are slots, and then it is the sources'.
func (l *uringLoop) carryAll() {
	for runs := 0; len(l.reads) > 0 && (runs < slots || !l.w.sources.due); runs++ {
		d := l.reads[0]
		switch a := l.at(l.ports, d.port); {
		case d.port == frame.NoPort:
			l.reads = l.reads[:copy(l.reads, l.reads[1:])]
			l.w.answer()
			if d.n == 0 {
				l.armPoll(l.w.wake, kindWake)
			}
		case d.slot < 0:
			l.reads = l.reads[:copy(l.reads, l.reads[1:])]
			if a != nil {
				l.failed(a, unix.Errno(-d.n))
			}
		default:
			l.carry(a, l.take(d.port))
		}
	}
}

// failed deals with a read that ended without a frame.
func (l *uringLoop) failed(a *attachment, errno unix.Errno) {
	err := a.port.ReadError(uintptr(errno))
	if a.failed++; err == nil && a.failed >= maxFailed {
		err = fmt.Errorf("read: %d times in a row: %w", a.failed, errno)
	}
	if err != nil {
		l.w.fail(a, err)
		return
	}
	a.ledger[l.w.index].Rx(1, 0)
	a.ledger[l.w.index].End(frame.DropReadError)
	l.stopped = append(l.stopped, a)
}

func (l *uringLoop) at(list []*attachment, id frame.PortID) *attachment {
	if int(id) < len(list) {
		return list[id]
	}
	return nil
}

// take puts the first run of frames of one port into the batch, and returns how
// many bytes they have.
func (l *uringLoop) take(port frame.PortID) uint64 {
	var bytes uint64
	n := 0
	for n < len(l.reads) && n < slots && l.reads[n].port == port && l.reads[n].slot >= 0 {
		f := &l.batch.Frames[n]
		f.Buf = l.w.slab.Slot(int(l.reads[n].slot))
		f.Enter(int(l.reads[n].n))
		bytes += uint64(f.Len)
		n++
	}
	l.batch.N = n
	l.reads = l.reads[:copy(l.reads, l.reads[n:])]
	return bytes
}

// carry takes the batch through the switch and gives back the slots of frames
// that no write holds.
func (l *uringLoop) carry(a *attachment, bytes uint64) {
	a.failed = 0
	a.ledger[l.w.index].Rx(uint64(l.batch.N), bytes)
	// A hand on each slot keeps it from being given back while flooding settles.
	for i := range l.batch.Live() {
		l.w.hold(l.w.slot(l.batch.Frames[i].Buf))
	}
	n := l.batch.N
	l.w.carry(a, l.batch)
	for i := range l.batch.Frames[:n] {
		l.release(l.w.slot(l.batch.Frames[i].Buf))
	}
	l.ring.publish()
	l.push()
}

// push submits the writes that are queued when they are many bytes.
func (l *uringLoop) push() {
	if l.hot >= submitBytes {
		l.submit(0)
	}
}

// release takes one hand off a slot; with the last one it is the kernel's again.
func (l *uringLoop) release(slot int) {
	if l.w.release(slot) {
		l.give(slot)
	}
}

// write queues a run of frames.
func (l *uringLoop) write(a *attachment, run []*frame.Frame) {
	if l.at(l.outs, a.id) != a {
		l.outs = set(l.outs, a)
	}
	for _, f := range run {
		p := f.WithVnet()
		slot := l.w.slot(f.Buf)
		e := l.entry()
		e.opcode, e.fd = opWrite, int32(a.fd)
		if slot < l.fixed {
			e.opcode = opWriteFixed
		}
		e.addr, e.length = uint64(uintptr(unsafe.Pointer(&p[0]))), uint32(len(p))
		e.off, e.opFlags = ^uint64(0), rwfNoWait
		e.userData = userData(kindWrite, a.id, slot, f.Len)
		l.w.hold(slot)
		l.flying++
		l.hot += len(p)
	}
}

// written books a completed write.
func (l *uringLoop) written(port frame.PortID, c *cqe) {
	l.flying--
	l.release(int(c.userData >> 32 & 0xff))
	a := l.outs[port] // the number is not used again before settle
	if c.res < 0 {
		a.ledger[l.w.index].End(a.port.WriteReason(uintptr(-c.res)))
		return
	}
	a.ledger[l.w.index].Tx(1, c.userData&0xffffffff)
}

// settle submits all writes and waits until they have completed.
func (l *uringLoop) settle() {
	for l.flying > 0 {
		l.submit(0)
	}
}

// forget lets go of a port that no write is under way to.
func (l *uringLoop) forget(id frame.PortID) {
	if int(id) < len(l.outs) {
		l.outs[id] = nil
	}
}

// close takes the reads back first: the kernel ends a closed ring some time
// later, and would until then hold the ports open and take frames from them.
func (l *uringLoop) close() error {
	l.settle()
	var errs []error
	for _, a := range l.ports {
		if a != nil {
			errs = append(errs, l.remove(a))
		}
	}
	return errors.Join(append(errs, l.nest.close(), l.ring.close())...)
}
