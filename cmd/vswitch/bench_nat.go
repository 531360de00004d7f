package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/bench"
)

// benchWays is one `bench nat` or `bench publish`.
type benchWays struct {
	*app
	// noun is the command's name, and that of the files with its results.
	noun     string
	sections []string
	measure  func(context.Context, bench.WaysOptions) (*bench.WaysReport, error)
	preset   string
	only     []string
	rounds   int
	seconds  float64
	flows    int
	out      string
	// given reports whether a flag was set, here or in the environment.
	given func(flag string) bool
}

func benchNATCommand(a *app) *cobra.Command {
	b := &benchWays{app: a, noun: "nat", sections: bench.NATSections(), measure: bench.NAT}
	cmd := b.command(&cobra.Command{
		Short: "Measure the way out against loopback, pasta and slirp4netns",
		Long: `nat measures how containers reach their host: bulk in both directions,
connections, round trips; against two programs on a host and, where they are
installed, against pasta and slirp4netns, turn by turn in one run. Each has a
host of its own, a network namespace, so nothing leaves the machine.

  out     MTU 1500
  jumbo   MTU 65520, bulk only
  packet  a network that is another one's way out (--uplink network:NAME),
          against switching and against the kernel as a router
  flows   the same with a full table against one flow

What was made is gone when it ends. With --out DIR it leaves there the JSON, the
table, Markdown and a plot for each section.`,
		Example: `  vswitch bench nat
  vswitch bench nat --preset quick --only out
  vswitch bench nat --only flows --flows 250000`,
	}, "quick (4 min), standard (20 min), full (1.7 h)")
	cmd.Flags().IntVar(&b.flows, "flows", 0, "how `many` fill the table (default the preset's)")
	return cmd
}

// command adds what both commands share.
func (b *benchWays) command(cmd *cobra.Command, sizes string) *cobra.Command {
	cmd.Use, cmd.Args = b.noun, arguments(0)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		b.given = cmd.Flags().Changed
		o, err := b.options()
		if err != nil {
			return err
		}
		what := "cannot measure the way " + map[string]string{"nat": "out", "publish": "in"}[b.noun]
		return inside(cmd.Context(), what, func(ctx context.Context) error { return b.run(ctx, what, o) })
	}
	f := cmd.Flags()
	f.StringVar(&b.preset, "preset", "standard", "`size` of the run: "+sizes)
	f.StringSliceVar(&b.only, "only", nil, "measure these `sections` only: "+strings.Join(b.sections, ", "))
	f.IntVar(&b.rounds, "rounds", 0, "rounds of turns, two pairs each (default the preset's)")
	f.Float64Var(&b.seconds, "seconds", 0, "length of one sample, rounded up for TCP (default the preset's)")
	f.StringVar(&b.out, "out", "", "write the reports to this `folder`")
	return cmd
}

func (b *benchWays) run(ctx context.Context, what string, o bench.WaysOptions) error {
	if err := prepareOut(b.out); err != nil {
		return err
	}
	report, err := b.measure(ctx, o)
	b.clearProgress()
	if errors.Is(err, bench.ErrNoIPerf) {
		return noIPerf(what, err)
	}
	if err != nil {
		return err
	}
	if err := b.write(report); err != nil {
		return err
	}
	return b.showTable(report)
}
