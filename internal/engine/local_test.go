package engine

import (
	"bytes"
	"slices"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	vswitch "vswitch/switch"
)

// routed is two networks on one engine, each with a station and a gateway that
// sends everything on to the other network's station.
type routed struct {
	left, right *rig
	a, b        *station
	gwA, gwB    *gateway
}

func newRouted(t *testing.T, io string, workers int, portA, portB vswitch.PortConfig) *routed {
	nets := newNetworks(t, io, workers, 2)
	n := &routed{left: nets[0], right: nets[1]}
	n.a, n.b = n.left.plug(portA), n.right.plug(portB)
	n.gwA = n.left.door(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: vlanOf(portA)}})
	n.gwB = n.right.door(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: vlanOf(portB)}})
	n.gwA.attach(65536, route(n.gwB, n.b.mac))
	n.gwB.attach(65536, route(n.gwA, n.a.mac))
	must(t, n.left.sw.AddStatic(n.a.mac, vlanOf(portA), n.a.id))
	must(t, n.right.sw.AddStatic(n.b.mac, vlanOf(portB), n.b.id))
	return n
}

// TestLocalRoutes: frames cross from one switch to another by their gateways, in
// both directions, in order, far more than there are slots.
func TestLocalRoutes(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		n := newRouted(t, io, 2, vswitch.PortConfig{}, vswitch.PortConfig{})
		const window, rounds = 50, 120
		for round := range uint32(rounds) {
			for i := range uint32(window) {
				must(t, n.a.Send(eth(n.gwA.mac, n.a.mac, numbered(round*window+i, 60))))
				must(t, n.b.Send(eth(n.gwB.mac, n.b.mac, numbered(round*window+i, 60))))
			}
			for i := range uint32(window) {
				want := eth(n.b.mac, n.gwB.mac, numbered(round*window+i, 60))
				if got := n.b.recv(); !bytes.Equal(got, want) {
					t.Fatalf("to b: got %x, want %x", got, want)
				}
				want = eth(n.a.mac, n.gwA.mac, numbered(round*window+i, 60))
				if got := n.a.recv(); !bytes.Equal(got, want) {
					t.Fatalf("to a: got %x, want %x", got, want)
				}
			}
		}
		const frames = 2 * window * rounds
		ended(t, n.left.rest(2*frames), map[frame.Reason]uint64{frame.Consumed: frames})
		p := n.gwA.totals()
		if p.RxFrames != frames/2 || p.TxFrames != 0 || p.Ends[frame.Consumed] != frames/2 {
			t.Errorf("the gateway: %+v", p)
		}
	})
}

// TestLocalKeepsSuperFrames: 64 KiB cross two networks in one piece, with virtio
// header and payload as they were, and into a tagged port as well.
func TestLocalKeepsSuperFrames(t *testing.T) {
	trunk := vswitch.PortConfig{VLAN: vswitch.VLANConfig{Trunk: []uint16{10}}}
	loops(t, func(t *testing.T, io string) {
		n := newRouted(t, io, 1, vswitch.PortConfig{}, trunk)
		vnet, sent := super(n.gwA.mac, n.a.mac, maxPayload, 1460)
		_, routed := super(n.b.mac, n.gwB.mac, maxPayload, 1460)
		want := slices.Concat(routed[:12], []byte{0x81, 0, 0, 10}, routed[12:])
		wantVnet := slices.Clone(vnet)
		h := offload.Vnet(wantVnet)
		h.SetCsumStart(h.CsumStart() + frame.TagLen)
		h.SetHdrLen(h.HdrLen() + frame.TagLen)
		const rounds = 100
		for i := range rounds {
			must(t, n.a.SendVnet(vnet, sent))
			gotVnet, got, err := n.b.Recv(patience)
			must(t, err)
			if !bytes.Equal(got, want) || !bytes.Equal(gotVnet, wantVnet) {
				t.Fatalf("super-frame %d changed: %d bytes, virtio header %x", i, len(got), gotVnet)
			}
		}
		n.left.rest(2 * rounds)
	})
}

