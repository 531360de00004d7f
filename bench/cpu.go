package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// userHZ is the unit of /proc/stat: it is 100 on every architecture that Go
// runs on, whatever the kernel's own tick is.
const userHZ = 100

// CPUTime is what all processors of the machine together spent, since boot or
// between two readings. Work done for a frame in interrupt context is charged to
// whoever happens to run, so only the sum over the machine is honest.
type CPUTime struct {
	// Busy is everything but idle, waiting for I/O and stolen.
	Busy time.Duration `json:"busy_ns"`
	// Steal is what the hypervisor gave to others while we wanted to run.
	Steal time.Duration `json:"steal_ns"`
	// Total includes the idle time.
	Total time.Duration `json:"total_ns"`
}

// ReadCPU reads the totals from /proc/stat.
func ReadCPU() (CPUTime, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return CPUTime{}, fmt.Errorf("read processor time: %w", err)
	}
	return parseCPU(string(b))
}

// parseCPU reads the first line of /proc/stat (proc_stat(5)): user nice system
// idle iowait irq softirq steal guest guest_nice. The guest fields are already
// contained in user and nice.
func parseCPU(stat string) (CPUTime, error) {
	line, _, _ := strings.Cut(stat, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return CPUTime{}, fmt.Errorf("read processor time: unexpected first line %q", line)
	}
	var t [8]time.Duration
	for i := range t {
		n, err := strconv.ParseInt(f[i+1], 10, 64)
		if err != nil {
			return CPUTime{}, fmt.Errorf("read processor time: %w", err)
		}
		t[i] = time.Duration(n) * (time.Second / userHZ)
	}
	c := CPUTime{Busy: t[0] + t[1] + t[2] + t[5] + t[6], Steal: t[7]}
	c.Total = c.Busy + c.Steal + t[3] + t[4]
	return c, nil
}

// Sub returns c minus an earlier reading.
func (c CPUTime) Sub(old CPUTime) CPUTime {
	return CPUTime{Busy: c.Busy - old.Busy, Steal: c.Steal - old.Steal, Total: c.Total - old.Total}
}

// StealShare is the stolen part of the machine's time, 0 to 1.
func (c CPUTime) StealShare() float64 {
	if c.Total <= 0 {
		return 0
	}
	return float64(c.Steal) / float64(c.Total)
}
