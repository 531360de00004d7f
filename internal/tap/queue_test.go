package tap

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// pair makes a queue over one end of a pair of sockets that keep frames apart.
func pair(t testing.TB) (q *Queue, far int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return NewQueue(fds[0], 1500), fds[1]
}

func newBatch(t testing.TB, n int) *frame.Batch {
	t.Helper()
	s, err := frame.NewSlab(n)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return frame.NewBatch(s)
}

// TestReadFillsABatch: until it is full or dry, or a super-frame has come.
func TestReadFillsABatch(t *testing.T) {
	q, far := pair(t)
	b := newBatch(t, 4)
	var l frame.Ledger
	step := func(send []int, want int, wantDry bool) {
		t.Helper()
		for _, n := range send {
			_, err := unix.Write(far, make([]byte, n))
			must(t, err)
		}
		dry, err := q.Read(b, &l)
		if err != nil || b.N != want || dry != wantDry {
			t.Errorf("read %d frames, dry %v, %v; want %d, %v", b.N, dry, err, want, wantDry)
		}
	}
	step(nil, 0, true)
	step([]int{60, 70}, 2, true)
	if b.Frames[1].Len != 60 || b.Frames[1].Off != frame.Headroom {
		t.Errorf("second frame: %d bytes at %d", b.Frames[1].Len, b.Frames[1].Off)
	}
	step([]int{60, 60, 60, 60, 60}, 4, false)
	step(nil, 1, true)
	step([]int{60, 60000, 60, 60}, 2, false)
	step(nil, 2, true)
	step([]int{3}, 1, true) // less than a virtio header: an empty frame
	if b.Frames[0].Len != 0 {
		t.Errorf("a frame of %d bytes", b.Frames[0].Len)
	}
	if got := l.RxFrames.Load(); got != 12 {
		t.Errorf("%d frames booked", got)
	}
	if got := l.RxBytes.Load(); got != 50+60+5*50+50+59990+2*50 {
		t.Errorf("%d bytes booked", got)
	}
}

// TestReadOfTheEnd: what was sent before the end comes first.
func TestReadOfTheEnd(t *testing.T) {
	q, far := pair(t)
	b := newBatch(t, 4)
	var l frame.Ledger
	_, err := unix.Write(far, make([]byte, 60))
	must(t, err)
	must(t, unix.Shutdown(far, unix.SHUT_WR))
	dry, err := q.Read(b, &l)
	if b.N != 1 || !dry || !errors.Is(err, ErrGone) {
		t.Errorf("read %d, dry %v, %v", b.N, dry, err)
	}
}

// TestWriteBooks: each frame of a run, sent or not.
func TestWriteBooks(t *testing.T) {
	q, far := pair(t)
	must(t, unix.SetsockoptInt(q.FD(), unix.SOL_SOCKET, unix.SO_SNDBUF, 4608))
	b := newBatch(t, 8)
	var run []*frame.Frame
	for i := range b.Frames {
		b.Frames[i].Enter(1000)
		run = append(run, &b.Frames[i])
	}
	b.Frames[0].Enter(60000) // too long for this socket at any time
	var l frame.Ledger
	q.Write(run, &l)
	sent := l.TxFrames.Load()
	if sent == 0 || l.TxBytes.Load() != sent*990 {
		t.Errorf("sent %d frames, %d bytes", sent, l.TxBytes.Load())
	}
	if l.Ends[frame.DropPortRefused].Load() != 1 || l.Ends[frame.DropPortFull].Load() != 7-sent {
		t.Errorf("ends: %v", &l.Ends)
	}
	unix.Shutdown(far, unix.SHUT_RDWR)
	q.Write(run[1:2], &l)
	if l.Ends[frame.DropPortGone].Load() != 1 {
		t.Errorf("ends: %v", &l.Ends)
	}
}

