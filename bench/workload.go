package bench

import "context"

// Workload is one thing to measure between two stations.
type Workload interface {
	Name() string
	// Metrics lists what a sample holds, the primary one first.
	Metrics() []Metric
	// Run measures once, with a sending and b receiving. It leaves no process.
	Run(ctx context.Context, env *Env, a, b Station) (Sample, error)
}

// Metric is one value of a sample.
type Metric struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Lower says that less is better.
	Lower bool `json:"lower_is_better"`
	// Compared metrics become ratios; the others only explain.
	Compared bool `json:"compared"`
}

// Sample is the outcome of one run of a workload.
type Sample struct {
	// Values has one entry a metric, by its name.
	Values map[string]float64
	// Bytes and Frames are what was received for certain: the site's own
	// counters must have moved by at least as much.
	Bytes, Frames uint64
	// Congestion is the congestion control that TCP really used; else empty.
	Congestion string
}

// Names of the metrics, shared by workloads.
const (
	Throughput = "Gb/s"
	CPUPerGB   = "CPU s/GB"
	FrameRate  = "kframe/s"
	CPUPerPkt  = "CPU us/fr"
	LatencyP50 = "p50 us"
	LatencyP99 = "p99 us"
)

const (
	gigabit  = 1e9 / 8 // bytes
	gigabyte = 1e9     // bytes
)
