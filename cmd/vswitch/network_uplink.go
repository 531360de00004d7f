package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// wayFlags are the flags of network create for the way out. Each is short for an option
// of the network.
type wayFlags struct {
	uplink, nat string
	loopback    bool
}

// The options that they stand for.
const (
	uplinkOption   = "vswitch.uplink"
	natOption      = "vswitch.nat"
	loopbackOption = "vswitch.host_loopback"
)

// wayHelp says what the values of --uplink and --nat mean.
const wayHelp = `The way out (--uplink):
  socket             the host's sockets, as any program has them; needs no right
  tap[:NETNS_PATH]   a device on the host or in that namespace, behind a NAT
  network:NAME       a foot in another network, behind a NAT
  none               there is none

Who gets in to a port that a container has sent from (--nat):
  full-cone          everybody
  restricted         addresses that it has sent to
  port-restricted    addresses and ports that it has sent to
  symmetric          the same, and each of them sees another port`

// loopbackUsage is that of --allow-host-loopback, which up has for all networks.
const loopbackUsage = "let containers reach the host's own 127.0.0.1 and ::1, by the name host.vswitch.internal"

// filterings are the values of --nat, from the most open.
var filterings = []string{"full-cone", "restricted", "port-restricted", "symmetric"}

func (w *wayFlags) add(a *app, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.uplink, "uplink", "socket", "the `way` out: socket, tap[:NETNS_PATH], network:NAME, none")
	f.StringVar(&w.nat, "nat", "port-restricted", "`who` gets in: full-cone, restricted, port-restricted, symmetric")
	f.BoolVar(&w.loopback, "allow-host-loopback", false, loopbackUsage)
	_ = cmd.RegisterFlagCompletionFunc("uplink", a.completeUplink()) // the flags are there
	_ = cmd.RegisterFlagCompletionFunc("nat", cobra.FixedCompletions(filterings, cobra.ShellCompDirectiveNoFileComp))
}

// set writes the flags that were given into a network's options.
func (w *wayFlags) set(options map[string]string, given func(string) bool) error {
	if given("uplink") {
		if err := checkUplink(w.uplink); err != nil {
			return err
		}
		options[uplinkOption] = w.uplink
	}
	if given("nat") {
		if !slices.Contains(filterings, w.nat) {
			return oneOf("--nat", "--nat", w.nat, filterings)
		}
		options[natOption] = w.nat
	}
	if given("allow-host-loopback") {
		options[loopbackOption] = strconv.FormatBool(w.loopback)
	}
	return nil
}

// checkUplink refuses what is no way out. What stands behind the colon is the switch's
// to judge.
func checkUplink(value string) error {
	kind, of, colon := strings.Cut(value, ":")
	switch kind {
	case "socket", "none":
		if !colon {
			return nil
		}
	case "tap":
		if !colon || of != "" {
			return nil
		}
	case "network":
		if of != "" {
			return nil
		}
		return invalidFlag("--uplink", value, nil).Because("the other network's name is missing").
			WithFix("for example:  --uplink network:bridge")
	}
	return oneOf("--uplink", "--uplink", value, []string{"socket", "tap", "tap:NETNS_PATH", "network:NAME", "none"})
}

// completeUplink offers the ways out, and the networks that can be one.
func (a *app) completeUplink() completer {
	return a.completeWith(many, func(ctx context.Context, s switchAPI, _ []string) []string {
		words := []string{"socket", "tap", "none"}
		all, _ := s.Networks(ctx)
		for _, n := range all {
			if n.Driver == "bridge" {
				words = append(words, "network:"+n.Name)
			}
		}
		return words
	})
}
