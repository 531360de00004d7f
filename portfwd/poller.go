package portfwd

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// poller is a thread that sleeps until one of its descriptors can be used, and calls
// ready for it. It holds mu whenever it is awake: who holds mu may change whatever
// ready looks at, and close descriptors.
type poller struct {
	epoll, wake int
	done        chan struct{}
	// ready serves a descriptor; events is 0 when it asked for that with later.
	ready func(key uint64, events uint32)

	mu     sync.Mutex
	queue  []uint64      // keys to be called again, after the others had their turn
	pause  time.Duration // to sleep before the next look; set by ready
	closed bool
}

// wakeKey is the key of the poller's own descriptor.
const wakeKey = ^uint64(0)

// newPoller starts a thread. ready is not called before something is watched.
func newPoller(ready func(key uint64, events uint32)) (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("portfwd: make an epoll descriptor: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	p := &poller{epoll: epoll, wake: wake, done: make(chan struct{}), ready: ready}
	if err == nil {
		err = p.watch(wake, unix.EPOLLIN, wakeKey)
	}
	if err != nil {
		p.release()
		return nil, fmt.Errorf("portfwd: make a descriptor to wake up by: %w", err)
	}
	go p.run()
	return p, nil
}

// watch has ready called with key. A descriptor that is closed is forgotten.
func (p *poller) watch(fd int, events uint32, key uint64) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(uint32(key)), Pad: int32(uint32(key >> 32))}
	return unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &ev)
}

// unwatch is for descriptors that stay open.
func (p *poller) unwatch(fd int) { _ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil) }

// later has ready called again soon; with mu held.
func (p *poller) later(key uint64) { p.queue = append(p.queue, key) }

// run has a thread to itself.
func (p *poller) run() {
	runtime.LockOSThread()
	defer close(p.done)
	events := make([]unix.EpollEvent, 128)
	for more := true; more; {
		timeout := -1
		if p.queued() {
			timeout = 0
		}
		n, err := unix.EpollWait(p.epoll, events, timeout)
		if err != nil {
			n = 0 // a signal: look again
		}
		more = p.turn(events[:n])
	}
}

func (p *poller) queued() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0
}

// turn serves everybody once and reports whether to go on.
func (p *poller) turn(events []unix.EpollEvent) bool {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return false
	}
	waiting := len(p.queue)
	for i := range events {
		key := uint64(uint32(events[i].Pad))<<32 | uint64(uint32(events[i].Fd))
		if key != wakeKey {
			p.ready(key, events[i].Events)
		}
	}
	for _, key := range p.queue[:waiting] {
		p.ready(key, 0)
	}
	p.queue = append(p.queue[:0], p.queue[waiting:]...)
	pause := p.pause
	p.pause = 0
	p.mu.Unlock()
	time.Sleep(pause)
	return true
}

// close ends the thread. What it watched is the owner's to close, afterwards.
func (p *poller) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // a counter, far from full
	<-p.done
	p.release()
}

func (p *poller) release() {
	_ = unix.Close(p.epoll)
	if p.wake >= 0 {
		_ = unix.Close(p.wake)
	}
}
