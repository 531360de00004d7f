package offload

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"vswitch/internal/frame"
)

// stream is a flow of TCP segments of 1000 bytes with finished checksums; edits
// change the packets before their checksums are written.
func stream(t testing.TB, base spec, n int, edit func(i int, s *spec)) []*frame.Frame {
	frames := make([]*frame.Frame, n)
	base.finished = true
	if base.payload == 0 {
		base.payload = 1000
	}
	for i := range frames {
		s := base
		s.seq, s.id, s.seed = uint32(i*1000), uint16(i), uint64(i)
		if edit != nil {
			edit(i, &s)
		}
		frames[i] = s.build(t)
	}
	return frames
}

// reseal makes the checksums of an edited frame right again.
func reseal(f *frame.Frame) {
	off := int(csumOffset(f.Proto))
	if f.Flags&frame.FlagIPv4 != 0 {
		f.IPv4().FillChecksum()
	}
	tr := transport(f)
	be.PutUint16(tr[off:], 0)
	be.PutUint16(tr[off:], nonZero(^naiveSum(tr, uint32(naivePseudo(f)))))
}

// shape tells which frames went into which output, by counts.
func shape(c *Coalescer, frames ...*frame.Frame) []int {
	c.Reset()
	for _, f := range frames {
		c.Add(f)
	}
	var counts []int
	for _, o := range c.Outputs() {
		counts = append(counts, o.Frames)
	}
	return counts
}