func TestWriteReason(t *testing.T) {
	for errno, want := range map[unix.Errno]frame.Reason{
		unix.EIO: frame.DropPortDown, unix.EAGAIN: frame.DropPortFull, unix.ENOBUFS: frame.DropPortFull,
		unix.EINVAL: frame.DropPortRefused, unix.EMSGSIZE: frame.DropPortRefused,
		unix.EBADFD: frame.DropPortGone, unix.EPIPE: frame.DropPortGone, unix.EPERM: frame.DropWriteError,
	} {
		if got := NewQueue(-1, 1500).WriteReason(uintptr(errno)); got != want {
			t.Errorf("%v: %v, want %v", errno, got, want)
		}
	}
}

func TestReadError(t *testing.T) {
	q := NewQueue(-1, 1500)
	for _, errno := range []unix.Errno{0, unix.EFAULT, unix.EBADFD, unix.ECONNRESET} {
		if err := q.ReadError(uintptr(errno)); !errors.Is(err, ErrGone) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	for _, errno := range []unix.Errno{unix.EINVAL, unix.ENOMEM} {
		if err := q.ReadError(uintptr(errno)); err != nil {
			t.Errorf("%v costs more than one frame: %v", errno, err)
		}
	}
	if err := q.ReadError(uintptr(unix.EISDIR)); !errors.Is(err, unix.EISDIR) || errors.Is(err, ErrGone) {
		t.Errorf("EISDIR: %v", err)
	}
	// A read that fails again and again must not keep the worker: an eventfd takes
	// no buffer of less than 8 bytes, and says EINVAL to that.
	fd, err := unix.Eventfd(1, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	must(t, err)
	defer unix.Close(fd)
	b := &frame.Batch{Frames: make([]frame.Frame, 4)}
	for i := range b.Frames {
		b.Frames[i].Buf = make([]byte, frame.Headroom-frame.VnetLen+4)
	}
	var l frame.Ledger
	dry, err := NewQueue(fd, 1500).Read(b, &l)
	if !dry || !errors.Is(err, unix.EINVAL) || l.Ends[frame.DropReadError].Load() != maxFailed-1 || l.RxFrames.Load() != maxFailed-1 {
		t.Errorf("dry %v, %v, read errors %d", dry, err, l.Ends[frame.DropReadError].Load())
	}
}

func TestQueueDoesNotAllocate(t *testing.T) {
	q, far := pair(t)
	b := newBatch(t, 4)
	msg, in := make([]byte, 100), make([]byte, 200)
	run := make([]*frame.Frame, 1)
	var l frame.Ledger
	if n := testing.AllocsPerRun(500, func() {
		unix.Write(far, msg)
		q.Read(b, &l)
		run[0] = &b.Frames[0]
		q.Write(run, &l)
		unix.Read(far, in)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
	if l.TxFrames.Load() != l.RxFrames.Load() || l.TxFrames.Load() == 0 {
		t.Errorf("read %d, sent %d", l.RxFrames.Load(), l.TxFrames.Load())
	}
}

func TestOffloadsString(t *testing.T) {
	for o, want := range map[Offloads]string{
		0: "none", NoOffloads: "none", Csum: "csum", Csum | TSO4: "csum tso4",
		ladder[0]: "csum tso4 tso6 tso-ecn uso4 uso6",
	} {
		if got := o.String(); got != want {
			t.Errorf("%#x: %q, want %q", uint32(o), got, want)
		}
	}
}

func TestQueueLenFor(t *testing.T) {
	for _, c := range []struct {
		mtu  int
		o    Offloads
		want int
	}{
		{1500, Csum | TSO4, 2048}, {1500, 0, 4194}, {9000, 0, 2048}, {1, 0, 10922}, {65536, Csum, 2048},
	} {
		if got := QueueLenFor(c.mtu, c.o); got != c.want {
			t.Errorf("MTU %d, %v: %d, want %d", c.mtu, c.o, got, c.want)
		}
	}
}
