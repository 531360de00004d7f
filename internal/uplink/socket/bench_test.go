package socket

import (
	"testing"

	"vswitch/internal/flow"
)

// What it costs to ask all protocols for their deadlines, which is not done for a batch.
func BenchmarkNext(b *testing.B) {
	for _, c := range []struct {
		name  string
		after []int64 // seconds
	}{{"idle", nil}, {"soon", []int64{1}}, {"spread", []int64{1, 20, 60, 300, 7200}}} {
		b.Run(c.name, func(b *testing.B) {
			now := int64(3600e9)
			ws := [3]*flow.Wheel{flow.NewWheel(10<<20, now), flow.NewWheel(1<<27, now), flow.NewWheel(1<<27, now)}
			for _, w := range ws {
				for i, a := range c.after {
					w.Set(uint32(i), now+a*1e9)
				}
			}
			var t timer
			for b.Loop() {
				for _, w := range ws {
					t.by(w.Next())
				}
				t.want = 0
			}
		})
	}
}
