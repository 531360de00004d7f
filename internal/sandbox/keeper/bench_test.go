package keeper

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// BenchmarkProgram starts programs that wait, and shows what each costs the keeper
// while it runs.
func BenchmarkProgram(b *testing.B) {
	r := started(b)
	r.make("web")
	keeper := r.about().Keeper
	before := resident(b, keeper)
	c, err := dial(r.dirs.Socket)
	must(b, err)
	defer c.Close()
	n := 0
	for b.Loop() {
		spec := RunSpec{ID: fmt.Sprint(n), Container: "web", Args: []string{"sleep", "1000"}}
		must(b, c.Call("Fake.Run", Job{Spec: spec}, new(int)))
		n++
	}
	b.ReportMetric(float64(resident(b, keeper)-before)/float64(n), "KiB-kept/op")
}

// resident returns a process's resident memory in KiB, see proc_pid_status(5).
func resident(t testing.TB, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	n, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	must(t, err)
	return n
}
