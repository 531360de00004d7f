package main

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// What the shell offers at the tab key is asked of the switch, shortly: where it does
// not answer, nothing is offered and nothing is said.

// patience is how long the tab key may take.
const patience = 500 * time.Millisecond

// many is no limit on the number of arguments.
const many = -1

type completer = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeWith offers names for the first most arguments, without those that stand
// there already.
func (a *app) completeWith(most int, names func(context.Context, switchAPI, []string) []string) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const nothing = cobra.ShellCompDirectiveNoFileComp
		if most != many && len(args) >= most || flagsFromEnvironment(cmd) != nil {
			return nil, nothing
		}
		s, err := a.reach()
		if err != nil {
			return nil, nothing
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), patience)
		defer cancel()
		found := slices.DeleteFunc(names(ctx, s, args), func(n string) bool { return slices.Contains(args, n) })
		slices.SortFunc(found, natural)
		return found, nothing
	}
}

func (a *app) completeNetworks(most int) completer {
	return a.completeWith(most, func(ctx context.Context, s switchAPI, _ []string) []string { return networkNames(ctx, s) })
}

// completeContainers offers the running containers, or all.
func (a *app) completeContainers(most int, all bool) completer {
	return a.completeWith(most, func(ctx context.Context, s switchAPI, _ []string) []string { return containerNames(ctx, s, all) })
}

// completeNetworkThenContainer is for connect and disconnect.
func (a *app) completeNetworkThenContainer() completer {
	return a.completeWith(2, func(ctx context.Context, s switchAPI, args []string) []string {
		if len(args) == 0 {
			return networkNames(ctx, s)
		}
		return containerNames(ctx, s, true)
	})
}

// completePorts offers a container and, behind it, its published ports as the container
// has them, or with specs also as they were published.
func (a *app) completePorts(most int, specs bool) completer {
	return a.completeWith(most, func(ctx context.Context, s switchAPI, args []string) (names []string) {
		if len(args) == 0 {
			return containerNames(ctx, s, false)
		}
		c, _ := s.Container(ctx, args[0])
		for port, places := range c.NetworkSettings.Ports {
			if len(places) > 0 {
				names = append(names, port)
			}
			for _, b := range places {
				if specs {
					names = append(names, specOf(b)+":"+port)
				}
			}
		}
		slices.Sort(names)
		return slices.Compact(names)
	})
}

// specOf is the host's side of a SPEC: without an address where it is all of them.
func specOf(b api.PortBinding) string {
	if addr, err := netip.ParseAddr(b.HostIP); err == nil && addr.IsUnspecified() {
		return b.HostPort
	}
	return net.JoinHostPort(b.HostIP, b.HostPort)
}

// completeExposed offers a container and, behind it, those of its exposed ports that
// are not published.
func (a *app) completeExposed() completer {
	return a.completeWith(many, func(ctx context.Context, s switchAPI, args []string) (names []string) {
		if len(args) == 0 {
			return containerNames(ctx, s, false)
		}
		c, _ := s.Container(ctx, args[0])
		for port := range c.Config.ExposedPorts {
			if len(c.NetworkSettings.Ports[port]) == 0 {
				names = append(names, port)
			}
		}
		return names
	})
}

func networkNames(ctx context.Context, s switchAPI) (names []string) {
	all, _ := s.Networks(ctx)
	for _, n := range all {
		names = append(names, n.Name)
	}
	return names
}

func containerNames(ctx context.Context, s switchAPI, all bool) (names []string) {
	found, _ := s.Containers(ctx, all)
	for _, c := range found {
		names = append(names, containerName(c))
	}
	return names
}
