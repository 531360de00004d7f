package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/bench"
	"vswitch/internal/engine"
)

// benchNetworks is one `bench networks`.
type benchNetworks struct {
	*app
	launch              launchOptions
	preset              string
	only                []string
	containers, clients int
	rounds              int
	seconds             float64
	out                 string
	// given reports whether a flag was set, here or in the environment.
	given func(flag string) bool
}

func benchNetworksCommand(a *app) *cobra.Command {
	b := &benchNetworks{app: a}
	cmd := &cobra.Command{
		Use:   "networks",
		Short: "Measure a switch of its own with networks and many containers",
		Long: `networks starts a switch of its own, beside one that may be running, and shows
how fast it is for its containers: run to the first packet, with the switch up
and cold; names; leases; a killed switch process; many containers on a network.
The switches are taken down and nothing is left.

With --out DIR it leaves there the JSON, the table and Markdown.`,
		Example: `  vswitch bench networks
  vswitch bench networks --preset quick --containers 300
  vswitch bench networks --only run,cold,dns`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.given = cmd.Flags().Changed
			o, err := b.options()
			if err != nil {
				return err
			}
			return b.run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.launch.loop, "io", engine.Auto, "I/O `loop` of the switches: epoll, uring, auto")
	f.StringVar(&b.preset, "preset", "standard", "`size` of the run: quick (1 min), standard (4 min)")
	f.StringSliceVar(&b.only, "only", nil, "measure these `sections` only: "+strings.Join(bench.Sections(), ", "))
	f.IntVar(&b.containers, "containers", 0, "how `many` on one network (default the preset's)")
	f.IntVar(&b.clients, "clients", 0, "how many make them at a `time` (default the preset's)")
	f.IntVar(&b.rounds, "rounds", 0, "how often a container is started (default the preset's)")
	f.Float64Var(&b.seconds, "seconds", 0, "length of one sample of throughput (default the preset's)")
	f.StringVar(&b.out, "out", "", "write the reports to this `folder`")
	return cmd
}

// start starts a switch as `up` does.
func (b *benchNetworks) start(ctx context.Context, socket, stateDir string) error {
	return b.link.launch(ctx, socket, stateDir, b.launch)
}

// environ is this program's environment without the variables of its flags, and
// with those for a switch that a command starts by itself.
func (b *benchNetworks) environ() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "VSWITCH_") {
			env = append(env, e)
		}
	}
	return append(env, environmentName("io")+"="+b.launch.loop)
}

func (b *benchNetworks) run(ctx context.Context, o bench.NetworksOptions) error {
	const what = "cannot measure networks"
	if err := prepareOut(b.out); err != nil {
		return err
	}
	report, err := bench.Networks(ctx, o)
	b.clearProgress()
	switch {
	case err != nil && err == ctx.Err(): // not joined with what could not be taken down
		return interrupted(what)
	case errors.Is(err, bench.ErrNoIPerf):
		return noIPerf(what, err)
	case err != nil:
		return machineError(what, err)
	}
	if err := b.write(report); err != nil {
		return err
	}
	return b.showTable(report)
}

// write leaves the reports in the folder that was asked for.
func (b *benchNetworks) write(r *bench.NetworksReport) error {
	return writeReports(b.out, reportFile{"networks.json", r.WriteJSON}, reportFile{"networks.txt", r.WriteTable},
		reportFile{"networks.md", r.WriteMarkdown})
}
