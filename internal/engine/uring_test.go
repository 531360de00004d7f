package engine

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/tap"
	vswitch "vswitch/switch"
)

// uringOf returns the io_uring loop of a rig's first worker. Its fields are the
// worker's: look at them inside onWorker.
func uringOf(r *rig) *uringLoop { return r.e.workers[0].loop.(*uringLoop) }

// slotsHome checks that every slot is the kernel's: nothing holds one, and as many
// were given back as frames were read.
func slotsHome(t *testing.T, r *rig, read uint64) {
	t.Helper()
	onWorker(t, r.e, r.e.workers[0], func() {
		l := uringOf(r)
		l.settle()
		if l.flying != 0 {
			t.Errorf("%d writes under way", l.flying)
		}
		unheld(t, l.w)
		if given := l.ring.next - slots; given != uint16(read) {
			t.Errorf("%d frames were read and %d slots given back (modulo 65536)", read, given)
		}
		if len(l.cancels) != 0 || len(l.reads) != 0 {
			t.Errorf("left over: cancels %v, reads %v", l.cancels, l.reads)
		}
	})
}

// unheld checks that nothing holds a slot of w, and that each reply slot is spare.
func unheld(t testing.TB, w *worker) {
	t.Helper()
	spare := slices.Sorted(slices.Values(w.spare))
	if w.refs != [allSlots]uint16{} || len(slices.Compact(spare)) != replySlots {
		t.Errorf("hands on slots: %v; spare: %v", w.refs, spare)
	}
}

// TestUringSlotsComeBack: whichever way a frame ends, its slot is used again.
func TestUringSlotsComeBack(t *testing.T) {
	needLoop(t, Uring)
	r := newRig(t, Uring, nil)
	a := r.plugMTU(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 10}}, 1500)
	b := r.plugMTU(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 10}}, 1500)
	c := r.plugMTU(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Trunk: []uint16{10}}}, 1500)
	must(t, r.sw.AddStatic(b.mac, 10, b.id))
	n := uint64(0)
	send := func(f []byte) {
		must(t, a.Send(f))
		n++
	}
	for range 40 {
		for range 10 {
			send(eth(b.mac, a.mac, make([]byte, 60)))           // unicast
			send(eth(frame.Broadcast, a.mac, make([]byte, 60))) // flooded, in two forms
			send(eth(b.mac, a.mac, make([]byte, 3000)))         // too long
			send(eth(b.mac, frame.Broadcast, nil))              // refused by the switch
			send([]byte{1, 2, 3})                               // no frame
		}
		r.rest(n)
		for range 20 {
			b.recv()
		}
		for range 10 {
			c.recv()
		}
	}
	must(t, c.Unplug()) // writes fail from here on
	<-r.failed
	for range 100 {
		send(eth(frame.Broadcast, a.mac, nil))
		b.recv()
	}
	totals := r.rest(n)
	if totals.Ends[frame.DropPortGone] != 100 {
		t.Errorf("ends: %v", totals.Ends)
	}
	slotsHome(t, r, n)
	// A port that goes with frames waiting gives them back as well.
	onWorker(t, r.e, r.e.workers[0], func() {
		for range 100 {
			must(t, a.Send(eth(frame.Broadcast, a.mac, nil)))
		}
	})
	a.unplug()
	totals = r.e.Totals()
	if !totals.Balanced() {
		t.Errorf("no balance: %+v", totals)
	}
	slotsHome(t, r, totals.RxFrames)
}

// TestUringForgets: what was detached is not kept alive.
func TestUringForgets(t *testing.T) {
	needLoop(t, Uring)
	r := newRig(t, Uring, nil)
	a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
	a.hello(b)
	b.unplug()
	a.unplug()
	onWorker(t, r.e, r.e.workers[0], func() {
		l := uringOf(r)
		for _, list := range [][]*attachment{l.ports, l.outs, l.stopped[:cap(l.stopped)]} {
			for _, a := range list {
				if a != nil {
					t.Errorf("port %d is still held", a.id)
				}
			}
		}
	})
}