// TestCoalesceRules: what is merged and what is not, for five segments of a flow
// of which one was changed.
func TestCoalesceRules(t *testing.T) {
	third := func(edit func(s *spec)) func(int, *spec) {
		return func(i int, s *spec) {
			if i == 2 {
				edit(s)
			}
		}
	}
	raw := func(i int, edit func(f *frame.Frame)) func([]*frame.Frame) {
		return func(fs []*frame.Frame) { edit(fs[i]); reseal(fs[i]) }
	}
	v6, udp := spec{v6: true}, spec{udp: true}
	tests := []struct {
		name string
		base spec
		edit func(int, *spec)
		raw  func([]*frame.Frame)
		want []int
	}{
		{"all", spec{}, nil, nil, []int{5}},
		{"all v6", v6, nil, nil, []int{5}},
		{"all udp", udp, nil, nil, []int{5}},
		{"all with options", spec{tcpOpts: optTimestamps, ipOpts: optRouterAlrt, tags: []uint16{7}}, nil, nil, []int{5}},
		{"lost segment", spec{}, func(i int, s *spec) { s.seq += uint32(i/2) * 1000 }, nil, []int{2, 2, 1}},
		{"shorter closes", spec{}, func(i int, s *spec) { s.payload -= i / 2; s.seq -= uint32(max(i-2, 0)) }, nil, []int{3, 2}},
		{"longer is another", spec{}, third(func(s *spec) { s.payload = 1001 }), nil, []int{2, 1, 2}},
		{"PSH closes", spec{}, third(func(s *spec) { s.flags = frame.TCPPsh }), nil, []int{3, 2}},
		{"FIN closes", spec{}, third(func(s *spec) { s.flags = frame.TCPFin }), nil, []int{3, 2}},
		{"PSH first", spec{}, func(i int, s *spec) { s.flags = frame.TCPPsh }, nil, []int{1, 1, 1, 1, 1}},
		{"SYN alone", spec{}, third(func(s *spec) { s.flags = frame.TCPSyn }), nil, []int{2, 1, 2}},
		{"RST alone", spec{}, third(func(s *spec) { s.flags = frame.TCPRst }), nil, []int{2, 1, 2}},
		{"URG alone", spec{}, third(func(s *spec) { s.flags = frame.TCPUrg }), nil, []int{2, 1, 2}},
		{"CWR begins", spec{}, third(func(s *spec) { s.flags = frame.TCPCwr }), nil, []int{2, 3}},
		{"ECE differs", spec{}, third(func(s *spec) { s.flags = frame.TCPEce }), nil, []int{2, 1, 2}},
		{"no ACK", spec{}, nil, raw(2, func(f *frame.Frame) { f.TCP().SetFlags(0) }), []int{2, 1, 2}},
		{"TOS differs", spec{}, third(func(s *spec) { s.tos = 3 }), nil, []int{2, 1, 2}},
		{"class differs", v6, third(func(s *spec) { s.tos = 3 }), nil, []int{2, 1, 2}},
		{"DF differs", spec{}, third(func(s *spec) { s.df = true }), nil, []int{2, 1, 2}},
		{"tag differs", spec{tags: []uint16{7}}, third(func(s *spec) { s.tags = []uint16{0x2007} }), nil, []int{2, 1, 2}},
		{"options differ", spec{tcpOpts: optTimestamps}, third(func(s *spec) { s.tcpOpts = []byte{1, 1, 8, 10, 1, 2, 3, 5, 5, 6, 7, 8} }), nil, []int{2, 1, 2}},
		{"TTL differs", spec{}, nil, raw(2, func(f *frame.Frame) { f.IPv4().SetTTL(9) }), []int{2, 1, 2}},
		{"hop limit differs", v6, nil, raw(2, func(f *frame.Frame) { f.IPv6().SetHopLimit(9) }), []int{2, 1, 2}},
		{"flow label differs", v6, nil, raw(2, func(f *frame.Frame) { f.IPv6()[3]++ }), []int{2, 1, 2}},
		{"ack differs", spec{}, nil, raw(2, func(f *frame.Frame) { f.TCP().SetAck(1) }), []int{2, 1, 2}},
		{"window differs", spec{}, nil, raw(2, func(f *frame.Frame) { f.TCP().SetWindow(1) }), []int{2, 1, 2}},
		{"MAC differs", spec{}, nil, raw(2, func(f *frame.Frame) { f.Bytes()[11]++ }), []int{2, 1, 2}},
		{"identification jumps", spec{}, third(func(s *spec) { s.id += 7 }), nil, []int{2, 1, 2}},
		{"constant identification", spec{}, func(_ int, s *spec) { s.id = 5 }, nil, []int{1, 1, 1, 1, 1}},
		{"constant, atomic", spec{df: true}, func(_ int, s *spec) { s.id = 0 }, nil, []int{5}},
		{"constant, then counting", spec{df: true}, func(i int, s *spec) { s.id = uint16(max(i-2, 0)) }, nil, []int{3, 2}},
		{"payload damaged", spec{}, nil, func(fs []*frame.Frame) { fs[2].TCP().Payload()[5]++ }, []int{2, 1, 2}},
		{"first damaged", spec{}, nil, func(fs []*frame.Frame) { fs[0].TCP().Payload()[5]++ }, []int{1, 4}},
		{"IP header damaged", spec{}, nil, func(fs []*frame.Frame) { fs[2].IPv4().SetChecksum(1) }, []int{2, 1, 2}},
		{"datagram without checksum", udp, nil, func(fs []*frame.Frame) { fs[2].UDP().SetChecksum(0) }, []int{2, 1, 2}},
		{"datagram empty", udp, third(func(s *spec) { s.payload = 0 }), nil, []int{2, 1, 2}},
		{"pure acknowledgement", spec{}, third(func(s *spec) { s.payload = 0 }), nil, []int{2, 1, 2}},
		{"bad virtio header", spec{}, nil, func(fs []*frame.Frame) { Vnet(fs[2].Vnet()).SetFlags(4) }, []int{2, 1, 2}},
		{"vouched for", spec{}, nil, func(fs []*frame.Frame) { Vnet(fs[2].Vnet()).SetFlags(DataValid) }, []int{5}},
		{"unfinished amid finished", spec{}, third(func(s *spec) { s.finished = false }), nil, []int{5}},
		{"unfinished, other address", spec{}, third(func(s *spec) { s.finished = false }),
			func(fs []*frame.Frame) { fs[2].TCP().SetChecksum(77) }, []int{2, 1, 2}},
		{"super-frame alone", spec{}, third(func(s *spec) { s.finished, s.mss = false, 500 }), nil, []int{2, 1, 2}},
		{"fragment closes", spec{}, nil, func(fs []*frame.Frame) { fs[2].Flags |= frame.FlagFragment }, []int{2, 1, 2}},
	}
	for _, tt := range tests {
		frames := stream(t, tt.base, 5, tt.edit)
		if tt.raw != nil {
			tt.raw(frames)
		}
		c := NewCoalescer(Options{Frames: 16})
		if diff := cmp.Diff(tt.want, shape(c, frames...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestCoalesceLimits(t *testing.T) {
	frames := stream(t, spec{}, 70, nil)
	for _, tt := range []struct {
		opt  Options
		want []int
	}{
		{Options{MaxSlices: 32}, []int{32, 32, 6}},
		{Options{}, []int{64, 6}},
		{Options{MaxSlices: 1000}, []int{65, 5}}, // 65535 bytes
		{Options{MaxSlices: 1}, slicesOf(1, 70)},
		{Options{MaxSlices: 32, Detached: true}, []int{31, 31, 8}},
	} {
		tt.opt.Frames = 100
		if diff := cmp.Diff(tt.want, shape(NewCoalescer(tt.opt), stream(t, spec{}, 70, nil)...)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.opt, diff)
		}
	}
	small := stream(t, spec{udp: true, payload: 10}, 100, nil)
	if diff := cmp.Diff([]int{64, 36}, shape(NewCoalescer(Options{Frames: 100, MaxSlices: 1000}), small...)); diff != "" {
		t.Errorf("datagrams (-want +got):\n%s", diff)
	}
	none := stream(t, spec{udp: true}, 3, nil)
	if diff := cmp.Diff([]int{1, 1, 1}, shape(NewCoalescer(Options{Frames: 100, NoUDP: true}), none...)); diff != "" {
		t.Errorf("NoUDP (-want +got):\n%s", diff)
	}
	c := NewCoalescer(Options{Frames: 2})
	if !c.Add(frames[0]) || !c.Add(frames[1]) || c.Add(frames[2]) {
		t.Error("capacity is not two")
	}
	c.Outputs()
	c.Reset()
	if !c.Add(frames[2]) {
		t.Error("full after Reset")
	}
}

func slicesOf(v, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// TestCoalesceInterleaved: many flows at once, each comes out whole and in order,
// outputs in the order of first frames.
func TestCoalesceInterleaved(t *testing.T) {
	const flows, each = 40, 5
	var frames []*frame.Frame
	for i := range each {
		for fl := range flows {
			s := spec{sport: uint16(fl), udp: fl%3 == 0, v6: fl%2 == 0, payload: 100 + fl, finished: true,
				seq: uint32(i * (100 + fl)), id: uint16(i), seed: uint64(i)}
			frames = append(frames, s.build(t))
		}
	}
	c := NewCoalescer(Options{Frames: len(frames), Seed: 99})
	for round := range 2 { // Reset leaves nothing behind
		if round == 1 {
			frames = frames[flows/2:]
			c.Reset()
		}
		for _, f := range frames {
			c.Add(f)
		}
		outs := c.Outputs()
		if len(outs) != flows {
			t.Fatalf("round %d: %d outputs", round, len(outs))
		}
		for i, o := range outs {
			if o.Frame != frames[i] {
				t.Fatalf("round %d: output %d does not begin with frame %d", round, i, i)
			}
		}
		if round == 0 { // the headers were edited: take new frames
			frames = frames[:0]
			for i := range each {
				for fl := range flows {
					s := spec{sport: uint16(fl), payload: 100, finished: true, seq: uint32(i * 100), id: uint16(i)}
					frames = append(frames, s.build(t))
				}
			}
		}
	}
}

// TestCoalesceFragmentBarrier: frames behind a fragment never join frames before
// it, not even of flows that the fragment does not belong to.
func TestCoalesceFragmentBarrier(t *testing.T) {
	frames := stream(t, spec{}, 4, nil)
	frag := spec{udp: true, finished: true, payload: 100}.build(t)
	frag.Flags |= frame.FlagFragment
	got := shape(NewCoalescer(Options{Frames: 9}), frames[0], frames[1], frag, frames[2], frames[3])
	if diff := cmp.Diff([]int{2, 1, 2}, got); diff != "" {
		t.Error(diff)
	}
}

// TestCoalesceAliases: the first slice is the first slot, the others are the other
// slots' payloads: no byte of payload was copied or changed.
func TestCoalesceAliases(t *testing.T) {
	for _, base := range []spec{{}, {v6: true}, {udp: true}, {tags: []uint16{4}}} {
		frames := stream(t, base, 5, nil)
		head := headersEnd(frames[0]) // before the headers speak of the whole
		c := NewCoalescer(Options{Frames: 9})
		shape(c, frames...)
		out := c.outputs[0]
		for i, f := range frames {
			want := &f.Buf[f.Off-frame.VnetLen]
			if i > 0 {
				want = &f.Bytes()[head]
			}
			if unsafe.Pointer(&out.Slices[i][0]) != unsafe.Pointer(want) {
				t.Errorf("slice %d is elsewhere", i)
			}
			if p := f.Bytes()[head:]; !bytes.Equal(p, randomBytes(1000, uint64(i))) {
				t.Errorf("payload %d changed", i)
			}
		}
	}
}

// TestCoalescePadding: Ethernet padding of any frame stays out of the result.
func TestCoalescePadding(t *testing.T) {
	frames := stream(t, spec{payload: 2}, 3, func(i int, s *spec) { s.seq = uint32(2 * i) })
	for _, f := range frames {
		f.Len = 60
	}
	c := NewCoalescer(Options{Frames: 9})
	if got := shape(c, frames...); len(got) != 1 {
		t.Fatal(got)
	}
	g := adopt(t, flatten(c.outputs[0].Slices...))
	if g.Len != 14+20+20+6 || Check(g) != frame.Accepted {
		t.Errorf("%d bytes: %x", g.Len, g.WithVnet())
	}
	want := flatten(randomBytes(2, 0), randomBytes(2, 1), randomBytes(2, 2))
	if !bytes.Equal(g.TCP().Payload(), want) {
		t.Errorf("payload %x, want %x", g.TCP().Payload(), want)
	}
}

// TestCoalesceDetached: frames back to back in one buffer, the way an overlay
// receives them; nothing around them is read or written.
func TestCoalesceDetached(t *testing.T) {
	for _, carry := range []bool{false, true} {
		buf := bytes.Repeat([]byte{0xff}, 8)
		var offs []int
		frames := stream(t, spec{}, 4, nil)
		want := outputs(t, Options{Carry: carry}, stream(t, spec{}, 4, nil)...)
		for _, f := range frames {
			offs = append(offs, len(buf))
			buf = append(append(buf, f.Bytes()...), bytes.Repeat([]byte{0xff}, 8)...)
		}
		before := bytes.Clone(buf)
		for i, f := range frames {
			f.Buf, f.Off = buf, offs[i]
		}
		got := outputs(t, Options{Carry: carry, Detached: true}, frames...)
		if len(got) != 1 || !bytes.Equal(got[0], want[0]) {
			t.Fatalf("carry %v: differs from frames in slots", carry)
		}
		head := headersEnd(frames[0])
		copy(before[offs[0]:], buf[offs[0]:offs[0]+head])
		if !bytes.Equal(before, buf) {
			t.Errorf("carry %v: more than the first frame's headers changed", carry)
		}
	}
}

// TestCoalesceDetachedSingles: the virtio header of a lone frame is plain, also in
// scratch that was used before.
func TestCoalesceDetachedSingles(t *testing.T) {
	c := NewCoalescer(Options{Frames: 4, Detached: true})
	shape(c, stream(t, spec{}, 3, nil)...)
	shape(c, stream(t, spec{}, 1, nil)...)
	if h := Vnet(c.outputs[0].Slices[0]); !h.Plain() {
		t.Errorf("virtio header %x", []byte(h))
	}
}

// TestCoalesceOrder: for random mixes with losses, repeats and control segments,
// each flow's payload leaves in the order in which it came in, and none is lost.
func TestCoalesceOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for round := range 60 {
		var frames []*frame.Frame
		want := map[string][]byte{}
		for i := range 60 {
			s := spec{sport: uint16(r.IntN(4)), udp: r.IntN(4) == 0, payload: 10 * r.IntN(3), finished: r.IntN(2) == 0,
				seq: uint32(10 * r.IntN(4)), id: uint16(r.IntN(3)), df: true, seed: uint64(i)}
			s.flags = []uint8{0, 0, 0, frame.TCPPsh, frame.TCPSyn, frame.TCPFin}[r.IntN(6)]
			f := s.build(t)
			frames = append(frames, f)
			key := flowName(f)
			want[key] = append(want[key], f.Bytes()[headersEnd(f):]...)
		}
		got := map[string][]byte{}
		for _, b := range outputs(t, Options{Carry: round%2 == 0}, frames...) {
			g := adopt(t, b)
			if Check(g) != frame.Accepted {
				t.Fatalf("output does not pass Check: %x", b)
			}
			got[flowName(g)] = append(got[flowName(g)], g.Bytes()[headersEnd(g):]...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d:\n%s", round, diff)
		}
	}
}

func flowName(f *frame.Frame) string {
	return fmt.Sprintf("%d %x %x", f.Proto, addresses(f), ports(f))
}

func FuzzCoalesce(f *testing.F) {
	for _, s := range fuzzSeeds {
		var in []byte
		for _, b := range segments(f, s.build(f), SumComplete) {
			in = append(be.AppendUint16(in, uint16(len(b))), b...)
		}
		f.Add(in, true)
		f.Add(in, false)
	}
	f.Fuzz(func(t *testing.T, in []byte, carry bool) {
		var frames []*frame.Frame
		for len(in) > 2 && len(frames) < 32 {
			n := min(int(be.Uint16(in)), len(in)-2)
			fr, ok := fuzzFrame(in[2 : 2+n])
			in = in[2+n:]
			if ok && Check(fr) == frame.Accepted {
				frames = append(frames, fr)
			}
		}
		if len(frames) > 0 {
			checkCoalesced(t, frames, carry)
		}
	})
}

// checkCoalesced holds the invariants: every frame leaves once, a lone one
// untouched; a super-frame passes Check, its header sums are right, and segmenting it
// gives as many segments with as much payload as went in.
func checkCoalesced(t *testing.T, frames []*frame.Frame, carry bool) {
	var before [][]byte
	for _, f := range frames {
		before = append(before, bytes.Clone(f.WithVnet()))
	}
	c := NewCoalescer(Options{Frames: len(frames), Carry: carry})
	for _, f := range frames {
		c.Add(f)
	}
	total := 0
	for _, o := range c.Outputs() {
		total += o.Frames
		b := flatten(o.Slices...)
		if o.Frames == 1 {
			if !bytes.Equal(b, before[indexOf(frames, o.Frame)]) {
				t.Fatal("lone frame changed")
			}
			continue
		}
		g := adopt(t, b)
		h := Vnet(g.Vnet())
		if Check(g) != frame.Accepted || !h.GSO() {
			t.Fatalf("super-frame: %x", b)
		}
		if n := (g.Len - headersEnd(g) + int(h.GSOSize()) - 1) / int(h.GSOSize()); n != o.Frames {
			t.Fatalf("%d frames became %d segments", o.Frames, n)
		}
		if !carry || h.Partial() {
			walk(t, g, SumComplete)
		}
		if h.Partial() && !pseudoFits(g) || g.Flags&frame.FlagIPv4 != 0 && !g.IPv4().ChecksumOK() {
			t.Fatalf("super-frame's checksums: %x", b)
		}
	}
	if total != len(frames) {
		t.Fatalf("%d frames of %d", total, len(frames))
	}
}

func indexOf(frames []*frame.Frame, f *frame.Frame) int {
	for i := range frames {
		if frames[i] == f {
			return i
		}
	}
	return -1
}
