package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// WaysOptions say what NAT and Publish measure. Program, Environ, Rand, Now and
// Env.Agent are needed; Preset fills in the sizes.
type WaysOptions struct {
	// Program is the command line of the program itself.
	Program []string
	// Environ is what programs get; Folder where temporary files go, empty for the
	// machine's own place.
	Environ []string
	Folder  string
	// Sections are measured, in their own order; none means all.
	Sections []string
	// Rounds and AARounds are those of Options, Verify its bytes.
	Rounds, AARounds int
	Verify           uint64
	// Streams is a second number of TCP streams to measure; 0 leaves it out.
	Streams int
	// Flows is how many connections the translator's table is filled with.
	Flows int
	// Env has the agent, iperf3 and the length of a sample.
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
//	quick     one round of samples of one second
//	standard  three rounds of two seconds, and the reference against itself
//	full      five rounds of five seconds, also with four TCP streams
func (o *WaysOptions) Preset(name string) error {
	o.Env.Warmup = time.Second
	switch name {
	case "quick":
		o.Rounds, o.AARounds, o.Verify, o.Flows, o.Env.Length = 1, 0, 4<<20, 100_000, time.Second
	case "standard":
		o.Rounds, o.AARounds, o.Verify, o.Flows, o.Env.Length = 3, 1, 16<<20, 1_000_000, 2*time.Second
	case "full":
		o.Rounds, o.AARounds, o.Verify, o.Flows, o.Env.Length = 5, 5, 64<<20, 1_000_000, 5*time.Second
		o.Streams = 4
	default:
		return fmt.Errorf("no preset %q: there are quick, standard and full", name)
	}
	return nil
}

// waySection is a part of a measurement.
type waySection struct {
	name    string
	measure func(*ways, context.Context) error
}

// plan is what one of the two measurements consists of.
type plan struct {
	schema   string
	title    string
	sections []waySection
	figures  []wayFigure
}

func (p *plan) names() []string {
	var names []string
	for _, s := range p.sections {
		names = append(names, s.name)
	}
	return names
}

// ways is one call of NAT or Publish.
type ways struct {
	WaysOptions
	*plan
	runs   []WayRun
	absent []Absence
	proofs []Proof
	failed map[string]error // by section
}

func (o *WaysOptions) check(p *plan) error {
	switch {
	case len(o.Program) == 0, len(o.Env.Agent) == 0, o.Rand == nil, o.Now == nil:
		return errors.New("bench: Program, Env.Agent, Rand and Now must be set")
	case o.Rounds < 1, o.AARounds < 0, o.Flows < 1, o.Env.Length <= 0:
		return errors.New("bench: nothing to measure")
	}
	for _, name := range o.Sections {
		if !slices.Contains(p.names(), name) {
			return fmt.Errorf("bench: no section %q: there are %s", name, strings.Join(p.names(), ", "))
		}
	}
	if len(o.Sections) == 0 {
		o.Sections = p.names()
	}
	needs := Options{Env: o.Env, Workloads: []Workload{TCP{Streams: 1}}}
	err := needs.checkIPerf()
	o.Env = needs.Env
	return err
}

// measure does all that was asked for.
func (p *plan) measure(ctx context.Context, o WaysOptions) (*WaysReport, error) {
	if err := o.check(p); err != nil {
		return nil, err
	}
	w := &ways{WaysOptions: o, plan: p, failed: map[string]error{}}
	start, load := o.Now(), readLoad()
	for _, s := range p.sections {
		if !slices.Contains(o.Sections, s.name) {
			continue
		}
		err := s.measure(w, ctx)
		if _, fatal := errors.AsType[*switchError](err); fatal {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w.failed[s.name] = err
	}
	return w.report(start, load), nil
}

// tell says what is measured next.
func (w *ways) tell(format string, args ...any) {
	if w.Progress != nil {
		w.Progress(fmt.Sprintf(format, args...))
	}
}

// place makes room for a switch; see there.
func (w *ways) place() (*ownSwitch, error) {
	n := &networks{NetworksOptions: NetworksOptions{
		Program: w.Program, Folder: w.Folder, Environ: w.Environ, Env: w.Env, Commit: w.Commit,
	}}
	return n.place()
}

// bulk are the workloads that an MTU can change.
func (w *ways) bulk() []Workload {
	all := []Workload{TCP{Streams: 1}, TCP{Streams: 1, Reverse: true}}
	if w.Streams > 0 {
		all = append(all, TCP{Streams: w.Streams}, TCP{Streams: w.Streams, Reverse: true})
	}
	return all
}

// every is all workloads.
func (w *ways) every() []Workload {
	return append(w.bulk(), Connect{}, Latency{Proto: "tcp"}, Latency{Proto: "udp"})
}

// Names of the runners.
const (
	refLoopback   = "loopback"
	runOwn        = "vswitch"
	runOwnSpliced = "vswitch-spliced"
	runPasta      = "pasta"
	runSpliced    = "pasta-spliced"
	runSlirp      = "slirp4netns"
)

// peer returns the options of another program's runner, or says that it is missing.
func (w *ways) peer(section, name, program string, mtu int, inward bool) (PeerOptions, bool) {
	path, err := exec.LookPath(program)
	if err != nil {
		w.absent = append(w.absent, Absence{section, name, program + " is not installed"})
		return PeerOptions{}, false
	}
	return PeerOptions{Name: name, Program: path, MTU: mtu, Inward: inward, Folder: w.Folder, Env: &w.Env}, true
}

// candidates are this project's switch and its peers, for one way and MTU.
func (w *ways) candidates(section string, mtu int, inward bool) []Runner {
	all := []Runner{&ownWay{name: runOwn, w: w, mtu: mtu, mode: modeOf(inward)}}
	if inward {
		all = append(all, &ownWay{name: runOwnSpliced, w: w, mtu: mtu, mode: spliceMode})
	}
	if o, ok := w.peer(section, runPasta, "pasta", mtu, inward); ok {
		all = append(all, NewPasta(o))
		if o.Name = runSpliced; inward {
			all = append(all, NewPastaSpliced(o))
		}
	}
	if o, ok := w.peer(section, runSlirp, "slirp4netns", mtu, inward); ok {
		all = append(all, NewSlirp(o))
	}
	return all
}

func modeOf(inward bool) string {
	if inward {
		return sourceMode
	}
	return ""
}
