package main

import (
	"context"

	"github.com/spf13/cobra"
)

func metricsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Write the counters in the form that Prometheus reads",
		Args:  arguments(0),
		RunE: a.asking(func(ctx context.Context, s switchAPI, _ []string) error {
			return s.Metrics(ctx, a.out)
		}),
	}
}
