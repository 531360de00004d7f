package tap

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// superFrame is the length from which a read ends the batch: what is that large
// is written at once, while it is in the cache.
const superFrame = 16 << 10

// maxFailed reads of one batch may fail before the port is dead: a device that
// fails for ever must not keep the worker.
const maxFailed = 32

// Queue reads and writes frames on a descriptor that keeps their borders: a TAP
// queue, or a socket of a kind that does. It does not own the descriptor.
type Queue struct {
	fd  int
	mtu atomic.Int32
}

// NewQueue makes a queue over fd, which must be non-blocking, for layer-3
// packets of up to mtu bytes.
func NewQueue(fd, mtu int) *Queue {
	q := &Queue{fd: fd}
	q.mtu.Store(int32(mtu))
	return q
}

// FD returns the descriptor.
func (q *Queue) FD() int { return q.fd }

// MTU returns the longest layer-3 packet, in bytes, that the port takes.
func (q *Queue) MTU() int { return int(q.mtu.Load()) }

// ErrGone is returned by Read when the device was deleted or the other end of
// the socket closed.
var ErrGone = errors.New("the device is gone")

// Read fills the slots of b from the front and sets b.N; see engine.Port. It
// offers each read the whole slot, since the kernel cuts a frame that does not
// fit without saying so.
func (q *Queue) Read(b *frame.Batch, l *frame.Ledger) (dry bool, err error) {
	var bytes uint64
	n, failed := 0, 0
	for n < len(b.Frames) && !dry && bytes < superFrame {
		f := &b.Frames[n]
		got, errno := q.read(f.Buf[frame.Headroom-frame.VnetLen:])
		switch {
		case got > 0:
			f.Enter(got)
			bytes += uint64(f.Len)
			n++
		case errno == unix.EAGAIN:
			dry = true
		case errno == unix.EINTR:
		default:
			failed++
			err = lost(errno, failed, l)
			dry = err != nil
		}
	}
	b.N = n
	if n > 0 {
		l.Rx(uint64(n), bytes)
	}
	return dry, err
}

// lost books a frame whose read failed, unless that means that the port is dead.
func lost(errno unix.Errno, times int, l *frame.Ledger) error {
	err := readError(errno)
	if err == nil && times == maxFailed {
		err = fmt.Errorf("read: %d times in one batch: %w", times, errno)
	}
	if err == nil {
		l.Rx(1, 0)
		l.End(frame.DropReadError)
	}
	return err
}

// readError says what a failed read means, errno 0 standing for one that returned
// nothing. A queue whose device or namespace is gone answers EFAULT at first and
// EBADFD later; one frame that cannot be described by a virtio header, or no
// memory for it, costs that frame only (drivers/net/tun.c).
func readError(errno unix.Errno) error {
	switch errno {
	case unix.EINVAL, unix.ENOMEM, unix.ENOBUFS:
		return nil
	case 0:
		return fmt.Errorf("read: %w", ErrGone)
	case unix.EFAULT, unix.EBADFD, unix.EBADF, unix.ECONNRESET, unix.EPIPE, unix.ENODEV:
		return fmt.Errorf("read: %w (%w)", ErrGone, errno)
	}
	return fmt.Errorf("read: %w", errno)
}

// ReadError is the error of a port whose read was answered with errno, or with
// nothing (0); nil when only one frame was lost. For the engine.
func (q *Queue) ReadError(errno uintptr) error { return readError(unix.Errno(errno)) }

// Write sends the frames of run in order and books them; see engine.Port.
func (q *Queue) Write(run []*frame.Frame, l *frame.Ledger) {
	var sent, bytes uint64
	for _, f := range run {
		if errno := q.write(f.WithVnet()); errno != 0 {
			l.End(WriteReason(errno))
			continue
		}
		sent++
		bytes += uint64(f.Len)
	}
	if sent > 0 {
		l.Tx(sent, bytes)
	}
}

// WriteReason names the end of a frame whose write was answered with errno.
func WriteReason(errno unix.Errno) frame.Reason {
	switch errno {
	case unix.EIO, unix.ENETDOWN:
		return frame.DropPortDown
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		return frame.DropPortFull
	case unix.EINVAL, unix.EMSGSIZE:
		return frame.DropPortRefused
	case unix.EFAULT, unix.EBADFD, unix.EBADF, unix.EPIPE, unix.ECONNRESET, unix.ENODEV:
		return frame.DropPortGone
	}
	return frame.DropWriteError
}

// WriteReason is the function of that name, for the engine.
func (q *Queue) WriteReason(errno uintptr) frame.Reason { return WriteReason(unix.Errno(errno)) }

// read and write never block, so they need not tell the scheduler: that saves
// its bookkeeping twice a frame, and the worker keeps its processor.

func (q *Queue) read(p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(q.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return int(n), errno
}

func (q *Queue) write(p []byte) unix.Errno {
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(q.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if errno != unix.EINTR {
			return errno
		}
	}
}
