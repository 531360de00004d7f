package engine

import (
	"bytes"
	"testing"

	"vswitch/internal/frame"
	vswitch "vswitch/switch"
)

// TestHopsAreBounded: two gateways that send each other what they get do not keep
// the worker; neither do two services that answer each other.
func TestHopsAreBounded(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		nets := newNetworks(t, io, 1, 2)
		a, b := nets[0].plug(vswitch.PortConfig{}), nets[0].plug(vswitch.PortConfig{})
		gwA, farA := nets[0].door(vswitch.PortConfig{}), nets[0].door(vswitch.PortConfig{})
		gwB, farB := nets[1].door(vswitch.PortConfig{}), nets[1].door(vswitch.PortConfig{})
		// What enters by a gateway leaves by the other one of its switch.
		gwA.attach(1500, route(gwB, farB.mac))
		farA.attach(1500, route(farB, gwB.mac))
		gwB.attach(1500, route(gwA, farA.mac))
		farB.attach(1500, route(farA, gwA.mac))
		for range 3 {
			must(t, a.Send(eth(gwA.mac, a.mac, make([]byte, 60))))
		}
		totals := nets[0].rest(3 * (1 + maxHops + 1))
		ended(t, totals, map[frame.Reason]uint64{frame.Consumed: 3 * (maxHops + 1), frame.DropTTL: 3})
		must(t, a.Send(eth(b.mac, a.mac, numbered(7, 60))))
		if got := number(b.recv()); got != 7 { // flooded: the gateways do not own it
			t.Errorf("a frame between two stations came as %d", got)
		}
	})
}

func TestAnswersToAnswersAreBounded(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		shout := func(src frame.MAC) func(*Exchange, []*frame.Frame) {
			return func(x *Exchange, run []*frame.Frame) {
				for range run {
					frame.EthernetFields{Dst: frame.Broadcast, Src: src, EtherType: typeTest}.Encode(x.Reply(60))
				}
				sink(x, run)
			}
		}
		r.local(vswitch.PortConfig{}, shout(0x02000000aa01))
		r.local(vswitch.PortConfig{}, shout(0x02000000aa02))
		must(t, a.Send(eth(frame.Broadcast, a.mac, make([]byte, 60))))
		for range 2 * maxHops { // a hears each answer
			a.recv()
		}
		totals := r.rest(1 + 2*(maxHops+1))
		ended(t, totals, map[frame.Reason]uint64{frame.Consumed: 2 * (maxHops + 1), frame.DropTTL: 2})
		a.silent()
	})
}

// TestReplySlots: a frame may be answered as often as there are slots, with frames
// of any length; then there is nothing more, until these are sent.
func TestReplySlots(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		must(t, r.sw.AddStatic(a.mac, 1, a.id))
		gw := r.door(vswitch.PortConfig{})
		gw.attach(65536, func(x *Exchange, run []*frame.Frame) {
			if x.Reply(-1) != nil || x.Reply(frame.MaxFrame+1) != nil {
				t.Error("a frame of a length that there is none of")
			}
			n := uint32(0)
			for b := x.Reply(100); b != nil; b = x.Reply(100) {
				if !bytes.Equal(b, make([]byte, 100)) || cap(b) != 100 {
					t.Errorf("reply %d is not 100 zero bytes: %x", n, b)
				}
				copy(b, eth(a.mac, gw.mac, numbered(n, 86)))
				n++
			}
			if n != replySlots {
				t.Errorf("%d replies, want %d", n, replySlots)
			}
			sink(x, run)
		})
		const rounds = 30
		for range rounds {
			must(t, a.Send(eth(gw.mac, a.mac, nil)))
			for i := range uint32(replySlots) {
				if got := number(a.recv()); got != i {
					t.Fatalf("reply %d came as number %d", i, got)
				}
			}
		}
		r.rest(rounds * (1 + replySlots))
	})
}

