package engine

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// sources is the sources of a worker, and what it watches for them. The loop gathers
// events first and tells the sources last, so that ports have their turn between two
// calls of a source. An event is gathered for whoever watches the descriptor at that
// moment, with nothing run since the kernel reported it; from then on Unwatch takes
// it back. So no event outlives the watch that it belongs to, even if the number of
// the descriptor is used again at once.
type sources struct {
	w       *worker
	x       Exchange // not that of the chain: Flush serves local ports while it is used
	epfd    int      // the loop's set for watched descriptors
	list    []*Watcher
	watched []watch // by descriptor
	due     bool    // a source has events, or asked to be told: no time to sleep
}

// watch says who watches a descriptor; by is nil if nobody does.
type watch struct {
	by  *Watcher
	key int32
}

// watchedMark is the Pad of a watched descriptor's events; a port's is 0.
const watchedMark = 1

func (s *sources) init(w *worker) {
	s.w, s.x = w, Exchange{w: w, from: frame.NoPort}
}

func (s *sources) add(o *Watcher) (err error) {
	if s.epfd, err = s.w.loop.watchSet(); err == nil {
		s.list = append(s.list, o)
	}
	return err
}

func (s *sources) remove(o *Watcher) error {
	var errs []error
	for fd, at := range s.watched {
		if at.by == o {
			errs = append(errs, o.Unwatch(fd))
		}
	}
	s.list = slices.DeleteFunc(s.list, func(l *Watcher) bool { return l == o })
	o.closed, o.asked = true, false
	return errors.Join(errs...)
}

// Watch begins to watch a descriptor: Ready is told key with its events, such as
// unix.EPOLLIN|unix.EPOLLOUT, from its present state on. Edge-triggered is implied.
// The descriptor is the caller's, in non-blocking mode, and watched once. Only for the
// worker's thread: in Ready, Do, and Serve on the same worker.
func (o *Watcher) Watch(fd int, events uint32, key int32) error {
	s := &o.w.sources
	if o.closed {
		return ErrClosed
	}
	ev := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: int32(fd), Pad: watchedMark}
	if err := s.ctl(unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("engine: watch descriptor %d: %w", fd, err)
	}
	if n := fd + 1 - len(s.watched); n > 0 {
		s.watched = append(s.watched, make([]watch, n)...)
	}
	s.watched[fd] = watch{o, key}
	return nil
}

// Unwatch ends the watch of a descriptor, before that is closed. Events of it that
// Ready was not told yet are dropped; in a call of Ready that is under way their
// Events become 0. Only for the worker's thread, as Watch.
func (o *Watcher) Unwatch(fd int) error {
	if err := o.Forget(fd); err != nil {
		return err
	}
	if err := o.w.sources.ctl(unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		return fmt.Errorf("engine: unwatch descriptor %d: %w", fd, err)
	}
	return nil
}

// Forget is Unwatch for a descriptor that is closed right after and that nobody has a
// copy of: closing takes it out of the kernel's set as well, which saves a system call
// for each short connection.
func (o *Watcher) Forget(fd int) error {
	s := &o.w.sources
	if fd < 0 || fd >= len(s.watched) || s.watched[fd].by != o {
		return fmt.Errorf("engine: unwatch descriptor %d: it is not watched", fd)
	}
	s.watched[fd] = watch{}
	o.dropEvent(int32(fd))
	return nil
}

// dropEvent takes back the event of a descriptor that was gathered. The source may be
// in the middle of the list, which must not move then.
func (o *Watcher) dropEvent(fd int32) {
	i := slices.IndexFunc(o.run, func(ev unix.EpollEvent) bool { return ev.Pad == fd })
	switch {
	case i < 0:
	case o.telling:
		o.run[i].Events = 0
	default:
		o.run = slices.Delete(o.run, i, i+1)
	}
}

// Again has Ready called once more soon: before the worker sleeps, when ports have had
// their turn. Only for the worker's thread, as Watch.
func (o *Watcher) Again() {
	if !o.closed {
		o.asked, o.w.sources.due = true, true
	}
}

// ctl changes the epoll set. It cannot block, so it need not tell the scheduler.
func (s *sources) ctl(op, fd int, ev *unix.EpollEvent) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(s.epfd), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(ev)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// gather notes the events of watched descriptors for their sources, in order; others
// are not for it. The list of a source has room for one look.
func (s *sources) gather(events []unix.EpollEvent) {
	for _, ev := range events {
		if ev.Pad != watchedMark {
			continue
		}
		if at := s.watched[ev.Fd]; at.by != nil {
			ev.Fd, ev.Pad = at.key, ev.Fd
			at.by.run = append(at.by.run, ev)
			s.due = true
		}
	}
}

// tell calls each source once that has events or asked for it; outside any batch.
func (s *sources) tell() {
	s.due = false
	for _, o := range s.list {
		if len(o.run) > 0 || o.asked {
			s.ready(o)
		}
	}
}

func (s *sources) ready(o *Watcher) {
	var events []unix.EpollEvent
	if len(o.run) > 0 {
		events, s.w.worked = o.run, true
	}
	o.asked, o.telling = false, true
	o.source.Ready(&s.x, events)
	o.run, o.telling = o.run[:0], false
	s.x.end()
}

func (s *sources) do(fn func(x *Exchange) error) error {
	err := fn(&s.x)
	s.x.end()
	return err
}
