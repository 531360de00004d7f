package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func networkCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "network",
		Short: "Make, show and remove networks, and join containers to them",
	})
	cmd.AddCommand(
		networkCreateCommand(a), networkLsCommand(a), networkInspectCommand(a), networkRmCommand(a),
		networkPruneCommand(a), networkConnectCommand(a), networkDisconnectCommand(a),
	)
	return cmd
}

func networkInspectCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "inspect NETWORK...",
		Short: "Show all about networks, as JSON",
		Example: `  vswitch network inspect lan
  vswitch network inspect -f '{{json .IPAM.Config}}' lan`,
		Args:              atLeast(1, "the network's name"),
		ValidArgsFunction: a.completeNetworks(many),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			return a.inspect(args, format, func(name string) (any, error) { return s.Network(ctx, name) })
		}),
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "Go `template` for each network")
	return cmd
}

func networkRmCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               "rm NETWORK...",
		Aliases:           []string{"remove"},
		Short:             "Remove networks",
		Args:              atLeast(1, "the network's name"),
		ValidArgsFunction: a.completeNetworks(many),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			return a.each(ctx, args, func(name string) error {
				err := s.RemoveNetwork(ctx, name)
				if force && isCode(err, api.UnknownName) {
					return nil
				}
				return err
			})
		}),
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "it is no error when there is no such network")
	return cmd
}

// pruneWarning is Docker's, to the letter.
const pruneWarning = `WARNING! This will remove all custom networks not used by at least one container.
Are you sure you want to continue? [y/N] `

func networkPruneCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove all networks that no container is on",
		Args:  arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.reach()
			if err != nil {
				return err
			}
			if !force && !a.confirmed(pruneWarning) {
				return nil
			}
			pruned, err := s.PruneNetworks(cmd.Context())
			if err != nil {
				return err
			}
			return a.show(pruned, func() string { return prunedText(pruned) })
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}

func prunedText(p api.Pruned) string {
	if len(p.NetworksDeleted) == 0 {
		return ""
	}
	text := "Deleted Networks:\n"
	for _, name := range p.NetworksDeleted {
		text += name + "\n"
	}
	return text + "\n"
}

// confirmed asks a question, on stderr where stdout is for a machine, and reports
// whether the answer was yes.
func (a *app) confirmed(question string) bool {
	w := a.out
	if a.output != "" && a.output != "text" {
		w = a.err
	}
	fmt.Fprint(w, question)
	var answer string
	_, _ = fmt.Fscanln(a.in, &answer) // no answer is no
	return answer == "y" || answer == "Y"
}
