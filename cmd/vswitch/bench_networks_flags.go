package main

import (
	"slices"
	"strconv"

	"vswitch/bench"
)

// options turns the flags into what is measured, and refuses what makes no sense
// before anything is made.
func (b *benchNetworks) options() (o bench.NetworksOptions, err error) {
	if err := checkLoop(b.launch.loop); err != nil {
		return o, err
	}
	shared, err := b.benchOptions()
	if err != nil {
		return o, err
	}
	o = bench.NetworksOptions{
		Program: shared.Env.Agent[:1], Env: shared.Env, Rand: shared.Rand, Now: shared.Now, Commit: shared.Commit,
		Sections: b.only, Launch: b.start, Environ: b.environ(), Progress: b.progress(),
	}
	if err := o.Preset(b.preset); err != nil {
		return o, oneOf("--preset", "--preset", b.preset, []string{"quick", "standard"})
	}
	for _, name := range b.only {
		if !slices.Contains(bench.Sections(), name) {
			return o, oneOf("--only", "--only", name, bench.Sections())
		}
	}
	return o, b.size(&o)
}

// mostContainers is what fits into one network of the predefined pools.
const mostContainers = 4000

// size applies the flags that say how much is measured.
func (b *benchNetworks) size(o *bench.NetworksOptions) error {
	for _, n := range []struct {
		flag        string
		value, into *int
		least, most int
	}{
		{"containers", &b.containers, &o.Containers, 2, mostContainers},
		{"clients", &b.clients, &o.Clients, 1, 256},
		{"rounds", &b.rounds, &o.Rounds, 1, 1000},
	} {
		if !b.given(n.flag) {
			continue
		}
		if *n.value < n.least || *n.value > n.most {
			return invalidFlag("--"+n.flag, strconv.Itoa(*n.value), nil).
				WithFix("give %d to %d, or leave it out for the preset's value", n.least, n.most)
		}
		*n.into = *n.value
	}
	return setSeconds(b.given, b.seconds, &o.Env.Length)
}
