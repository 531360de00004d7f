package main

import (
	"slices"
	"strconv"

	"vswitch/bench"
	"vswitch/internal/engine"
)

// options turns the flags into what is measured, and refuses what makes no sense
// before anything is made.
func (b *benchWays) options() (o bench.WaysOptions, err error) {
	shared, err := b.benchOptions()
	if err != nil {
		return o, err
	}
	own := benchNetworks{launch: launchOptions{loop: engine.Auto}}
	o = bench.WaysOptions{
		Program: shared.Env.Agent[:1], Env: shared.Env, Rand: shared.Rand, Now: shared.Now, Commit: shared.Commit,
		Sections: b.only, Environ: own.environ(), Progress: b.progress(),
	}
	if err := o.Preset(b.preset); err != nil {
		return o, oneOf("--preset", "--preset", b.preset, []string{"quick", "standard", "full"})
	}
	for _, name := range b.only {
		if !slices.Contains(b.sections, name) {
			return o, oneOf("--only", "--only", name, b.sections)
		}
	}
	return o, b.size(&o)
}

// mostFlows is what a translator's table holds, but for some room.
const mostFlows = 1_000_000

// size applies the flags that say how much is measured.
func (b *benchWays) size(o *bench.WaysOptions) error {
	if err := setRounds(b.given, b.rounds, &o.Rounds); err != nil {
		return err
	}
	if b.given("flows") && (b.flows < 1 || b.flows > mostFlows) {
		return invalidFlag("--flows", strconv.Itoa(b.flows), nil).WithFix("give 1 to %d, or leave it out for the preset's value", mostFlows)
	}
	if b.flows > 0 {
		o.Flows = b.flows
	}
	return setSeconds(b.given, b.seconds, &o.Env.Length)
}
