package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	vswitch "vswitch/switch"
)

// TestMalformed: every kind of bad frame ends with its reason and nothing comes
// out; the port that sent it goes on.
func TestMalformed(t *testing.T) {
	const dst, src = frame.Broadcast, frame.MAC(0x020000000001)
	edited := func(payload, mss int, edit func(offload.Vnet)) []byte {
		vnet, b := super(dst, src, payload, mss)
		edit(vnet)
		return append(vnet, b...)
	}
	plain := func(b []byte) []byte { return append(make([]byte, frame.VnetLen), b...) }
	cases := []struct {
		name  string
		bytes []byte // virtio header and frame
		want  frame.Reason
	}{
		{"one byte", []byte{1}, frame.DropRunt},
		{"half a virtio header", make([]byte, 5), frame.DropRunt},
		{"nothing but a virtio header", make([]byte, frame.VnetLen), frame.DropRunt},
		{"13 bytes", plain(make([]byte, 13)), frame.DropRunt},
		{"longer than a super-frame", plain(eth(dst, src, make([]byte, 66000))), frame.DropOversize},
		{"longer than a slot", plain(eth(dst, src, make([]byte, 100_000))), frame.DropOversize},
		{"a third tag", plain(eth(dst, src, nil, frame.VLANFields{TCI: 1}, frame.VLANFields{TCI: 2}, frame.VLANFields{TCI: 3})), frame.DropTags},
		{"IPv4 cut off", plain(append(eth(dst, src, nil)[:12], 8, 0, 0x45)), frame.DropIPv4},
		{"from a group", plain(eth(dst, frame.Broadcast, make([]byte, 46))), frame.DropSourceGroup},
		{"unknown flags", edited(100, 0, func(h offload.Vnet) { h.SetFlags(0xfc) }), frame.DropVnet},
		{"unknown GSO type", edited(9000, 1460, func(h offload.Vnet) { h.SetGSOType(77) }), frame.DropVnet},
		{"GSO of size 0", edited(9000, 1460, func(h offload.Vnet) { h.SetGSOSize(0) }), frame.DropVnet},
		{"GSO for IPv6", edited(9000, 1460, func(h offload.Vnet) { h.SetGSOType(offload.GSOTCP6) }), frame.DropVnet},
		{"checksum behind the end", edited(100, 0, func(h offload.Vnet) { h.SetCsumStart(0xfff0) }), frame.DropVnet},
		{"header longer than the frame", edited(100, 0, func(h offload.Vnet) { h.SetHdrLen(0xffff) }), frame.DropVnet},
	}
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		bad, a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		a.hello(bad, b)
		b.hello(bad, a)
		n := uint64(2)
		r.rest(n)
		for _, c := range cases {
			before := r.e.Totals()
			must(t, bad.SendVnet(nil, c.bytes))
			n++
			after := r.rest(n)
			if after.Ends[c.want] != before.Ends[c.want]+1 || after.TxFrames != before.TxFrames {
				t.Errorf("%s: did not end with %v: %v", c.name, c.want, after.Ends)
			}
		}
		want := eth(a.mac, bad.mac, numbered(1, 80))
		must(t, bad.Send(want))
		if got := a.recv(); !bytes.Equal(got, want) {
			t.Errorf("a good frame after the bad ones: %x", got)
		}
	})
}

// garbage makes bytes that are wrong in a new way each time: at random, or a good
// frame with some bytes changed or cut off.
func garbage(r *rand.Rand) []byte {
	vnet, b := super(frame.Broadcast, 0x020000000009, r.IntN(3000), r.IntN(2)*1460)
	b = append(vnet, b...)
	if r.IntN(3) == 0 {
		b = make([]byte, 1+r.IntN(2000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	}
	for range r.IntN(8) {
		b[r.IntN(min(len(b), 80))] = byte(r.Uint32())
	}
	return b[:1+r.IntN(len(b))]
}

// TestGarbageStallsNobody: while one port sends garbage, the traffic of two others
// loses nothing, and every byte of garbage is accounted for.
func TestGarbageStallsNobody(t *testing.T) {
	loops(t, func(t *testing.T, io string) {
		r := newRig(t, io, nil)
		bad := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 9}})
		sink := r.plug(vswitch.PortConfig{VLAN: vswitch.VLANConfig{Access: 9}})
		a, b := r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})
		a.hello(b)
		b.hello(a)
		const rounds, burst = 100, 40
		done := make(chan error, 1)
		go func() {
			rnd := rand.New(rand.NewPCG(1, 2))
			for range rounds * burst {
				if err := bad.SendVnet(nil, garbage(rnd)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for i := range uint32(rounds) {
			for k := range uint32(burst) {
				must(t, a.Send(eth(b.mac, a.mac, numbered(i*burst+k, 60))))
			}
			for k := range uint32(burst) {
				if got := number(b.recv()); got != i*burst+k {
					t.Fatalf("frame %d came as %d", got, i*burst+k)
				}
			}
		}
		must(t, <-done)
		r.rest(2 + 2*rounds*burst)
		if p, _ := r.e.PortTotals(b.id); p.Dropped() != 0 {
			t.Errorf("drops on the way to b: %v", p.Ends)
		}
		_ = sink // never reads: its queue is full and stays so
	})
}

// FuzzEngineFrame: whatever bytes come in at one port, the engine accounts for them
// and goes on; what it lets through unchanged in form is unchanged in bytes.
func FuzzEngineFrame(f *testing.F) {
	vnet, b := super(frame.Broadcast, 0x020000000001, 3000, 1460)
	f.Add(append(vnet, b...))
	f.Add(append(make([]byte, frame.VnetLen), eth(frame.Broadcast, 0x020000000001, make([]byte, 50))...))
	f.Add(append(make([]byte, frame.VnetLen), eth(frame.Broadcast, 0x020000000001, make([]byte, 50), frame.VLANFields{TCI: 5})...))
	f.Add([]byte{0})
	type bench struct {
		r       *rig
		in, out *station
	}
	var benches []*bench
	for _, io := range []string{Epoll, Uring} {
		if io == Uring && SelfTest() != nil {
			f.Log("NEEDS-URING:", SelfTest())
			continue
		}
		r := newRig(f, io, func(c *Config) { c.Forwarder = fixed{{Port: 1}} })
		benches = append(benches, &bench{r, r.plug(vswitch.PortConfig{}), r.plug(vswitch.PortConfig{})})
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return // on a socket that is the end of the stream; a TAP has no such thing
		}
		for _, b := range benches {
			b.r.t = t
			before := b.r.e.Totals()
			must(t, b.in.SendVnet(nil, in))
			after := b.r.rest(before.RxFrames + 1)
			if after.TxFrames == before.TxFrames {
				continue
			}
			vnet, out, err := b.out.Recv(patience)
			must(t, err)
			tagged := len(in) > frame.VnetLen+14 && in[frame.VnetLen+12] >= 0x81 // may have lost its tag
			if got := append(vnet[:frame.VnetLen:frame.VnetLen], out...); !tagged && !bytes.Equal(got, in) {
				t.Fatalf("%s: %x came out as %x", b.r.e.loop, in, got)
			}
		}
	})
}
