package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// What is done to containers by name: start, stop, rm, wait, logs.

func startCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "start CONTAINER...",
		Short: "Start containers again that have ended",
		Long: `start runs the program of a container again, in new namespaces. Its output goes
to the container's log; see it with vswitch logs.`,
		Args:              atLeast(1, "the container's name"),
		ValidArgsFunction: a.completeContainers(many, true),
		RunE: a.making(func(ctx context.Context, s switchAPI, args []string) error {
			return a.each(ctx, args, func(name string) error {
				_, err := s.Start(ctx, name, nil)
				return err
			})
		}),
	}
}

func stopCommand(a *app) *cobra.Command {
	var timeout int
	cmd := &cobra.Command{
		Use:               "stop CONTAINER...",
		Short:             "End containers: SIGTERM, and SIGKILL when that takes too long",
		Args:              atLeast(1, "the container's name"),
		ValidArgsFunction: a.completeContainers(many, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout < 0 {
				return invalidFlag("--timeout", strconv.Itoa(timeout), nil).WithFix("give 0 or more seconds")
			}
			return a.asking(func(ctx context.Context, s switchAPI, args []string) error {
				return a.each(ctx, args, func(name string) error { return s.Stop(ctx, name, api.Stop{Timeout: timeout}) })
			})(cmd, args)
		},
	}
	cmd.Flags().IntVarP(&timeout, "timeout", "t", 10, "`seconds` until SIGKILL")
	return cmd
}

func rmCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               "rm CONTAINER...",
		Aliases:           []string{"remove"},
		Short:             "Remove containers",
		Args:              atLeast(1, "the container's name"),
		ValidArgsFunction: a.completeContainers(many, true),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			return a.each(ctx, args, func(name string) error {
				err := s.Remove(ctx, name, force)
				if force && isCode(err, api.UnknownName) {
					return nil
				}
				return err
			})
		}),
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also what runs; it is no error when there is none")
	return cmd
}

func waitCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "wait CONTAINER...",
		Short:             "Wait until containers have ended and print their exit codes",
		Args:              atLeast(1, "the container's name"),
		ValidArgsFunction: a.completeContainers(many, false),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			return a.trying(ctx, args, func(name string) error {
				code, err := s.Wait(ctx, name)
				if err == nil {
					fmt.Fprintln(a.out, code)
				}
				return err
			})
		}),
	}
}

func logsCommand(a *app) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:               "logs CONTAINER",
		Short:             "Show what a container in the background has written",
		Args:              arguments(1, "the container's name"),
		ValidArgsFunction: a.completeContainers(1, true),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			err := s.Logs(ctx, args[0], follow, a.out)
			if follow && ctx.Err() != nil {
				return nil // who follows ends it so
			}
			return err
		}),
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until it ends, or you do")
	return cmd
}
