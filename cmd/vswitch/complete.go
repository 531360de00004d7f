package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
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
