package socket

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/uplink"
)

// soon is how near, in nanoseconds, the nearest deadline is that a protocol sets: TCP's
// shortest retransmission timeout. Whatever comes up while the timer goes off sooner
// than that need not be looked at. To ask all protocols costs as much as to take a small
// packet; so where there is traffic the timer is set to that, five times a second at
// most, and they are asked when it goes off.
const soon = int64(200e6)

// timer is a timerfd that goes off at the earliest of several deadlines, in nanoseconds
// of the worker's clock.
type timer struct {
	fd   int
	due  int64 // when it goes off; 0: it is not set
	want int64 // the earliest deadline; 0: none
	spec unix.ItimerSpec
}

func (t *timer) open(w uplink.Watcher) (err error) {
	t.fd, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("uplink: make a timer: %w", err)
	}
	if err = w.Watch(t.fd, unix.EPOLLIN, kindTimer<<kindBits); err != nil {
		unix.Close(t.fd)
		return fmt.Errorf("uplink: watch a timer: %w", err)
	}
	return nil
}

// rang notes that it has gone off.
func (t *timer) rang() { t.due = 0 }

// by asks for a call by a deadline.
func (t *timer) by(when int64, ok bool) {
	if ok && (t.want == 0 || when < t.want) {
		t.want = when
	}
}

// set sets it to what was asked for since the last set, unless it goes off sooner.
func (t *timer) set(now int64) {
	want := t.want
	t.want = 0
	if want == 0 || t.due != 0 && t.due <= want {
		return
	}
	t.due = want
	t.spec.Value = unix.NsecToTimespec(max(want-now, 1))
	unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(t.fd), 0, uintptr(unsafe.Pointer(&t.spec)), 0, 0, 0)
}

func (t *timer) close(w uplink.Watcher) {
	_ = w.Unwatch(t.fd)
	unix.Close(t.fd)
}