// TestReplySettles: slots that the writes of an earlier batch hold are waited for.
func TestReplySettles(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		gw := r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			for i := range run {
				echo(x, run[i:i+1])
				if again := x.Reply(60); again != nil {
					copy(again, eth(run[i].Src, 2, nil))
				}
			}
		})
		const n, rounds = replySlots / 2, 20
		for range rounds {
			onWorker(t, r.e, r.e.workers[0], func() { // it finds both at once
				for range n {
					must(t, a.Send(eth(gw.mac, a.mac, make([]byte, 60))))
					must(t, b.Send(eth(gw.mac, b.mac, make([]byte, 60))))
				}
			})
			for range 2 * n {
				a.recv()
				b.recv()
			}
		}
		ended(t, r.rest(6*n*rounds), map[frame.Reason]uint64{frame.Consumed: 2 * n * rounds})
	})
}

// TestReplySuperFrame: a large reply goes out whole, with its virtio header.
func TestReplySuperFrame(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a := r.plug(vswitch.PortConfig{})
		wantVnet, want := super(a.mac, 0x02000000ff99, maxPayload, 1460)
		gw := r.local(vswitch.PortConfig{}, func(x *Exchange, run []*frame.Frame) {
			for range run {
				vnet, b := x.ReplyVnet(len(want))
				if !bytes.Equal(vnet, make([]byte, frame.VnetLen)) {
					t.Errorf("a virtio header of %x", vnet)
				}
				copy(vnet, wantVnet)
				copy(b, want)
			}
			sink(x, run)
		})
		const rounds = 70
		for range rounds {
			must(t, a.Send(eth(gw.mac, a.mac, nil)))
			gotVnet, got, err := a.Recv(patience)
			must(t, err)
			if !bytes.Equal(gotVnet, wantVnet) || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, virtio header %x", len(got), gotVnet)
			}
		}
		r.rest(2 * rounds)
	})
}

// TestReenterNowhere: what cannot enter ends where it was, accounted for.
func TestReenterNowhere(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		to := make(chan frame.PortID, 3)
		gw := r.door(vswitch.PortConfig{})
		gw.attach(65536, func(x *Exchange, run []*frame.Frame) {
			for _, f := range run {
				x.Reenter(f, <-to)
			}
		})
		for _, id := range []frame.PortID{b.id, 900, frame.NoPort} { // not local; none
			to <- id
			must(t, a.Send(eth(gw.mac, a.mac, nil)))
		}
		to <- gw.id
		must(t, a.Send(eth(frame.Broadcast, a.mac, nil))) // b has it too
		b.recv()
		ended(t, r.rest(4), map[frame.Reason]uint64{frame.DropPortGone: 3, frame.DropNoEgress: 1})
		b.silent()
	})
}

// TestReenteredIsParsedAgain: with what was made of it, a malformed frame too.
func TestReenteredIsParsedAgain(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newNetworks(t, io, 1, 1)[0]
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		gw := r.door(vswitch.PortConfig{})
		gw.attach(65536, func(x *Exchange, run []*frame.Frame) {
			for _, f := range run {
				switch number(f.Bytes()) {
				case 1: // an outer header goes
					f.Off, f.Len = f.Off+20, f.Len-20
					clear(f.Vnet())
					frame.EthernetFields{Dst: b.mac, Src: gw.mac, EtherType: typeTest}.Encode(f.Bytes())
				case 2:
					f.Len = 13
				case 3:
					f.Vnet()[1] = 77
				}
				x.Reenter(f, gw.id)
			}
		})
		must(t, r.sw.AddStatic(b.mac, 1, b.id))
		for i := range uint32(3) {
			must(t, a.Send(eth(gw.mac, a.mac, numbered(i+1, 80))))
		}
		payload := numbered(1, 80)[20:]
		if got, want := b.recv(), eth(b.mac, gw.mac, payload); !bytes.Equal(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
		ended(t, r.rest(6), map[frame.Reason]uint64{frame.Consumed: 3, frame.DropRunt: 1, frame.DropVnet: 1})
	})
}
