package nat

import (
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// FuzzTable gives a table any packets in any order, with control in between: nothing
// panics, nothing is written beyond the packet, and the books stay right. The input is a
// row of steps: an operation, a length in two bytes, the bytes of a frame.
func FuzzTable(f *testing.F) {
	for _, seed := range fuzzSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newRig(t, personality(Personality(len(in)%int(personalities))), limits(20, 12), ports(5000, 5015))
		must(t, r.t.SetForwards([]Forward{forward(frame.ProtoUDP, "", 53, a), forward(frame.ProtoTCP, outer4, 5003, b)}))
		for len(in) > 3 {
			what, n := in[0], int(in[1])<<8|int(in[2])
			n = min(n, len(in)-3)
			fuzzStep(r, what, in[3:3+n])
			in = in[3+n:]
		}
		r.t.check(t)
		if c := r.t.Counts(); len(r.t.Flows()) != c.Flows || len(r.t.Mappings()) < c.Mappings {
			t.Errorf("listed %d flows, %d mappings: %+v", len(r.t.Flows()), len(r.t.Mappings()), c)
		}
		r.now += int64(3 * r.t.c.Timeouts.Established)
		r.t.Expire(r.now)
		if c := r.t.Counts(); c.Flows != 0 || c.Mappings != 2 || c.Datagrams != 0 || c.Kept != 0 {
			t.Errorf("at the end: %+v", c)
		}
		r.t.check(t)
	})
}

// fuzzStep carries out one step.
func fuzzStep(r *rig, what byte, in []byte) {
	switch what % 16 {
	case 3:
		r.now += int64(what) * second
		r.t.Expire(r.now)
		return
	case 4:
		r.t.DropInside(a.Addr())
		return
	case 5:
		must(r, r.t.SetForwards([]Forward{forward(frame.ProtoUDP, "", 53, a), forward(frame.ProtoTCP, outer4, 5000+uint16(what%8), b)}))
		return
	}
	f := &frame.Frame{Buf: make([]byte, frame.Headroom+len(in)), Off: frame.Headroom, Len: len(in)}
	copy(f.Bytes(), in)
	if what >= 0xf0 && len(in) > frame.VnetLen { // a virtio header, too
		copy(f.Vnet(), in[len(in)-frame.VnetLen:])
	}
	if f.Parse() != frame.Accepted || offload.Check(f) != frame.Accepted {
		return
	}
	before := f.Info
	reason := r.t.do(op(what%16%3), r.now, f)
	if reason >= frame.Reasons {
		r.Fatalf("reason %d", reason)
	}
	if reason != frame.Accepted {
		return
	}
	if got := f.Parse(); got != frame.Accepted || f.Info != before || offload.Check(f) != frame.Accepted {
		r.Errorf("after translation: %v, %+v was %+v", got, f.Info, before)
	}
	r.t.Released(func(b []byte, _ bool) {
		if got := frame.Parse(b, new(frame.Info)); got != frame.Accepted {
			r.Errorf("a released fragment: %v", got)
		}
	})
}

// fuzzSeeds makes conversations to begin with.
func fuzzSeeds(f *testing.F) (seeds [][]byte) {
	add := func(all ...[]byte) {
		var seed []byte
		for i := 0; i+1 < len(all); i += 2 {
			b := all[i+1]
			seed = append(append(seed, all[i][0], byte(len(b)>>8), byte(len(b))), b...)
		}
		seeds = append(seeds, seed)
	}
	o, i, h, v := []byte{0}, []byte{1}, []byte{2}, []byte{0xf0}
	add(o, udp(a, x), i, udp(x, at(outer4, 5000)), h, udp(b, at(outer4, 5000)), i, udp(y, at(outer4, 53)), []byte{3}, nil)
	add(o, tcp(a, x, synFlag), i, tcp(x, at(outer4, 5000), synFlag|ackFlag), o, tcp(a, x, ackFlag), i, tcp(y, at(outer4, 5003), synFlag),
		o, tcp(a, x, finFlag|ackFlag), i, tcp(x, at(outer4, 5000), finFlag|ackFlag), o, tcp(a, x, rstFlag), []byte{5}, nil)
	add(o, udp(a, x), i, complain(hostX, udp(at(outer4, 5000), x), 3, 4, 500), []byte{4}, nil)
	a6, x6 := at(hostA6, 5000), at(hostX6, 80)
	add(o, udp(a6, x6), i, complain(hostX6, udp(at(outer6, 5000), x6), 1, 0, 500), o, extend(tcp(a6, x6, synFlag), extDstOpts, 1, 4))
	add(o, echo(hostA, hostX, 5000, true), i, echo(hostX, outer4, 5000, false), o, echo(hostA6, hostX6, 5001, true))
	add(o, ipPacket(hostA, hostX, protoSCTP, make([]byte, 12)...), i, ipPacket(hostX, outer4, protoSCTP, make([]byte, 12)...), v, ipPacket(hostA6, hostX6, 47, 1))
	p4, p6 := split(f, udp(a, x, make([]byte, 100)...), 40), split(f, udp(a6, x6, make([]byte, 100)...), 40)
	add(o, p4[2], o, p4[0], o, p4[1], h, p4[1], o, p6[1], o, p6[0], o, p6[2])
	return seeds
}
