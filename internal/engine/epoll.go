package engine

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// epollLoop reads with one system call a frame and writes the same way. It is
// the reference: what the other loop does must look the same from outside.
//
// Reads, writes and polls that cannot block go around the scheduler's system
// call path: the worker keeps its processor for the length of a batch, and the
// monitor thread never takes it away in the middle of one. Only the sleep tells
// the scheduler.
type epollLoop struct {
	w      *worker
	epfd   int
	events []unix.EpollEvent
	batch  *frame.Batch
	ports  map[int32]*attachment // by descriptor
}

const (
	// eventsPerLook is how many ready ports one look returns; the kernel hands the
	// rest out next, in turn.
	eventsPerLook = 64
	// turn is how many batches a port may have before the next one has its turn.
	turn = 8
)

func newEpollLoop(w *worker) (ioLoop, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll set: %w", err)
	}
	l := &epollLoop{
		w: w, epfd: epfd, events: make([]unix.EpollEvent, eventsPerLook),
		batch: w.batch(), ports: map[int32]*attachment{},
	}
	if err := l.watch(w.wake); err != nil {
		unix.Close(epfd)
		return nil, err
	}
	return l, nil
}

func (l *epollLoop) watch(fd int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	return nil
}

func (l *epollLoop) add(a *attachment) error {
	if err := l.watch(a.fd); err != nil {
		return err
	}
	l.ports[int32(a.fd)] = a
	return nil
}

func (l *epollLoop) remove(a *attachment) error {
	if a.gone {
		return nil
	}
	a.gone = true
	delete(l.ports, int32(a.fd))
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, a.fd, nil); err != nil {
		return fmt.Errorf("stop watching descriptor %d: %w", a.fd, err)
	}
	return nil
}

func (l *epollLoop) wait(block bool) bool {
	n := l.look()
	if n == 0 && block && !l.w.sources.due {
		l.w.sleeps.Add(1)
		n, _ = unix.EpollWait(l.epfd, l.events, -1) // EINTR: look again
		l.w.tick()
	}
	events := l.events[:max(n, 0)]
	if len(l.w.sources.list) > 0 {
		l.w.sources.gather(events)
	}
	for _, ev := range events {
		l.turn(ev)
	}
	if l.w.sources.due {
		l.w.sources.tell()
	}
	return n > 0
}

// turn gives what an event tells of its turn, unless that is a source.
func (l *epollLoop) turn(ev unix.EpollEvent) {
	if ev.Pad == watchedMark {
		return
	}
	if a := l.ports[ev.Fd]; a != nil {
		l.drain(a)
	} else if int(ev.Fd) == l.w.wake {
		l.w.answer()
	}
}

// look polls without sleeping.
func (l *epollLoop) look() int {
	n, _ := look(l.epfd, l.events)
	return n
}

// look takes the events of an epoll set that are there.
func look(epfd int, events []unix.EpollEvent) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// drain carries batches from a port until it is dry or its turn is over.
func (l *epollLoop) drain(a *attachment) {
	ledger := &a.ledger[l.w.index]
	for range turn {
		l.batch.N = 0
		dry, err := a.port.Read(l.batch, ledger)
		if l.batch.N > 0 {
			l.w.carry(a, l.batch)
		}
		if err != nil {
			l.w.fail(a, err)
			return
		}
		if dry {
			return
		}
	}
}

// write is synchronous: nothing is under way when it returns.
func (l *epollLoop) write(a *attachment, run []*frame.Frame) {
	a.port.Write(run, &a.ledger[l.w.index])
}

func (l *epollLoop) settle() {}

func (l *epollLoop) forget(frame.PortID) {}

func (l *epollLoop) push() {}

// watchSet is the set that the ports are in.
func (l *epollLoop) watchSet() (int, error) { return l.epfd, nil }

func (l *epollLoop) close() error { return unix.Close(l.epfd) }
