package engine

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// bare is a worker on the test's own thread, which looks for work when told to.
type bare struct {
	*worker
	ports []*attachment
}

// newBare makes one with two switches: ports 0 and 2, of the given loop, and local
// ports 1 and 3. Port 0's frames go to 1, which has them enter by 3, from where
// they go to 2; a broadcast is answered by 1.
func newBare(t *testing.T, io string) (*bare, []*pipe) {
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	numbers, nets := vswitch.NewNumbers(), &networks{}
	for range 2 {
		sw := vswitch.New(vswitch.Config{Numbers: numbers})
		nets.all = append(nets.all, sw)
		for range 2 {
			_, err := sw.AddPort(vswitch.PortConfig{})
			must(t, err)
		}
	}
	e := newEngine(withDefaults(Config{Forwarder: nets}))
	e.setLoop(io)
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	must(t, err)
	w := &bare{worker: &worker{e: e, wake: wake}}
	must(t, w.open())
	e.workers = []*worker{w.worker}
	t.Cleanup(func() {
		must(t, w.loop.close())
		must(t, w.slab.Close())
		unix.Close(wake)
	})
	const a, gwA, b, gwB frame.MAC = 0x020000000001, 0x020000000002, 0x020000000003, 0x020000000004
	for id, mac := range []frame.MAC{a, gwA, b, gwB} {
		must(t, nets.all[id/2].AddStatic(mac, 1, frame.PortID(id)))
	}
	across := route(&gateway{id: 3, mac: gwB}, b)
	gate := &service{mtu: 65536, serve: func(x *Exchange, run []*frame.Frame) {
		if run[0].Dst == frame.Broadcast {
			echo(x, run)
		} else {
			across(x, run)
		}
	}}
	pipes := []*pipe{newPipe(t), nil, newPipe(t), nil}
	locals := []Local{nil, gate, nil, &service{sink, 65536}}
	for id := range frame.PortID(4) {
		at := &attachment{id: id, mtu: 65536, local: locals[id], fd: -1, owner: w.worker, ledger: make([]frame.Ledger, 1)}
		if p := pipes[id]; p != nil {
			at.port, at.fd = p, p.FD()
			must(t, w.loop.add(at))
		}
		e.table.Store(e.table.Load().with(id, at))
		w.ports = append(w.ports, at)
	}
	return w, pipes
}

// until looks for work until a port has sent n frames more than before.
func (w *bare) until(port int, n uint64) {
	for l := &w.ports[port].ledger[0]; l.TxFrames.Load() < n; {
		w.loop.wait(false)
	}
}

// TestLocalDoesNotAllocate: neither a frame that crosses two networks, small or
// large, nor a reply, nor an injected frame.
func TestLocalDoesNotAllocate(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		w, pipes := newBare(t, io)
		const a, gwA, b frame.MAC = 0x020000000001, 0x020000000002, 0x020000000003
		plain := make([]byte, frame.VnetLen)
		small := append(plain[:frame.VnetLen:frame.VnetLen], eth(gwA, a, make([]byte, 60))...)
		asked := append(plain[:frame.VnetLen:frame.VnetLen], eth(frame.Broadcast, a, make([]byte, 60))...)
		vnet, large := super(gwA, a, 40000, 1460)
		large = append(vnet, large...)
		injected := eth(a, gwA, make([]byte, 60))
		sent := [3]uint64{}
		cross := func(msg []byte, from, to, n int) func() {
			return func() {
				for range n {
					pipes[from].send(msg)
				}
				sent[to] += uint64(n)
				w.until(to, sent[to])
				for range n {
					pipes[to].recv()
				}
			}
		}
		for name, round := range map[string]func(){
			"crossing":             cross(small, 0, 2, 20),
			"crossing super-frame": cross(large, 0, 2, 1),
			"reply":                cross(asked, 0, 0, 20),
			"inject": func() {
				for range 20 {
					must(t, w.e.Inject(1, injected))
				}
				sent[0] += 20
				w.until(0, sent[0])
				for range 20 {
					pipes[0].recv()
				}
			},
		} {
			round() // the first one makes room
			if got := testing.AllocsPerRun(200, round); got != 0 {
				t.Errorf("%s: %v allocations a round", name, got)
			}
		}
		w.loop.settle()
		unheld(t, w.worker)
		if copied := w.ports[1].ledger[0].CopiedBytes.Load(); copied != 202*20*uint64(len(injected)) {
			t.Errorf("%d bytes copied", copied)
		}
	})
}

// TestLocalPayloadStays: what a re-entered frame is written from lies where it was
// read.
func TestLocalPayloadStays(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		w, pipes := newBare(t, io)
		var at []unsafe.Pointer
		nets := w.e.cfg.Forwarder
		w.e.cfg.Forwarder = forwarderFunc(func(worker int, b *frame.Batch) {
			nets.Forward(worker, b)
			for i := range b.Live() {
				at = append(at, payloadOf(&b.Frames[i]))
			}
		})
		vnet, large := super(0x020000000002, 0x020000000001, 40000, 1460)
		large = append(vnet, large...)
		for i := range 50 {
			pipes[0].send(large)
			w.until(2, uint64(i)+1)
			pipes[2].recv()
		}
		if len(at) != 100 {
			t.Fatalf("%d frames forwarded", len(at))
		}
		for i := 0; i < len(at); i += 2 {
			if at[i] != at[i+1] {
				t.Fatalf("frame %d: payload read at %p, re-entered at %p", i/2, at[i], at[i+1])
			}
		}
	})
}

// forwarderFunc is a forwarder made of a function.
type forwarderFunc func(worker int, b *frame.Batch)

func (f forwarderFunc) Forward(worker int, b *frame.Batch) { f(worker, b) }
