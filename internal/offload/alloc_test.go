package offload

import (
	"testing"

	"vswitch/internal/frame"
)

// TestNoAllocation: nothing here allocates once it is made.
func TestNoAllocation(t *testing.T) {
	f, form := tcp6.build(t), Form{}
	seg := NewSegmenter(16, 64)
	c := NewCoalescer(Options{Frames: 64})
	carry := NewCoalescer(Options{Frames: 64, Carry: true, Detached: true})
	frames := stream(t, spec{tcpOpts: optTimestamps}, 40, nil)
	for name, op := range map[string]func(){
		"Check":    func() { Check(f) },
		"Retag":    func() { form = FormOf(f); form.Retag(f, 5); form.Retag(f, 0) },
		"Complete": func() { Complete(f); Partial(f); Verify(f) },
		"Segmenter": func() {
			for _, mode := range []SumMode{SumComplete, SumPartial} {
				if seg.Start(f, mode) != frame.Accepted {
					t.Fatal("no super-frame")
				}
				for seg.Next() != nil {
				}
			}
		},
		"Coalescer":       func() { coalesceAll(c, frames) },
		"Coalescer carry": func() { coalesceAll(carry, frames) },
	} {
		if n := testing.AllocsPerRun(100, op); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func coalesceAll(c *Coalescer, frames []*frame.Frame) int {
	c.Reset()
	for _, f := range frames {
		c.Add(f)
	}
	return len(c.Outputs())
}

func BenchmarkCheckPlain(b *testing.B) {
	f := spec{payload: 1000, finished: true}.build(b)
	for b.Loop() {
		Check(f)
	}
}

func BenchmarkSegment(b *testing.B) {
	f := spec{payload: 64000, mss: 1448, tcpOpts: optTimestamps}.build(b)
	for name, mode := range map[string]SumMode{"complete": SumComplete, "partial": SumPartial} {
		b.Run(name, func(b *testing.B) {
			s := NewSegmenter(64, 64)
			b.SetBytes(64000)
			for b.Loop() {
				s.Start(f, mode)
				for s.Next() != nil {
				}
			}
		})
	}
}

// BenchmarkCoalesce merges 44 segments of 1448 bytes; the payload is in cache,
// so "verify" shows the least that verifying costs.
func BenchmarkCoalesce(b *testing.B) {
	for name, opt := range map[string]Options{"verify": {}, "carry": {Carry: true}} {
		b.Run(name, func(b *testing.B) {
			frames := stream(b, spec{tcpOpts: optTimestamps, payload: 1448}, 44, func(i int, s *spec) { s.seq = uint32(i * 1448) })
			opt.Frames = len(frames)
			c := NewCoalescer(opt)
			head := append([]byte(nil), frames[0].Buf[:256]...)
			b.SetBytes(44 * 1448)
			for b.Loop() {
				copy(frames[0].Buf, head)
				coalesceAll(c, frames)
			}
		})
	}
}
