package main

import (
	"context"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func inspectCommand(a *app) *cobra.Command {
	var format, kind string
	cmd := &cobra.Command{
		Use:   "inspect NAME...",
		Short: "Show all about containers or networks, as JSON",
		Example: `  vswitch inspect web
  vswitch inspect -f '{{json .NetworkSettings.Networks}}' web
  vswitch inspect --type network lan`,
		Args:              atLeast(1, "the name of a container or network"),
		ValidArgsFunction: a.completeContainers(many, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if kind != "" && kind != "container" && kind != "network" {
				return oneOf("--type", "--type", kind, []string{"container", "network"})
			}
			return a.asking(func(ctx context.Context, s switchAPI, args []string) error {
				return a.inspect(args, format, func(name string) (any, error) { return find(ctx, s, kind, name) })
			})(cmd, args)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "Go `template` for each object")
	cmd.Flags().StringVar(&kind, "type", "", "look for this `kind` only: container, network")
	return cmd
}

// find returns the container of this name or, where there is none, the network.
// What is neither is told of as a container: the error knows what is near.
func find(ctx context.Context, s switchAPI, kind, name string) (any, error) {
	if kind == "network" {
		return s.Network(ctx, name)
	}
	c, err := s.Container(ctx, name)
	if err == nil || kind != "" || !isCode(err, api.UnknownName) {
		return c, err
	}
	if n, noNetwork := s.Network(ctx, name); noNetwork == nil || !isCode(noNetwork, api.UnknownName) {
		return n, noNetwork
	}
	return nil, err
}

// inspect shows the objects that get returns. What was found is shown in spite of
// errors, which come first; the exit code is the first error's.
func (a *app) inspect(names []string, format string, get func(name string) (any, error)) error {
	found := []any{}
	var first error
	for _, name := range names {
		v, err := get(name)
		if err == nil {
			found = append(found, v)
			continue
		}
		if unreachable(err) {
			return err
		}
		a.tell(err)
		if first == nil {
			first = reported{err}
		}
	}
	if err := a.showObjects(found, format); err != nil {
		return err
	}
	return first
}

// showObjects writes objects in the format that was asked for. JSON is an array with
// Docker's four spaces.
func (a *app) showObjects(found []any, format string) error {
	switch {
	case format == "json":
		return writeJSON(a.out, found, "")
	case format != "":
		for _, v := range found {
			text, err := formatObject(format, v)
			if err != nil {
				return err
			}
			if _, err := a.out.Write([]byte(text)); err != nil {
				return err
			}
		}
		return nil
	case a.output == "yaml":
		return writeYAML(a.out, found)
	case a.output == "jsonl":
		for _, v := range found {
			if err := writeJSON(a.out, v, ""); err != nil {
				return err
			}
		}
		return nil
	}
	return writeJSON(a.out, found, "    ")
}
