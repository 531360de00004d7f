package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
}

func benchL2Command(a *app) *cobra.Command {
	b := &benchL2{app: a}
	cmd := &cobra.Command{
		Use:   "l2",
		Short: "Bulk, small frames and latency between two containers, against the kernel's bridge",
		Long: `l2 builds two containers on this switch, two on a kernel bridge with veth and, as
the floor, two on a loop that reads and writes a TAP device plainly. It measures
them turn by turn in one run and reports ratios to the kernel's bridge with their
spread. What it builds is gone when it ends.

With --out DIR it leaves there the JSON, the table, a plot and a Markdown section.`,
		Example: `  vswitch bench l2
  vswitch bench l2 --preset full --out bench/results
  vswitch bench l2 --only tcp-1,udp-64 --io epoll`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.check(); err != nil {
				return err
			}
			return inside(cmd.Context(), "cannot measure layer 2", b.run)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&b.loops, "io", []string{engine.Epoll, engine.Uring}, "I/O `loops` to measure: epoll, uring")
	f.StringVar(&b.preset, "preset", "standard", "`size` of the run: quick (1 min), standard (10 min), full (30 min)")
	f.StringSliceVar(&b.only, "only", nil, "measure these `workloads` only")
	f.IntVar(&b.rounds, "rounds", 0, "rounds of turns, two pairs each (default: the preset's)")
	f.Float64Var(&b.seconds, "seconds", 0, "length of one sample (default: the preset's)")
	f.BoolVar(&b.naive, "naive", true, "measure the plain loop too")
	f.StringVar(&b.out, "out", "", "write the reports to this `folder`")
	f.DurationVar(&b.spin, "spin", 0, "how long a worker looks for work before it sleeps (default 100µs; negative: not at all)")
	f.StringVar(&b.cc, "congestion", "cubic", "TCP congestion control, or `machine` for the machine's default")
	return cmd
}

func (b *benchL2) check() error {
	for _, l := range b.loops {
		if !slices.Contains([]string{engine.Epoll, engine.Uring, engine.Auto}, l) {
			return invalidFlag("--io", l, nil).Because("it takes epoll, uring, auto").WithFix("use:  --io epoll,uring")
		}
	}
	var o bench.Options
	if err := o.Preset(b.preset); err != nil {
		return invalidFlag("--preset", b.preset, nil).Because("%v", err).WithFix("use:  --preset standard")
	}
	if b.rounds < 0 || b.seconds < 0 {
		return invalidFlag("--rounds or --seconds", "a negative number", nil).WithFix("leave it out for the preset's value")
	}
	return nil
}

// options are what every run of bench shares.
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
	return o, nil
}

func (b *benchL2) run(ctx context.Context) error {
	o, err := b.benchOptions()
	if err != nil {
		return err
	}
	if err := o.Preset(b.preset); err != nil {
		return err
	}
	if len(b.only) > 0 {
		if err := o.Select(b.only...); err != nil {
			return invalidFlag("--only", strings.Join(b.only, ","), nil).Because("%v", err).
				WithFix("names are like tcp-1, tcp-4-reverse, udp-64, latency-udp")
		}
	}
	b.adjust(&o)
	report, err := bench.Run(ctx, o)
	if errors.Is(err, bench.ErrNoIPerf) {
		return api.Errorf(api.ToolMissing, err, "cannot measure TCP").WithFix("apt-get install -y iperf3")
	}
	if err != nil {
		return err
	}
	if err := b.write(report); err != nil {
		return err
	}
	var text strings.Builder
	if err := report.WriteTable(&text); err != nil {
		return err
	}
	return b.show(report, text.String)
}

// adjust applies the flags to the preset.
func (b *benchL2) adjust(o *bench.Options) {
	if b.rounds > 0 {
		o.Rounds = b.rounds
	}
	if b.seconds > 0 {
		o.Env.Length = time.Duration(b.seconds * float64(time.Second))
	}
	if b.cc != "machine" {
		o.Env.Congestion = b.cc
	}
	for _, l := range b.loops {
		o.Candidates = append(o.Candidates, &site{name: "vswitch-" + l, cfg: daemon.Config{IO: l, Spin: b.spin}})
	}
	if b.naive {
		o.Candidates = append(o.Candidates, bench.NewNaive("naive", tap.OpenPlain))
	}
	o.Plain = bench.NewPlain("veth")
	o.Progress = func(done, total int, r bench.Record) {
		fmt.Fprintf(b.err, "\r%d of %d samples: %-30s", done, total, r.Workload+" on "+r.Runner)
		if done == total {
			fmt.Fprint(b.err, "\r"+strings.Repeat(" ", 60)+"\r")
		}
	}
	if !b.terminal(b.err) {
		o.Progress = nil
	}
}

// write leaves the reports in the folder that was asked for.
func (b *benchL2) write(r *bench.Report) error {
	if b.out == "" {
		return nil
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return fmt.Errorf("make the folder for the reports: %w", err)
	}
	for _, f := range []struct {
		name string
		to   func(io.Writer) error
	}{
		{"l2.json", r.WriteJSON},
		{"l2.txt", r.WriteTable},
		{"l2.svg", r.WriteSVG},
		{"l2.md", func(w io.Writer) error { return r.WriteMarkdown(w, "l2.svg") }},
	} {
		if err := writeFile(filepath.Join(b.out, f.name), f.to); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, to func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write a report: %w", err)
	}
	return errors.Join(to(f), f.Close())
}

// benchAgentCommand is what bench runs inside containers.
func benchAgentCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "bench-agent", Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if code := bench.AgentMain(args, a.in, a.out); code != 0 {
				return reported{exitStatus(code)}
			}
			return nil
		},
	}
}
