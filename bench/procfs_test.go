package bench

import (
	"os"
	"testing"
	"time"
)

func TestParseRollup(t *testing.T) {
	const good = "55f0-7ffc ---p 00000000 00:00 0    [rollup]\nRss:               12345 kB\nPss:                2000 kB\nPss_Rss:  1 kB\n"
	if n, err := parseRollup([]byte(good)); err != nil || n != 12345<<10 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "Pss: 1 kB\n", "Rss: many kB\n", "Rss:\n"} {
		if n, err := parseRollup([]byte(bad)); err == nil {
			t.Errorf("%q: %d", bad, n)
		}
	}
}

// The name of a process may hold what looks like fields.
func TestParseProcessCPU(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 8 0"
	for stat, want := range map[string]time.Duration{
		"7 (vswitch)" + rest:       2 * time.Second,
		"7 (a) R 1 (b c) )" + rest: 2 * time.Second,
	} {
		if d, err := parseProcessCPU(stat); err != nil || d != want {
			t.Errorf("%q: %v, %v", stat, d, err)
		}
	}
	for _, bad := range []string{"", "7 (x) S 1 2", "7 (x) S 1 2 3 4 5 6 7 8 9 10 x 50 0"} {
		if d, err := parseProcessCPU(bad); err == nil {
			t.Errorf("%q: %v", bad, d)
		}
	}
}

// This very process: the two ways to its memory agree roughly, and it has run.
func TestOwnProcess(t *testing.T) {
	exact, err := residentOf(os.Getpid())
	rough, rerr := statmOf(os.Getpid())
	if err != nil || rerr != nil || exact < 1<<20 || rough < exact/2 || rough > exact*2 {
		t.Errorf("%d, %v; %d, %v", exact, err, rough, rerr)
	}
	var spent time.Duration
	for start := time.Now(); spent == 0 && err == nil && time.Since(start) < time.Minute; {
		spent, err = cpuOf(os.Getpid())
	}
	if err != nil || spent == 0 {
		t.Errorf("%v, %v", spent, err)
	}
	if _, err := residentOf(1 << 30); err == nil {
		t.Error("a process that there is not has memory")
	}
	if _, err := cpuOf(1 << 30); err == nil {
		t.Error("a process that there is not has run")
	}
	if l := readLoad(); l == [3]float64{} {
		t.Error("no load average")
	}
}
