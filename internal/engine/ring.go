package engine

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is an io_uring with a ring of provided buffers: the two queues that are
// shared with the kernel, and nothing else. It belongs to the thread that made it.
// Layouts and numbers: linux/io_uring.h.
type ring struct {
	fd      int
	queues  []byte // both rings, in one mapping
	entries []byte // the submission entries
	bufs    []byte // the ring of provided buffers

	sqHead, sqTail *uint32
	cqHead, cqTail *uint32
	sqMask, cqMask uint32
	sqes           []sqe
	cqes           []cqe
	tail           uint32 // ours: filled, maybe not published

	bufTail *uint16
	bufMask uint16
	next    uint16
}

// sqe is a submission entry.
type sqe struct {
	opcode   uint8
	flags    uint8
	ioprio   uint16
	fd       int32
	off      uint64
	addr     uint64
	length   uint32
	opFlags  uint32
	userData uint64
	buffer   uint16 // index of a registered buffer, or a buffer group
	_        [22]byte
}

// cqe is a completion entry.
type cqe struct {
	userData uint64
	res      int32
	flags    uint32
}

// providedBuf is an entry of the ring of provided buffers. The first one's
// reserved field is the ring's tail.
type providedBuf struct {
	addr   uint64
	length uint32
	id     uint16
	tail   uint16
}

const (
	opWriteFixed    = 5
	opPollAdd       = 6
	opAsyncCancel   = 14
	opWrite         = 23
	opReadMultishot = 49 // Linux 6.7

	setupCQSize       = 1 << 3
	setupSubmitAll    = 1 << 7
	setupSingleIssuer = 1 << 12 // Linux 6.0
	setupDeferTaskrun = 1 << 13 // Linux 6.1
	setupNoSQArray    = 1 << 16 // Linux 6.6

	featSingleMmap = 1 << 0

	enterGetEvents = 1 << 0

	registerBuffers  = 0
	registerPbufRing = 22 // Linux 5.19

	sqeBufferSelect = 1 << 5

	cqeBuffer      = 1 << 0
	cqeMore        = 1 << 1
	cqeBufferShift = 16

	pollMulti = 1 << 0 // in length of opPollAdd
	rwfNoWait = 8      // RWF_NOWAIT

	offRings = 0
	offSQEs  = 0x10000000

	bufferGroup = 0
)

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries uint32
	flags                uint32
	_, _                 uint32 // SQPOLL
	features             uint32
	_                    [4]uint32
	sq                   struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// newRing makes a ring with room for sq submissions and cq completions, powers
// of two. Errors are the kernel's: ENOSYS and EPERM where it is not allowed,
// EINVAL where the kernel is too old.
func newRing(sq, cq uint32) (*ring, error) {
	p := params{cqEntries: cq}
	p.flags = setupCQSize | setupSubmitAll | setupSingleIssuer | setupDeferTaskrun | setupNoSQArray
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(sq), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &ring{fd: int(fd)}
	unix.CloseOnExec(r.fd)
	if p.features&featSingleMmap == 0 {
		r.close()
		return nil, fmt.Errorf("io_uring_setup: %w: the kernel maps the rings apart", unix.EINVAL)
	}
	if err := r.mapQueues(&p); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *ring) mapQueues(p *params) (err error) {
	size := int(p.cq.cqes + p.cqEntries*uint32(unsafe.Sizeof(cqe{})))
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if r.queues, err = unix.Mmap(r.fd, offRings, size, prot, flags); err != nil {
		return fmt.Errorf("map the rings: %w", err)
	}
	if r.entries, err = unix.Mmap(r.fd, offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(sqe{})), prot, flags); err != nil {
		return fmt.Errorf("map the submission entries: %w", err)
	}
	word := func(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.queues[off])) }
	r.sqHead, r.sqTail, r.sqMask = word(p.sq.head), word(p.sq.tail), *word(p.sq.mask)
	r.cqHead, r.cqTail, r.cqMask = word(p.cq.head), word(p.cq.tail), *word(p.cq.mask)
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&r.queues[p.cq.cqes])), p.cqEntries)
	r.tail = *r.sqTail
	return nil
}