// TestUringWritesInPlace: a submission entry points at the frame's own bytes, and
// the slot is held as long as the kernel may look at them.
func TestUringWritesInPlace(t *testing.T) {
	needLoop(t, Uring)
	runtime.LockOSThread() // the ring belongs to a thread
	defer runtime.UnlockOSThread()
	e := newEngine(withDefaults(Config{Forwarder: consumer{}}))
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	must(t, err)
	defer unix.Close(wake)
	w := &worker{e: e, wake: wake}
	must(t, w.equip())
	defer w.slab.Close()
	loop, err := newUringLoop(w)
	must(t, err)
	l := loop.(*uringLoop)
	defer l.close()

	out := newPipe(t)
	a := &attachment{id: 3, port: out, fd: out.FD(), ledger: make([]frame.Ledger, 1)}
	var run []*frame.Frame
	for i := range 5 {
		f := &l.batch.Frames[4*i]
		f.Enter(frame.VnetLen + copy(f.Buf[frame.Headroom:], eth(2, 4, numbered(uint32(i), 100+i))))
		run = append(run, f)
	}
	first := l.ring.tail
	l.write(a, run)
	for i, f := range run {
		e := l.ring.sqes[(first+uint32(i))&l.ring.sqMask]
		p := f.WithVnet()
		if e.addr != uint64(uintptr(unsafe.Pointer(&p[0]))) || int(e.length) != len(p) || e.fd != int32(out.FD()) {
			t.Errorf("entry %d: %d bytes at %#x to %d, want %d at %p", i, e.length, e.addr, e.fd, len(p), &p[0])
		}
		if w.refs[4*i] != 1 {
			t.Errorf("slot %d has %d hands on it", 4*i, w.refs[4*i])
		}
	}
	l.settle()
	if l.flying != 0 || a.ledger[0].TxFrames.Load() != 5 {
		t.Errorf("after settle: %d under way, %d sent", l.flying, a.ledger[0].TxFrames.Load())
	}
	unheld(t, w)
	for i := range 5 {
		if got := number(out.recv()[frame.VnetLen:]); got != uint32(i) {
			t.Errorf("frame %d came as number %d", got, i)
		}
	}
}

// flaky is a port whose reads fail as a UDP socket's do when nobody listens at the
// other end: each datagram that is sent is answered with an error.
type flaky struct {
	*tap.Queue
	conn *net.UDPConn
	errs atomic.Int32
}

func newFlaky(t *testing.T) *flaky {
	nobody, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	conn, err := net.DialUDP("udp", nil, nobody.LocalAddr().(*net.UDPAddr))
	must(t, err)
	must(t, nobody.Close())
	t.Cleanup(func() { conn.Close() })
	raw, err := conn.SyscallConn()
	must(t, err)
	f := &flaky{conn: conn}
	must(t, raw.Control(func(fd uintptr) { f.Queue = tap.NewQueue(int(fd), 1500) }))
	return f
}

func (f *flaky) ReadError(errno uintptr) error {
	if unix.Errno(errno) != unix.ECONNREFUSED {
		return fmt.Errorf("unexpected: %w", unix.Errno(errno))
	}
	f.errs.Add(1)
	return nil
}

// TestUringReadErrors: a read that fails costs one frame, counted; one that does
// not stop failing ends the port.
func TestUringReadErrors(t *testing.T) {
	needLoop(t, Uring)
	r := newRig(t, Uring, nil)
	f := newFlaky(t)
	must(t, r.e.Attach(0, f))
	for i := range int32(maxFailed) {
		if _, err := f.conn.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the error", func() bool { return f.errs.Load() > i })
	}
	failed := <-r.failed
	if !errors.Is(failed.err, unix.ECONNREFUSED) || !strings.Contains(failed.err.Error(), "32 times") {
		t.Errorf("reported: %v", failed.err)
	}
	totals := r.rest(maxFailed - 1)
	ended(t, totals, map[frame.Reason]uint64{frame.DropReadError: maxFailed - 1})
	slotsHome(t, r, 0)
	_, err := r.e.Detach(0)
	must(t, err)
}

// TestRingErrors: what the kernel refuses comes back as its error.
func TestRingErrors(t *testing.T) {
	if r, err := newRing(0, 0); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		t.Errorf("a ring without entries: %v, %v", r, err)
	}
	needLoop(t, Uring)
	r, err := newRing(8, 16)
	must(t, err)
	defer r.close()
	if err := r.provide(3); !errors.Is(err, unix.EINVAL) {
		t.Errorf("three buffers, not a power of two: %v", err)
	}
	for range 8 {
		if r.entry() == nil {
			t.Fatal("no entry although the queue has room")
		}
	}
	if r.entry() != nil || r.queued() != 8 {
		t.Error("a ninth of eight entries")
	}
}
