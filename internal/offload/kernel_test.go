package offload

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vswitch/internal/frame"
)

// TestKernelGSO: for super-frames of any shape, our segments are the kernel's,
// byte for byte.
func TestKernelGSO(t *testing.T) {
	t.Parallel()
	k := newRig(t, false, 0)
	r := rand.New(rand.NewPCG(21, 22))
	for range 150 {
		s := randomSpec(r)
		s.finished = !s.udp && r.IntN(4) == 0
		x := s.build(t)
		k.write(t, x.WithVnet())
		want := segmentsOrWhole(t, x)
		for i := range want {
			same(t, s, i, k.read(t), want[i])
		}
		k.drained(t)
	}
}

// segmentsOrWhole returns what a port without offloads gets.
func segmentsOrWhole(t *testing.T, x *frame.Frame) [][]byte {
	if Vnet(x.Vnet()).GSO() {
		return segments(t, x, SumComplete)
	}
	Complete(x)
	return [][]byte{x.WithVnet()}
}

func same(t *testing.T, s spec, i int, kernel, ours []byte) {
	t.Helper()
	if !bytes.Equal(kernel, ours) {
		t.Fatalf("%+v, frame %d: %d bytes from the kernel, %d from us\nkernel %x\nours   %x", s, i,
			len(kernel), len(ours), kernel[:min(len(kernel), 140)], ours[:min(len(ours), 140)])
	}
}

// TestKernelComplete: the kernel finishes a checksum as Complete does.
func TestKernelComplete(t *testing.T) {
	t.Parallel()
	k := newRig(t, false, 0)
	r := rand.New(rand.NewPCG(23, 24))
	for range 100 {
		s := randomSpec(r)
		s.mss, s.payload = 0, r.IntN(1400)
		x := s.build(t)
		k.write(t, x.WithVnet())
		if !Complete(x) {
			t.Fatal("not completed")
		}
		same(t, s, 0, k.read(t), x.WithVnet())
	}
}

// TestKernelTakesCoalesced: the kernel accepts what the Coalescer makes, and its
// segmentation gives the very segments back that went in.
func TestKernelTakesCoalesced(t *testing.T) {
	t.Parallel()
	k := newRig(t, false, 0)
	r := rand.New(rand.NewPCG(25, 26))
	for round := range 120 {
		s := randomSpec(r)
		x := s.build(t)
		if !Vnet(x.Vnet()).GSO() {
			continue
		}
		want := segments(t, x, SumComplete)
		c := NewCoalescer(Options{Frames: len(want), Carry: round%2 == 0, Detached: round%3 == 0})
		for _, b := range want {
			c.Add(adopt(t, b))
		}
		out := c.Outputs()
		if len(want) > 1 && len(out) >= len(want) {
			t.Fatalf("%+v: %d segments, %d outputs", s, len(want), len(out))
		}
		for _, o := range out {
			k.write(t, o.Slices...)
		}
		for i := range want {
			same(t, s, i, k.read(t), want[i])
		}
		k.drained(t)
	}
}

// TestKernelRefuses: what Check refuses for its virtio header, the kernel refuses
// too, with a few exceptions that would harm us later and not the kernel.
func TestKernelRefuses(t *testing.T) {
	t.Parallel()
	k := newRig(t, false, 0)
	for name, edit := range map[string]func(f *frame.Frame, h Vnet){
		"unknown type":       func(_ *frame.Frame, h Vnet) { h.SetGSOType(2) },
		"size 0":             func(_ *frame.Frame, h Vnet) { h.SetGSOSize(0) },
		"size by frags":      func(_ *frame.Frame, h Vnet) { h.SetGSOSize(0xffff) },
		"header too long":    func(f *frame.Frame, h Vnet) { h.SetHdrLen(uint16(f.Len + 1)) },
		"field past end":     func(f *frame.Frame, h Vnet) { h.SetCsumStart(uint16(f.Len)) },
		"start below IP":     func(_ *frame.Frame, h Vnet) { h.SetCsumStart(14) },
		"field not checksum": func(_ *frame.Frame, h Vnet) { h.SetCsumOffset(6) },
	} {
		f := tcp4.build(t)
		edit(f, f.Vnet())
		if r := Check(f); r != frame.DropVnet {
			t.Errorf("%s: Check says %v", name, r)
		}
		if err := k.try(f.WithVnet()); err == nil {
			t.Errorf("%s: the kernel takes it", name)
		}
	}
	for name, s := range map[string]spec{"too many datagrams": {payload: 5000, mss: 1000, udp: true}} {
		f := s.build(t)
		Vnet(f.Vnet()).SetGSOSize(38)
		if Check(f) != frame.DropVnet || k.try(f.WithVnet()) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestKernelGRO: the kernel's GRO and ours make the same super-frame of the same
// segments, up to the header length hint. When the kernel lets go of what it has
// depends on its clock: what is compared is every part that it makes.
func TestKernelGRO(t *testing.T) {
	t.Parallel()
	k := newRig(t, true, tunOffloads)
	r := rand.New(rand.NewPCG(27, 28))
	merged := 0
	for range 30 {
		s := randomSpec(r)
		// The kernel merges no IPv4 options, no datagrams that no socket asked for,
		// and tags only with its 802.1Q module. A CWR on the first segment alone
		// keeps newer kernels from merging: Accurate ECN reads the bit otherwise.
		s.udp, s.ipOpts, s.ext, s.tags = false, nil, nil, nil
		s.mss = 600 + r.IntN(900)
		s.payload = s.mss*(2+r.IntN(8)) - r.IntN(100)
		s.flags = s.flags&^frame.TCPCwr | frame.TCPPsh // PSH lets it go at once
		segs := segments(t, s.build(t), SumComplete)
		for _, b := range segs {
			k.write(t, b)
		}
		for len(segs) > 0 {
			n := compareGRO(t, s, k.read(t), segs)
			merged += n - 1
			segs = segs[n:]
		}
		k.drained(t)
	}
	if merged == 0 {
		t.Error("the kernel merged nothing: nothing was compared")
	}
}

// compareGRO holds that what the kernel made of the first segments is what we make
// of them, and returns how many they are.
func compareGRO(t *testing.T, s spec, kernel []byte, segs [][]byte) int {
	t.Helper()
	f := adopt(t, kernel)
	n := (f.Len - headersEnd(f) + s.mss - 1) / s.mss
	var frames []*frame.Frame
	for _, b := range segs[:n] {
		frames = append(frames, adopt(t, b))
	}
	ours := outputs(t, Options{}, frames...)
	if len(ours) != 1 {
		t.Fatalf("%+v: the kernel merges %d segments, we make %d frames", s, n, len(ours))
	}
	if n == 1 {
		Vnet(kernel).SetFlags(0) // DataValid: it has verified it
	}
	Vnet(kernel).SetHdrLen(Vnet(ours[0]).HdrLen())
	same(t, s, n, kernel, ours[0])
	return n
}
