package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vswitch/bench"
	"vswitch/internal/api"
	"vswitch/internal/daemon"
	"vswitch/internal/engine"
	"vswitch/internal/tap"
)

func benchCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "bench",
		Short: "Measure the switch against named references",
	})
	cmd.AddCommand(benchL2Command(a))
	cmd.AddCommand(benchNetworksCommand(a))
	cmd.AddCommand(benchNATCommand(a))
	cmd.AddCommand(benchPublishCommand(a))
	return cmd
}

// benchL2 is one `bench l2`.
type benchL2 struct {
	*app
	loops   []string
	preset  string
	only    []string
	rounds  int
	seconds float64
	naive   bool
	out     string
	spin    time.Duration
	cc      string
	// given reports whether a flag was set, here or in the environment.
	given func(flag string) bool
}

func benchL2Command(a *app) *cobra.Command {
	b := &benchL2{app: a}
	cmd := &cobra.Command{
		Use:   "l2",
		Short: "Measure two containers against the kernel's bridge",
		Long: `l2 builds two containers on this switch, two on a kernel bridge with veth and,
as the floor, two on a loop that reads and writes a TAP device plainly. It
measures bulk, small frames and latency turn by turn in one run, and reports
ratios to the kernel's bridge with their spread. What it builds is gone when it
ends.

With --out DIR it leaves there the JSON, the table, a plot and Markdown.`,
		Example: `  vswitch bench l2
  vswitch bench l2 --preset full --out bench/results
  vswitch bench l2 --only tcp-1,rr-udp --io epoll`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.given = cmd.Flags().Changed
			o, err := b.options()
			if err != nil {
				return err
			}
			return inside(cmd.Context(), "cannot measure layer 2", func(ctx context.Context) error { return b.run(ctx, o) })
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&b.loops, "io", []string{engine.Epoll, engine.Uring}, "I/O `loops` to measure: epoll, uring, auto")
	f.StringVar(&b.preset, "preset", "standard", "`size` of the run: quick (1.5 min), standard (20 min), full (1.5 h)")
	f.StringSliceVar(&b.only, "only", nil, "measure these `workloads` only")
	f.IntVar(&b.rounds, "rounds", 0, "rounds of turns, two pairs each (default the preset's)")
	f.Float64Var(&b.seconds, "seconds", 0, "length of one sample, rounded up for TCP (default the preset's)")
	f.BoolVar(&b.naive, "naive", true, "measure the plain loop too")
	f.StringVar(&b.out, "out", "", "write the reports to this `folder`")
	f.DurationVar(&b.spin, "spin", 0, "how long a worker looks for work before it sleeps (default 200µs; negative: not at all)")
	f.StringVar(&b.cc, "congestion", "", "TCP congestion `control`, or machine for the machine's default (default cubic)")
	return cmd
}

// benchOptions are what every measurement shares.
func (a *app) benchOptions() (bench.Options, error) {
	self, err := os.Executable()
	if err != nil {
		return bench.Options{}, fmt.Errorf("find this program: %w", err)
	}
	o := bench.Options{
		Reference: bench.NewKernel("kernel-bridge"),
		Rand:      rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano()))),
		Now:       time.Now, Commit: thisVersion().Version, Observed: "off",
	}
	o.Env.Agent = []string{self, "bench-agent"}
	o.Env.Congestion = bench.Cubic()
	return o, nil
}

func (b *benchL2) run(ctx context.Context, o bench.Options) error {
	if err := prepareOut(b.out); err != nil {
		return err
	}
	b.candidates(&o)
	report, err := bench.Run(ctx, o)
	b.clearProgress()
	if errors.Is(err, bench.ErrNoIPerf) {
		return noIPerf("cannot measure TCP", err)
	}
	if err != nil {
		return err
	}
	if err := b.write(report); err != nil {
		return err
	}
	return b.showTable(report)
}

// candidates adds what is compared. io_uring is left out, aloud, where it does not
// work and nobody has asked for it.
func (b *benchL2) candidates(o *bench.Options) {
	for _, l := range b.loops {
		if l == engine.Uring && !b.given("io") {
			if why := noUring(); why != nil {
				fmt.Fprintf(b.err, "io_uring is not measured: %s\n", api.Reason(why))
				continue
			}
		}
		o.Candidates = append(o.Candidates, &site{name: "vswitch-" + l, cfg: daemon.Config{IO: l, Spin: b.spin}})
	}
	if b.naive {
		o.Candidates = append(o.Candidates, bench.NewNaive("naive", tap.OpenPlain))
	}
}

// noUring says why the io_uring loop does not work here; nil where it does.
func noUring() error {
	n, err := daemon.New(daemon.Config{IO: engine.Uring})
	if errors.Is(err, engine.ErrUring) {
		return err
	}
	if err == nil {
		_ = n.Close() // it has no container; what else is wrong shows in the run
	}
	return nil
}

// benchAgentCommand is what bench runs inside containers.
func benchAgentCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "bench-agent", Short: "Be the half of a measurement inside a container",
		Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if code := bench.AgentMain(args, a.in, a.out); code != 0 {
				return reported{exitStatus(code)}
			}
			return nil
		},
	}
}