// TestLocalReplies: to a frame for it alone and to one that was flooded, which the
// others get unchanged.
func TestLocalReplies(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		gw := r.local(vswitch.PortConfig{}, echo)
		const rounds, window = 250, 40
		for round := range uint32(rounds) {
			dst := gw.mac
			if round%2 == 1 {
				dst = frame.Broadcast
			}
			for i := range uint32(window) {
				must(t, a.Send(eth(dst, a.mac, numbered(i, 60))))
			}
			for i := range uint32(window) {
				want := eth(a.mac, 0x02000000ffff, numbered(i, 60))
				if got := a.recv(); !bytes.Equal(got, want) {
					t.Fatalf("reply %d: got %x, want %x", i, got, want)
				}
				if want = eth(dst, a.mac, numbered(i, 60)); dst == frame.Broadcast && !bytes.Equal(b.recv(), want) {
					t.Fatal("the flooded frame was changed")
				}
			}
		}
		const frames = window * rounds
		totals := r.rest(2 * frames)
		ended(t, totals, map[frame.Reason]uint64{frame.Consumed: frames})
		if totals.Copies != frames/2 {
			t.Errorf("%d copies", totals.Copies)
		}
	})
}

// TestOwned: the bytes are the port's alone only where nobody else is sent them.
func TestOwned(t *testing.T) {
	const in, local, other = 0, 1, 2
	for _, c := range []struct {
		out  fixed
		want bool
	}{
		{fixed{{Port: local}}, true},
		{fixed{{Port: in}, {Port: local}}, true},
		{fixed{{Port: local}, {Port: in}}, true},
		{fixed{{Port: local}, {Port: other}}, false},
		{fixed{{Port: other}, {Port: local}}, false},
		{fixed{{Port: in}, {Port: local}, {Port: other}}, false},
	} {
		r := newRig(t, Epoll, func(cfg *Config) { cfg.Forwarder = c.out })
		a := r.plug(vswitch.PortConfig{})
		owned := make(chan bool, 1)
		r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			if x.From() != in || x.Worker() != 0 || x.Now() == 0 || len(run) != 1 {
				t.Errorf("from %d on worker %d at %d: %d frames", x.From(), x.Worker(), x.Now(), len(run))
			}
			owned <- x.Owned(run[0])
			sink(x, run)
		})
		r.plug(vswitch.PortConfig{})
		must(t, a.Send(eth(2, a.mac, nil)))
		if got := <-owned; got != c.want {
			t.Errorf("%v: owned: %v", c.out, got)
		}
	}
}

// TestServeIsCalledOnceARun: what came together is served together, in order.
func TestServeIsCalledOnceARun(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		calls, frames := 0, uint32(0)
		gw := r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			calls++
			for _, f := range run {
				if got := number(f.Bytes()); got != frames {
					t.Errorf("frame %d came as number %d", frames, got)
				}
				frames++
			}
			sink(x, run)
		})
		const n = 20
		onWorker(t, r.e, r.e.workers[0], func() { // it reads nothing meanwhile
			for i := range uint32(n) {
				must(t, a.Send(eth(gw.mac, a.mac, numbered(i, 60))))
			}
		})
		r.rest(n)
		onWorker(t, r.e, r.e.workers[0], func() {
			if frames != n || calls > 2 {
				t.Errorf("%d frames in %d calls", frames, calls)
			}
		})
	})
}

// TestLocalForm: a local port gets its frames in its own VLAN form, whatever others
// get, and up to its MTU.
func TestLocalForm(t *testing.T) {
	access := vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 10}}
	trunk := vswitch.PortConfig{VLAN: vswitch.VLANConfig{Trunk: []uint16{10}}}
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a, before := r.plug(access), r.plug(trunk)
		got := make(chan []byte, 10)
		keep := func(x *Exchange, run []*frame.Frame) {
			for _, f := range run {
				got <- slices.Clone(f.Bytes())
			}
			sink(x, run)
		}
		gw, tagged := r.door(access), r.door(trunk)
		gw.attach(1500, keep)
		tagged.attach(1500, keep)
		after := r.plug(access)
		plain := eth(frame.Broadcast, a.mac, numbered(1, 60))
		tag := eth(frame.Broadcast, a.mac, numbered(1, 60), frame.VLANFields{TCI: 10})
		must(t, a.Send(plain))
		for _, c := range []struct {
			who       string
			got, want []byte
		}{
			{"trunk", before.recv(), tag}, {"local", <-got, plain},
			{"local trunk", <-got, tag}, {"access", after.recv(), plain},
		} {
			if !bytes.Equal(c.got, c.want) {
				t.Errorf("%s: got %x, want %x", c.who, c.got, c.want)
			}
		}
		must(t, a.Send(eth(gw.mac, a.mac, make([]byte, 1501))))
		must(t, a.Send(eth(tagged.mac, a.mac, make([]byte, 1500))))
		ended(t, r.rest(3), map[frame.Reason]uint64{frame.Consumed: 3, frame.DropMTU: 1})
		if gw.totals().Ends[frame.DropMTU] != 1 {
			t.Error("the drop is not booked on the egress port")
		}
	})
}
