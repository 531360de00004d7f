package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"vswitch/bench"
)

// options turns the flags into what is measured, and refuses what makes no sense
// before anything is made.
func (b *benchL2) options() (bench.Options, error) {
	o, err := b.benchOptions()
	if err != nil {
		return o, err
	}
	switch b.cc {
	case "":
	case "machine":
		o.Env.Congestion = ""
	default:
		o.Env.Congestion = b.cc
	}
	if err := o.Preset(b.preset); err != nil {
		return o, invalidFlag("--preset", b.preset, nil).Because("there are quick, standard and full").
			WithFix("use:  --preset standard")
	}
	all := o.Workloads
	if err := o.Select(b.only...); len(b.only) > 0 && err != nil {
		return o, invalidFlag("--only", strings.Join(b.only, ","), nil).
			Because("%v; it has %s", err, workloadNames(all)).WithFix("see what each is in bench/README.md; another preset may have more")
	}
	if len(b.only) == 0 {
		o.Workloads = all
	}
	o.Plain = bench.NewPlain("plain")
	o.Progress = b.samples()
	return o, b.size(&o)
}

func workloadNames(all []bench.Workload) string {
	var names []string
	for _, w := range all {
		names = append(names, w.Name())
	}
	return strings.Join(names, ", ")
}

// longest is the longest sample: an hour, in seconds.
const longest = 3600

// setRounds applies --rounds over the preset's value.
func setRounds(given func(flag string) bool, rounds int, to *int) error {
	if given("rounds") && rounds < 1 {
		return invalidFlag("--rounds", strconv.Itoa(rounds), nil).WithFix("give 1 or more, or leave it out for the preset's value")
	}
	if rounds > 0 {
		*to = rounds
	}
	return nil
}

// setSeconds applies --seconds over the preset's length of a sample.
func setSeconds(given func(flag string) bool, seconds float64, to *time.Duration) error {
	if given("seconds") && !(seconds > 0 && seconds <= longest) {
		return invalidFlag("--seconds", strconv.FormatFloat(seconds, 'g', -1, 64), nil).
			WithFix("give more than 0 and at most %d, or leave it out for the preset's value", longest)
	}
	if seconds > 0 {
		*to = time.Duration(seconds * float64(time.Second))
	}
	return nil
}

// size applies the flags that say how much is measured, and on what.
func (b *benchL2) size(o *bench.Options) error {
	if err := setRounds(b.given, b.rounds, &o.Rounds); err != nil {
		return err
	}
	if err := setSeconds(b.given, b.seconds, &o.Env.Length); err != nil {
		return err
	}
	for i, l := range b.loops {
		if err := checkLoop(l); err != nil {
			return err
		}
		if slices.Contains(b.loops[:i], l) {
			return invalidFlag("--io", strings.Join(b.loops, ","), nil).Because("%s stands twice", l)
		}
	}
	if len(b.loops) == 0 {
		return invalidFlag("--io", "", nil).WithFix("use:  --io epoll,uring")
	}
	return nil
}
