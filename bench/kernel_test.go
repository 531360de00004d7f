package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func testEnv() Env {
	return Env{Agent: selfAgent(), IPerf: "iperf3", IPerfPort: 5201, Warmup: 30 * time.Millisecond, Length: 200 * time.Millisecond, Congestion: Cubic()}
}

func TestKernelEndToEnd(t *testing.T) {
	needRoot(t)
	before := holdings(t)
	o := Options{
		Reference: NewKernel("kernel"), Candidates: []Runner{NewPlain("plain")}, Plain: NewPlain("generator"),
		Workloads: []Workload{
			UDP{Frame: 64}, UDP{Frame: 1400, Rate: 2000}, Latency{Proto: "udp"}, Latency{Proto: "tcp", Load: 500}, Verified{Bytes: 3<<20 + 7, Seed: 3},
		},
		Rounds: 1, Verify: 1<<20 + 1, MaxSteal: 1, Env: testEnv(),
		Rand: rand.New(rand.NewPCG(1, 1)), Now: time.Now, Progress: func(done, total int, r Record) { t.Log(done, total, r) },
	}
	if _, err := exec.LookPath("iperf3"); err != nil {
		t.Log("NEEDS-IPERF3: the TCP workload is left out")
	} else {
		o.Workloads = append(o.Workloads, TCP{Streams: 2, Reverse: true})
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, r, o)
	if after := holdings(t); after != before {
		t.Errorf("left behind: before %s, after %s", before, after)
	}
}

func checkReport(t *testing.T, r *Report, o Options) {
	t.Helper()
	if len(r.Records) != o.samples() {
		t.Errorf("%d records, want %d", len(r.Records), o.samples())
	}
	for _, rec := range r.Records {
		if rec.Dropped != "" {
			t.Errorf("%s over %s was dropped: %s", rec.Workload, rec.Runner, rec.Dropped)
		}
	}
	for _, v := range r.Verified {
		if v.Problem != "" || v.Bytes != 2*(1<<20+1) {
			t.Errorf("verified transfer: %+v", v)
		}
	}
	for _, f := range r.Figures {
		// Processor time has ticks of 10 ms: too coarse for samples as short as these.
		if f.Metric.Compared && !strings.HasPrefix(f.Metric.Name, "CPU") && (f.Ratio.N != 2 || f.Ratio.Median <= 0) {
			t.Errorf("%s %s: %+v", f.Workload, f.Metric.Name, f)
		}
	}
	if len(r.Generators) != 2 || r.Generators[0].Alone <= 0 || r.Generators[0].Received <= 0 {
		t.Errorf("generators: %+v", r.Generators)
	}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Error(err)
	}
	t.Logf("\n%s", b.String())
}

// holdings counts what a run could leave: namespaces open in this process, and
// children that nobody waited for.
func holdings(t *testing.T) string {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	ns := 0
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, "net:") {
			ns++
		}
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	return fmt.Sprintf("%d namespaces, children %q", ns, children)
}
