package engine

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/tap"
	vswitch "vswitch/switch"
)

// pipe is a port and the container's end of it, for tests that must not allocate.
type pipe struct {
	*tap.Queue
	far int
	buf []byte
}

func newPipe(t testing.TB) *pipe {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return &pipe{Queue: tap.NewQueue(fds[0], 65536), far: fds[1], buf: make([]byte, frame.SlotSize)}
}

// send sends and recv receives; both try until they can.
func (p *pipe) send(b []byte) {
	for {
		if _, err := unix.Write(p.far, b); err == nil {
			return
		}
		runtime.Gosched()
	}
}

func (p *pipe) recv() []byte {
	for {
		if n, err := unix.Read(p.far, p.buf); err == nil {
			return p.buf[:n]
		}
		runtime.Gosched()
	}
}

// TestNoAllocation: in a steady state nothing is allocated for a frame, from the
// read to the write: unicast, flooded into two forms, dropped, small and large.
func TestNoAllocation(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		var pipes []*pipe
		for _, cfg := range []vswitch.VLANConfig{{Access: 10}, {Access: 10}, {Trunk: []uint16{10}}} {
			p := newPipe(t)
			id, err := r.sw.AddPort(vswitch.PortConfig{VLAN: cfg})
			must(t, err)
			must(t, r.e.Attach(id, p))
			pipes = append(pipes, p)
		}
		t.Cleanup(func() { r.e.Close() })
		const a, b frame.MAC = 0x02000000000a, 0x02000000000b
		must(t, r.sw.AddStatic(a, 10, 0))
		must(t, r.sw.AddStatic(b, 10, 1))
		vnet, large := super(b, a, 40000, 1460)
		large = append(vnet, large...)
		plain := make([]byte, frame.VnetLen)
		unicast := append(plain[:frame.VnetLen:frame.VnetLen], eth(b, a, make([]byte, 46))...)
		flooded := append(plain[:frame.VnetLen:frame.VnetLen], eth(frame.Broadcast, a, make([]byte, 46))...)
		dropped := append(plain[:frame.VnetLen:frame.VnetLen], eth(b, frame.Broadcast, make([]byte, 46))...)
		round := func() {
			for range 20 {
				pipes[0].send(unicast)
				pipes[0].send(flooded)
				pipes[0].send(dropped)
			}
			for range 40 {
				pipes[1].recv()
			}
			for range 20 {
				pipes[2].recv()
			}
			pipes[0].send(large)
			pipes[1].recv()
		}
		for range 50 {
			round()
		}
		const rounds = 300
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			round()
		}
		runtime.ReadMemStats(&after)
		// The runtime and other goroutines of the test make a few.
		if got, frames := after.Mallocs-before.Mallocs, uint64(rounds*61); got > frames/200 {
			t.Errorf("%d allocations while %d frames went through", got, frames)
		}
		if totals := r.rest(350 * 61); totals.CopiedBytes != 0 {
			t.Errorf("%d bytes copied", totals.CopiedBytes)
		}
	})
}

// witness forwards and remembers where the payloads lay.
type witness struct {
	fixed
	at []unsafe.Pointer
}

func (w *witness) Forward(worker int, b *frame.Batch) {
	w.fixed.Forward(worker, b)
	for i := range b.Live() {
		w.at = append(w.at, payloadOf(&b.Frames[i]))
	}
}

func payloadOf(f *frame.Frame) unsafe.Pointer { return unsafe.Pointer(&f.Bytes()[f.L3]) }

// scale is a port that remembers where the payloads lay that it was to write.
type scale struct {
	*tap.Queue
	at []unsafe.Pointer
}

func (s *scale) Write(run []*frame.Frame, l *frame.Ledger) {
	for _, f := range run {
		s.at = append(s.at, payloadOf(f))
	}
	s.Queue.Write(run, l)
}

// TestPayloadStaysWhereItWasRead: what is written lies at the address at which it
// was read, also when a tag was put in on the way. (What the io_uring loop writes
// is shown by TestUringWritesInPlace.)
func TestPayloadStaysWhereItWasRead(t *testing.T) {
	for _, vid := range []uint16{0, 10} {
		fwd := &witness{fixed: fixed{{Port: 1, VID: vid}}}
		e, err := New(Config{Forwarder: fwd, IO: Epoll, Workers: 1})
		must(t, err)
		in, out := newPipe(t), newPipe(t)
		port := &scale{Queue: out.Queue}
		must(t, e.Attach(0, in))
		must(t, e.Attach(1, port))
		vnet, b := super(2, 4, 30000, 1400)
		for range 50 {
			in.send(append(vnet[:frame.VnetLen:frame.VnetLen], b...))
			out.recv()
		}
		must(t, e.Close())
		if len(fwd.at) != 50 || len(port.at) != 50 {
			t.Fatalf("%d frames forwarded, %d written", len(fwd.at), len(port.at))
		}
		for i := range fwd.at {
			if fwd.at[i] != port.at[i] {
				t.Fatalf("VLAN %d, frame %d: payload read at %p, written from %p", vid, i, fwd.at[i], port.at[i])
			}
		}
	}
}
