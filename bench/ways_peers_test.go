package bench

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// peers returns the runners of this package for the way, and skips those whose
// program is missing.
func peers(t *testing.T, inward bool) []Runner {
	t.Helper()
	env := testEnv()
	o := func(name string) PeerOptions {
		program, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("NEEDS-%s: %v", name, err)
		}
		return PeerOptions{Name: name, Program: program, MTU: 1500, Inward: inward, Folder: t.TempDir(), Env: &env}
	}
	all := []Runner{NewPasta(o("pasta")), NewSlirp(o("slirp4netns"))}
	if inward {
		spliced := o("pasta")
		spliced.Name = "pasta-spliced"
		all = append(all, NewPastaSpliced(spliced))
	}
	return append(all, NewRouter("router"))
}

// Everything that is measured goes over each peer and is counted there, and every
// byte arrives as it was sent, both ways.
func TestPeers(t *testing.T) {
	needRoot(t)
	before := holdings(t)
	for _, inward := range []bool{false, true} {
		o := Options{
			Reference: NewLoopback("loopback"), Candidates: peers(t, inward), OneWay: true,
			Workloads: []Workload{Connect{}, rrTCP, rrUDP},
			Rounds:    1, Verify: 1 << 20, MaxSteal: 1, Env: testEnv(), Rand: rng(1), Now: time.Now,
		}
		o.Env.Length = 100 * time.Millisecond
		r, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Verified {
			if v.Problem != "" || v.Bytes != 2<<20 {
				t.Errorf("inward %v: %+v", inward, v)
			}
		}
		for _, rec := range r.Records {
			if rec.Dropped != "" {
				t.Errorf("inward %v: %s on %s: %s", inward, rec.Workload, rec.Runner, rec.Dropped)
			}
		}
	}
	if after := holdings(t); after != before {
		t.Errorf("left behind: %s before, %s after", before, after)
	}
}
