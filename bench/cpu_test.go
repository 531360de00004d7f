package bench

import (
	"strings"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	tests := []struct {
		name, stat  string
		busy, steal time.Duration
		total       time.Duration
		fails       bool
	}{
		{"all fields", "cpu  100 10 200 1000 50 5 25 7 90 1\ncpu0 1\n", 3400 * time.Millisecond, 70 * time.Millisecond, 13970 * time.Millisecond, false},
		{"no guest", "cpu 1 0 0 0 0 0 0 0\n", 10 * time.Millisecond, 0, 10 * time.Millisecond, false},
		{"short", "cpu 1 2 3\n", 0, 0, 0, true},
		{"not a number", "cpu 1 2 3 4 x 6 7 8\n", 0, 0, 0, true},
		{"empty", "", 0, 0, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseCPU(tt.stat)
			if (err != nil) != tt.fails {
				t.Fatalf("error = %v, want failure %v", err, tt.fails)
			}
			if c.Busy != tt.busy || c.Steal != tt.steal || c.Total != tt.total {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestReadCPUMoves(t *testing.T) {
	a, err := ReadCPU()
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadCPU()
	if err != nil {
		t.Fatal(err)
	}
	if d := b.Sub(a); d.Busy < 0 || d.Total < 0 || d.StealShare() < 0 || d.StealShare() > 1 {
		t.Errorf("time went backwards: %+v", d)
	}
}

func TestStealShare(t *testing.T) {
	if got := (CPUTime{Steal: 5, Total: 20}).StealShare(); got != 0.25 {
		t.Errorf("share = %v, want 0.25", got)
	}
	if got := (CPUTime{}).StealShare(); got != 0 {
		t.Errorf("share of nothing = %v", got)
	}
}

func FuzzParseCPU(f *testing.F) {
	f.Add("cpu  100 10 200 1000 50 5 25 7 90 1\n")
	f.Add("cpu")
	f.Fuzz(func(t *testing.T, stat string) {
		if _, err := parseCPU(stat); err == nil && !strings.HasPrefix(strings.TrimSpace(stat), "cpu") {
			t.Errorf("accepted %q", stat)
		}
	})
}
