package main

import (
	"github.com/spf13/cobra"

	"vswitch/bench"
)

func benchPublishCommand(a *app) *cobra.Command {
	b := &benchWays{app: a, noun: "publish", sections: bench.PublishSections(), measure: bench.Publish}
	return b.command(&cobra.Command{
		Short: "Measure published ports against loopback, pasta and slirp4netns",
		Long: `publish measures how a host reaches published ports of a container: bulk in both
directions, connections, round trips; by the way that keeps the client's address
and by the one that splices, against two programs on a host and, where they are
installed, against pasta and slirp4netns, turn by turn in one run. Each has a
host of its own, a network namespace, so nothing leaves the machine.

  in      MTU 1500
  jumbo   MTU 65520, bulk only

What was made is gone when it ends. With --out DIR it leaves there the JSON, the
table, Markdown and a plot for each section.`,
		Example: `  vswitch bench publish
  vswitch bench publish --preset quick --only in
  vswitch bench publish --out bench/results`,
	}, "quick (4 min), standard (16 min), full (1.6 h)")
}
