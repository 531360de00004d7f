package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// NetworksOptions say what Networks measures. Program, Launch, Rand and Now are
// needed, and Env.Agent; Preset fills in the sizes.
type NetworksOptions struct {
	// Program is the command line of the program itself, for `run` and `exec`.
	Program []string
	// Launch starts a switch at a socket, with a folder for its state, and returns
	// when it answers.
	Launch func(ctx context.Context, socket, stateDir string) error
	// Environ is what programs get; Folder where temporary files go, empty for the
	// machine's own place.
	Environ []string
	Folder  string
	// Sections are measured, in their own order; none means all.
	Sections []string
	// Containers is how many the section "many" makes on one network, Clients how
	// many of the API make them at a time.
	Containers, Clients int
	// Rounds is how often a container is started; what takes longer is done three
	// times at most.
	Rounds int
	// Env has the agent, iperf3 and the length of a sample of throughput. What has
	// another length is a multiple of it.
	Env  Env
	Rand *rand.Rand
	Now  func() time.Time
	// Commit goes into the report.
	Commit string
	// Progress is called with what is measured next; nil is allowed.
	Progress func(what string)
}

// Preset fills in the size of the measurement and leaves the rest alone.
//
//	quick     100 containers, five rounds, about a minute
//	standard  1000 containers, twenty rounds, about four minutes
func (o *NetworksOptions) Preset(name string) error {
	o.Clients = 8
	switch name {
	case "quick":
		o.Containers, o.Rounds, o.Env.Length = 100, 5, time.Second
	case "standard":
		o.Containers, o.Rounds, o.Env.Length, o.Env.Warmup = 1000, 20, 2*time.Second, time.Second
	default:
		return fmt.Errorf("no preset %q: there are quick and standard", name)
	}
	return nil
}

// Multiples of the length of a sample.
const (
	idleLengths     = 10 // the switch is watched doing nothing
	transferLengths = 5  // a transfer that outlives the switch process
	queriesASecond  = 500
)

// few is how often is done what takes longer than to start a container.
func (o *NetworksOptions) few() int { return min(o.Rounds, 3) }

// section is a part of the measurement, with a switch of its own.
type section struct {
	name    string
	measure func(*networks, context.Context) error
}

// sections are all parts, in their order.
var sections = []section{
	{"run", (*networks).measureRun},
	{"cold", (*networks).measureCold},
	{"dns", (*networks).measureDNS},
	{"dhcp", (*networks).measureDHCP},
	{"restart", (*networks).measureRestart},
	{"many", (*networks).measureMany},
}

// Sections names the parts that Networks measures.
func Sections() []string {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

func (o *NetworksOptions) check() error {
	switch {
	case len(o.Program) == 0, len(o.Env.Agent) == 0, o.Launch == nil, o.Rand == nil, o.Now == nil:
		return errors.New("bench: Program, Env.Agent, Launch, Rand and Now must be set")
	case o.Containers < 2, o.Clients < 1, o.Rounds < 1, o.Env.Length <= 0:
		return errors.New("bench: nothing to measure")
	}
	for _, name := range o.Sections {
		if !slices.Contains(Sections(), name) {
			return fmt.Errorf("bench: no section %q: there are %s", name, strings.Join(Sections(), ", "))
		}
	}
	if len(o.Sections) == 0 {
		o.Sections = Sections()
	}
	needs := Options{Env: o.Env}
	if slices.Contains(o.Sections, "restart") || slices.Contains(o.Sections, "many") {
		needs.Workloads = []Workload{TCP{Streams: 1}}
	}
	err := needs.checkIPerf()
	o.Env = needs.Env
	return err
}

// networks is one call of Networks.
type networks struct {
	NetworksOptions
	values  map[string][]float64 // by figure
	spreads map[string]Spread    // those that are not of values
	failed  map[string]error     // by section
}

// Networks measures what a switch as a daemon does for its containers, each
// section on a switch of its own, which is taken down. What fails in a section is
// in the report; an error means that there is none: no switch could be started or
// taken down, or a program is missing. It is ctx's error, and nothing else, when ctx
// ended and all was taken down.
func Networks(ctx context.Context, o NetworksOptions) (*NetworksReport, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	n := &networks{NetworksOptions: o, values: map[string][]float64{}, spreads: map[string]Spread{}, failed: map[string]error{}}
	start, load := o.Now(), readLoad()
	for _, s := range sections {
		if !slices.Contains(o.Sections, s.name) {
			continue
		}
		err := s.measure(n, ctx)
		if _, fatal := errors.AsType[*switchError](err); fatal {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n.failed[s.name] = err
	}
	return n.report(start, load), nil
}

// tell says what is measured next.
func (n *networks) tell(format string, args ...any) {
	if n.Progress != nil {
		n.Progress(fmt.Sprintf(format, args...))
	}
}

// add adds a value to a figure.
func (n *networks) add(figure string, v float64) { n.values[figure] = append(n.values[figure], v) }
