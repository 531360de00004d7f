package bench

import (
	"slices"
	"testing"
)

func TestSequence(t *testing.T) {
	tests := []struct {
		name                            string
		in                              []uint64
		received, duplicates, reordered uint64
	}{
		{"in order", []uint64{0, 1, 2, 3}, 4, 0, 0},
		{"a gap is no reordering", []uint64{0, 5, 6}, 3, 0, 0},
		{"late", []uint64{0, 2, 1, 3}, 4, 0, 1},
		{"twice", []uint64{0, 1, 1, 2, 0}, 5, 2, 0},
		{"late and twice", []uint64{3, 1, 1}, 3, 1, 1},
		{"a gap wider than the window", []uint64{0, 10 * seqWindow, 0}, 3, 0, 1},
		{"forgotten after the window", []uint64{5, 5 + seqWindow, 6}, 3, 0, 1},
		{"first is high", []uint64{7, 7}, 2, 1, 0},
		{"the window's far edge", []uint64{0, seqWindow - 1, 0}, 3, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Sequence
			for _, n := range tt.in {
				s.Add(n)
			}
			if s.Received != tt.received || s.Duplicates != tt.duplicates || s.Reordered != tt.reordered {
				t.Errorf("received %d, duplicates %d, reordered %d", s.Received, s.Duplicates, s.Reordered)
			}
		})
	}
}

func TestSequenceAllocatesNothing(t *testing.T) {
	var s Sequence
	n := uint64(0)
	if a := testing.AllocsPerRun(1000, func() { s.Add(n); n += 3 }); a != 0 {
		t.Errorf("%v allocations an Add", a)
	}
}

// The window must agree with a set that remembers everything, as long as no
// number is older than the window.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3})
	f.Add([]byte{9, 3, 3, 250, 0, 9})
	f.Fuzz(func(t *testing.T, jumps []byte) {
		var s Sequence
		seen, highest, base := map[uint64]bool{}, uint64(0), uint64(0)
		var duplicates, reordered uint64
		for i, j := range jumps {
			n := base + uint64(j)
			base += uint64(j % 7 * 29)
			switch {
			case seen[n]:
				duplicates++
			case i > 0 && n < highest:
				reordered++
			}
			seen[n], highest = true, max(highest, n)
			if highest-base > seqWindow-256 {
				base = highest
			}
			s.Add(n)
		}
		if s.Duplicates != duplicates || s.Reordered != reordered || s.Unique() != uint64(len(seen)) {
			t.Errorf("%v: duplicates %d want %d, reordered %d want %d", slices.Clip(jumps), s.Duplicates, duplicates, s.Reordered, reordered)
		}
	})
}
