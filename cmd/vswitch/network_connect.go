package main

import (
	"context"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func networkConnectCommand(a *app) *cobra.Command {
	var e endpointFlags
	var priority int
	var opts []string
	cmd := &cobra.Command{
		Use:   "connect NETWORK CONTAINER",
		Short: "Join a container to one more network",
		Example: `  vswitch network connect lan web
  vswitch network connect --ip 10.5.0.9 --alias db lan web`,
		Args:              arguments(2, "the network's name", "the container's name"),
		ValidArgsFunction: a.completeNetworkThenContainer(),
		RunE: func(cmd *cobra.Command, args []string) error {
			endpoint, err := e.config(args[0])
			if err == nil && len(opts) > 0 {
				endpoint.DriverOpts, err = keyValues("--driver-opt", opts)
			}
			if err != nil {
				return err
			}
			endpoint.GwPriority = priority
			return a.making(func(ctx context.Context, s switchAPI, args []string) error {
				return s.Connect(ctx, args[0], api.NetworkConnect{Container: args[1], Endpoint: endpoint})
			})(cmd, args)
		},
	}
	e.add(cmd.Flags())
	cmd.Flags().IntVar(&priority, "gw-priority", 0, "the network with the highest `number` has the default route")
	cmd.Flags().StringArrayVar(&opts, "driver-opt", nil, "driver option `key=value` of the endpoint")
	return cmd
}

func networkDisconnectCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               "disconnect NETWORK CONTAINER",
		Short:             "Take a container off a network",
		Args:              arguments(2, "the network's name", "the container's name"),
		ValidArgsFunction: a.completeNetworkThenContainer(),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			return s.Disconnect(ctx, args[0], api.NetworkDisconnect{Container: args[1], Force: force})
		}),
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also where the container is gone")
	return cmd
}
