package offload

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vswitch/internal/frame"
)

// TestRoundTrip: coalesce(segment(x)) == x, byte for byte, virtio header included.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		s := randomSpec(r)
		roundTrip(t, s, SumMode(r.IntN(2)))
	}
}

func roundTrip(t *testing.T, s spec, mode SumMode) {
	t.Helper()
	x := s.build(t)
	want := bytes.Clone(x.WithVnet())
	if !Vnet(x.Vnet()).GSO() {
		return
	}
	var frames []*frame.Frame
	for _, b := range segments(t, x, mode) {
		f := adopt(t, b)
		if Check(f) != frame.Accepted {
			t.Fatalf("%+v: segment does not pass Check", s)
		}
		frames = append(frames, f)
	}
	if !bytes.Equal(x.WithVnet(), want) {
		t.Fatalf("%+v: segmentation edited the super-frame", s)
	}
	got := outputs(t, Options{}, frames...)
	if len(got) != 1 || !bytes.Equal(got[0], want) {
		t.Fatalf("%+v mode %d: %d segments, %d outputs\ngot  %x\nwant %x",
			s, mode, len(frames), len(got), got[0][:min(len(got[0]), 130)], want[:min(len(want), 130)])
	}
}

// TestCarry: without reading payload, the checksum of the whole comes out as a
// sum over the whole gives it, also for odd segment sizes; and damage to any
// segment shows in it.
func TestCarry(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		s := randomSpec(r)
		s.udp = false
		x := s.build(t)
		if !Vnet(x.Vnet()).GSO() {
			continue
		}
		var frames []*frame.Frame
		for _, b := range segments(t, x, SumComplete) {
			frames = append(frames, adopt(t, b))
		}
		damaged := r.IntN(2) == 0
		if damaged {
			f := frames[r.IntN(len(frames))]
			f.Bytes()[f.Len-1] ^= 0x10
		}
		got := outputs(t, Options{Carry: true}, frames...)
		if len(got) != 1 {
			t.Fatalf("%+v: %d outputs", s, len(got))
		}
		g := adopt(t, got[0])
		if h := Vnet(g.Vnet()); !h.GSO() || h.Partial() || Check(g) != frame.Accepted {
			t.Fatalf("%+v: virtio header %x", s, h)
		}
		if Verify(g) == damaged {
			t.Fatalf("%+v: damaged %v, verifies %v", s, damaged, !damaged)
		}
		if !damaged {
			Complete(x)
			if !bytes.Equal(g.WithVnet(), x.WithVnet()) {
				t.Fatalf("%+v: not the finished original\n%x\n%x", s, g.WithVnet()[:100], x.WithVnet()[:100])
			}
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1), uint16(1448), uint16(20000), uint8(0), uint8(0))
	f.Add(uint64(2), uint16(1), uint16(63), uint8(7), uint8(0xff))
	f.Add(uint64(3), uint16(1472), uint16(65000), uint8(255), uint8(frame.TCPPsh))
	f.Fuzz(func(t *testing.T, seed uint64, mss, payload uint16, shape, flags uint8) {
		s := randomSpec(rand.New(rand.NewPCG(seed, 0)))
		s.mss = max(int(mss), 1)
		s.payload = min(int(payload), 65000, 64*s.mss)
		s.v6, s.udp = shape&1 != 0, shape&2 != 0
		s.ipOpts, s.ext = nil, nil
		if shape&4 != 0 {
			s.ipOpts, s.ext, s.extType = optRouterAlrt, extDst, extDstOpts
		}
		if !s.udp {
			s.flags = flags & (frame.TCPPsh | frame.TCPFin | frame.TCPCwr | frame.TCPEce)
		}
		roundTrip(t, s, SumMode(shape>>3&1))
	})
}
