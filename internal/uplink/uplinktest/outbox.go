package uplinktest

import (
	"bytes"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

func (w *Worker) begin(m mode) {
	if w.mode != idle {
		w.T.Fatal("a call inside another")
	}
	w.mode, w.port, w.as = m, GatewayPort, m == running
}

func (w *Worker) end() {
	w.T.Helper()
	w.deliver()
	if w.lent != 0 {
		w.T.Errorf("%d slots were neither entered nor returned", w.lent)
		w.lent = 0
	}
	w.mode = idle
}

// Now is part of uplink.Outbox, as are the methods that follow.
func (w *Worker) Now() int64              { return w.Clock }
func (w *Worker) Worker() int             { return 0 }
func (w *Worker) From() frame.PortID      { return StationPort }
func (w *Worker) Ledger() *frame.Ledger   { return &w.ledger }
func (w *Worker) Owned(*frame.Frame) bool { return true }

func (w *Worker) As(port frame.PortID) bool {
	if w.mode == running {
		w.T.Error("As in a run")
	}
	w.port, w.as = port, w.Ports[port]
	return w.as
}

func (w *Worker) Borrow() []byte {
	if w.mode == idle {
		w.T.Error("Borrow outside of any call")
	}
	if w.Starve || len(w.free) == 0 {
		return nil
	}
	slot := w.free[len(w.free)-1]
	w.free = w.free[:len(w.free)-1]
	w.lent++
	if !w.Clean {
		copy(slot, rubbish)
	}
	return slot
}

var rubbish = bytes.Repeat([]byte{0xa5}, 512)

func (w *Worker) Enter(slot []byte, n int) {
	if !w.as {
		w.T.Error("Enter without a port")
	}
	w.lent--
	w.out = append(w.out, entry{w.port, slot, n})
}

func (w *Worker) Return(slot []byte) {
	w.lent--
	w.free = append(w.free, slot)
}

func (w *Worker) Flush() {
	if w.mode != ready {
		w.T.Error("Flush in a run")
	}
	w.deliver()
}

// Reenter fails the test: no socket uplink routes.
func (w *Worker) Reenter(*frame.Frame, frame.PortID) { w.T.Error("Reenter") }

func (w *Worker) deliver() {
	for _, e := range w.out {
		b := e.slot[frame.Headroom-frame.VnetLen : frame.Headroom+e.n]
		if w.OnEnter != nil {
			w.OnEnter(e.port, b)
		} else {
			w.Entered = append(w.Entered, Entered{e.port, w.check(b)})
		}
		w.free = append(w.free, e.slot)
	}
	w.out = w.out[:0]
}

// check copies a frame and fails the test where a TAP would refuse it or a receiver
// would find its checksum wrong.
func (w *Worker) check(b []byte) *frame.Frame {
	w.T.Helper()
	f := &frame.Frame{Buf: bytes.Clone(b), Off: frame.VnetLen, Len: len(b) - frame.VnetLen}
	if r := f.Parse(); r != frame.Accepted {
		w.T.Errorf("a frame that entered is malformed: %v: %x", r, head(b))
	} else if r := offload.Check(f); r != frame.Accepted {
		w.T.Errorf("the virtio header does not fit: %x", head(b))
	} else if f.Flags&frame.FlagIPv4 != 0 && !frame.IPv4(f.Bytes()[f.L3:]).ChecksumOK() {
		w.T.Errorf("the IPv4 header's checksum is wrong: %x", head(b))
	} else if !summed(f) {
		w.T.Errorf("the checksum is wrong: %x", head(b))
	}
	return f
}

func head(b []byte) []byte { return b[:min(len(b), 100)] }

// summed reports whether the transport's checksum, or the part of it that a device
// starts from, is right.
func summed(f *frame.Frame) bool {
	c := *f
	c.Buf = bytes.Clone(f.Buf)
	if !offload.Complete(&c) {
		return true
	}
	switch f.Proto {
	case frame.ProtoTCP, frame.ProtoUDP:
		return offload.Verify(&c)
	case frame.ProtoICMP:
		return frame.Checksum(L4(&c), 0) == 0xffff
	case frame.ProtoICMPv6:
		return frame.Checksum(L4(&c), pseudo(&c)) == 0xffff
	}
	return true
}

// Watch is part of uplink.Watcher, as are the methods that follow.
func (w *Worker) Watch(fd int, events uint32, key int32) error {
	ev := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: key}
	op := unix.EPOLL_CTL_ADD
	if w.watched[fd] {
		op = unix.EPOLL_CTL_MOD
	}
	err := unix.EpollCtl(w.ep, op, fd, &ev)
	if err == nil {
		w.watched[fd] = true
		w.Watches++
	}
	return err
}

func (w *Worker) Unwatch(fd int) error {
	if !w.watched[fd] {
		w.T.Errorf("Unwatch of descriptor %d, which is not watched", fd)
	}
	delete(w.watched, fd)
	return unix.EpollCtl(w.ep, unix.EPOLL_CTL_DEL, fd, nil)
}

// Forget takes the descriptor out as well, as closing it would.
func (w *Worker) Forget(fd int) error { return w.Unwatch(fd) }

func (w *Worker) Again() { w.again = true }

// look is a wait that does not wait.
func (w *Worker) look() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_WAIT, uintptr(w.ep), uintptr(unsafe.Pointer(&w.events[0])),
		uintptr(len(w.events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}
