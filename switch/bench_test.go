package vswitch

import (
	"testing"

	"vswitch/internal/frame"
)

const benchBurst = 32

// benchForward measures Forward a frame. Every iteration is a batch of sources
// and destinations chosen by edit.
func benchForward(b *testing.B, stations int, edit func(i int, f *frame.Frame)) {
	r := newRig(b, Config{}, PortConfig{}, PortConfig{}, PortConfig{}, PortConfig{})
	for i := range stations {
		r.learn(1, station(i))
	}
	frames := make([][]byte, benchBurst)
	for i := range frames {
		frames[i] = plain(station(0), macA)
	}
	batch := r.batch(0, frames...)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for i := range batch.Live() {
			f := &batch.Frames[i]
			f.Verdict = frame.Verdict{}
			edit(n, f)
			n++
		}
		r.sw.Forward(0, batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/frame")
}

func BenchmarkForward(b *testing.B) {
	b.Run("unicast", func(b *testing.B) { // one flow
		benchForward(b, 1, func(int, *frame.Frame) {})
	})
	b.Run("mixed", func(b *testing.B) { // each frame to another of 1000 stations
		benchForward(b, 1000, func(i int, f *frame.Frame) { f.Dst = station(i * 7 % 1000) })
	})
	b.Run("flood", func(b *testing.B) {
		benchForward(b, 1, func(_ int, f *frame.Frame) { f.Dst = frame.Broadcast })
	})
	b.Run("miss", func(b *testing.B) { // stations that nobody knows
		benchForward(b, 1000, func(i int, f *frame.Frame) { f.Dst = station(1<<20 + i&0xffff) })
	})
}

// BenchmarkLearnFlood is the worst that a port can do: each frame of a new source,
// into a table that is full.
func BenchmarkLearnFlood(b *testing.B) {
	benchForward(b, DefaultFDBLimit, func(i int, f *frame.Frame) { f.Src = station(1<<20 + i) })
}