// provide registers a ring for n buffers, a power of two, without buffers.
func (r *ring) provide(n int) (err error) {
	r.bufs, err = unix.Mmap(-1, 0, max(n*int(unsafe.Sizeof(providedBuf{})), unix.Getpagesize()),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map the buffer ring: %w", err)
	}
	reg := struct {
		addr    uint64
		entries uint32
		group   uint16
		flags   uint16
		_       [3]uint64
	}{addr: uint64(uintptr(unsafe.Pointer(&r.bufs[0]))), entries: uint32(n), group: bufferGroup}
	if err := r.register(registerPbufRing, unsafe.Pointer(&reg), 1); err != nil {
		return fmt.Errorf("register the buffer ring: %w", err)
	}
	r.bufTail, r.bufMask = &r.buf(0).tail, uint16(n-1)
	return nil
}

// fix registers mem as the one fixed buffer. It counts against RLIMIT_MEMLOCK.
func (r *ring) fix(mem []byte) error {
	iov := unix.Iovec{Base: &mem[0], Len: uint64(len(mem))}
	if err := r.register(registerBuffers, unsafe.Pointer(&iov), 1); err != nil {
		return fmt.Errorf("register %d bytes as a fixed buffer: %w", len(mem), err)
	}
	return nil
}

func (r *ring) register(op uintptr, arg unsafe.Pointer, n uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), op, uintptr(arg), n, 0, 0)
	runtime.KeepAlive(arg)
	if errno != 0 {
		return errno
	}
	return nil
}

func (r *ring) buf(i uint16) *providedBuf {
	size := unsafe.Sizeof(providedBuf{})
	return (*providedBuf)(unsafe.Pointer(&r.bufs[uintptr(i)*size]))
}

// give hands a buffer to the kernel, which sees it after publish.
func (r *ring) give(id uint16, mem []byte) {
	b := r.buf(r.next & r.bufMask)
	b.addr = uint64(uintptr(unsafe.Pointer(&mem[0])))
	b.length, b.id = uint32(len(mem)), id
	r.next++
}

// publish shows the kernel the buffers that were given. The tail shares a word
// with the id of the first entry, so it is stored as that word.
func (r *ring) publish() {
	first := r.buf(0)
	var word uint32
	*(*[2]uint16)(unsafe.Pointer(&word)) = [2]uint16{first.id, r.next}
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&first.id)), word)
}

// entry returns the next submission entry, zeroed; nil when the queue is full.
func (r *ring) entry() *sqe {
	if r.tail-atomic.LoadUint32(r.sqHead) == uint32(len(r.sqes)) {
		return nil
	}
	e := &r.sqes[r.tail&r.sqMask]
	*e = sqe{}
	r.tail++
	return e
}

// queued returns how many entries wait to be submitted.
func (r *ring) queued() uint32 { return r.tail - atomic.LoadUint32(r.sqHead) }

// enter submits what is queued and runs completions. With wait > 0 it sleeps
// until that many are there; only that tells the scheduler.
func (r *ring) enter(wait uint32) unix.Errno {
	n := r.queued()
	atomic.StoreUint32(r.sqTail, r.tail)
	var errno unix.Errno
	if wait > 0 {
		_, _, errno = unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), uintptr(wait), enterGetEvents, 0, 0)
	} else {
		_, _, errno = unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), 0, enterGetEvents, 0, 0)
	}
	return errno
}

// reap calls fn for every completion that is there.
func (r *ring) reap(fn func(*cqe)) int {
	head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
	n := int(tail - head)
	for ; head != tail; head++ {
		fn(&r.cqes[head&r.cqMask])
	}
	atomic.StoreUint32(r.cqHead, head)
	return n
}

func (r *ring) close() error {
	for _, m := range [][]byte{r.queues, r.entries} {
		if m != nil {
			unix.Munmap(m)
		}
	}
	err := unix.Close(r.fd)
	if r.bufs != nil { // after the ring that points at it
		unix.Munmap(r.bufs)
	}
	return err
}
