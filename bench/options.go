package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"time"
)

// Options say what Run measures. Reference, at least one Candidate, Workloads,
// Rounds, Rand, Now and Env.Agent are needed.
type Options struct {
	// Reference is what the ratios are to; Candidates are what is compared.
	Reference  Runner
	Candidates []Runner
	// Plain is two stations without anything between; nil leaves the generator
	// itself unmeasured.
	Plain     Runner
	Workloads []Workload
	// Rounds is how often all runners are walked over forth and back, for each
	// workload. Each gives two pairs a candidate.
	Rounds int
	// AARounds is the same for the reference against itself. With 0 the spread
	// comes from the reference's two samples in each main round.
	AARounds int
	// Verify is how many bytes the verified transfer before the measurement
	// sends in each direction; 0 leaves it out.
	Verify uint64
	// OneWay says that only the first station can call the other, as through an
	// address translator.
	OneWay bool
	// MaxSteal is the share of the machine's time that may be stolen during a
	// sample; above it the pair does not count.
	MaxSteal float64
	// Env needs Agent, Warmup and Length; IPerf and IPerfPort have defaults. An
	// empty Congestion leaves the machine's: see Cubic.
	Env Env
	// Rand seeds the verified bytes and draws the bootstrap's samples.
	Rand *rand.Rand
	// Now is the wall clock, for the report's heading.
	Now func() time.Time
	// Commit and Observed go into the report: the program's commit, and what
	// observation (tracing, capture) the candidates had switched on.
	Commit, Observed string
	// Progress is called after each sample with how many are done, of how many;
	// nil is allowed.
	Progress func(done, total int, r Record)

	// cpu replaces ReadCPU in tests.
	cpu func() (CPUTime, error)
}

// defaultMaxSteal drops a sample when a hypervisor took more than one part in 25.
const defaultMaxSteal = 0.04

// Preset fills in the size of the measurement and leaves the rest alone. Set
// Env.Congestion before: where the machine's default is another, the larger
// presets measure bulk with both, as the choice can change the ratio.
//
//	quick     one stream only, about 40 s with one candidate: for a demonstration
//	standard  every workload, about 20 minutes with three: for a change to the data path
//	full      every workload and the search for the drop rate, ten pairs, over an hour
func (o *Options) Preset(name string) error {
	bulk := []Workload{TCP{Streams: 1}, TCP{Streams: 1, Reverse: true}, TCP{Streams: 4}, TCP{Streams: 4, Reverse: true}}
	small := []Workload{UDP{Frame: 64}, UDP{Frame: 1400}, Latency{Proto: "udp"}, Latency{Proto: "tcp"}}
	if cc := DefaultCongestion(); cc != o.Env.Congestion && o.Env.Congestion != "" && cc != "unknown" {
		bulk = append(bulk, TCP{Streams: 1, Congestion: cc}, TCP{Streams: 4, Congestion: cc})
	}
	o.MaxSteal, o.Env.Warmup = defaultMaxSteal, time.Second
	switch name {
	case "quick":
		o.Workloads, o.Rounds, o.AARounds = bulk[:1], 3, 0
		o.Env.Length, o.Verify = 2*time.Second, 16<<20
	case "standard":
		o.Workloads, o.Rounds, o.AARounds = append(bulk, small...), 3, 2
		o.Env.Length, o.Verify = 3*time.Second, 64<<20
	case "full":
		extra := []Workload{
			Verified{Bytes: 1 << 30, Seed: 1}, Latency{Proto: "udp", Load: 20000},
			PDR{Frame: 64, Loss: 0.005, Low: 1000, High: 2e6},
		}
		o.Workloads, o.Rounds, o.AARounds = append(append(bulk, small...), extra...), 5, 5
		o.Env.Length, o.Verify = 5*time.Second, 256<<20
	default:
		return fmt.Errorf("no preset %q: there are quick, standard and full", name)
	}
	return nil
}

// Select keeps the workloads with the names, in the order of the preset.
func (o *Options) Select(names ...string) error {
	var keep []Workload
	missing := make(map[string]bool)
	for _, n := range names {
		missing[n] = true
	}
	for _, w := range o.Workloads {
		if missing[w.Name()] {
			keep = append(keep, w)
			delete(missing, w.Name())
		}
	}
	for _, n := range names {
		if missing[n] {
			return fmt.Errorf("no workload %q in this preset", n)
		}
	}
	o.Workloads = keep
	return nil
}

func (o *Options) check() error {
	switch {
	case o.Reference == nil, len(o.Candidates) == 0:
		return errors.New("bench: a reference and a candidate are needed")
	case len(o.Workloads) == 0, o.Rounds < 1, o.AARounds < 0:
		return errors.New("bench: nothing to measure")
	case o.Rand == nil, o.Now == nil, len(o.Env.Agent) == 0:
		return errors.New("bench: Rand, Now and Env.Agent must be set")
	}
	if err := o.checkIPerf(); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, r := range o.runners() {
		if names[r.Name()] {
			return fmt.Errorf("bench: two runners are named %s", r.Name())
		}
		names[r.Name()] = true
	}
	return nil
}

// ErrNoIPerf says that a workload needs iperf3 and the machine has none.
var ErrNoIPerf = errors.New("iperf3 is not installed")

// checkIPerf looks for iperf3 if a workload needs it, and fills in the defaults.
func (o *Options) checkIPerf() error {
	if o.Env.IPerf == "" {
		o.Env.IPerf = "iperf3"
	}
	if o.Env.IPerfPort == 0 {
		o.Env.IPerfPort = 5201
	}
	path, err := exec.LookPath(o.Env.IPerf)
	for _, w := range o.Workloads {
		if _, tcp := w.(TCP); tcp && err != nil {
			return fmt.Errorf("bench: workload %s: %w: %w", w.Name(), ErrNoIPerf, err)
		}
	}
	o.Env.IPerf = path
	return nil
}

// runners returns the reference and then the candidates.
func (o *Options) runners() []Runner {
	return append([]Runner{o.Reference}, o.Candidates...)
}

// samples returns how many samples Run will take.
func (o *Options) samples() int {
	return len(o.Workloads) * 2 * (2*o.AARounds + o.Rounds*(1+len(o.Candidates)))
}
