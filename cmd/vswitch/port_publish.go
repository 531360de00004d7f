package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func portPublishCommand(a *app) *cobra.Command {
	var mode string
	cmd := &cobra.Command{
		Use:   "publish NAME SPEC...",
		Short: "Publish ports of a container",
		Long: `publish publishes further ports of a container, all or none of them, and prints
where they are. SPEC is that of run -p: [HOST_IP:][HOST_PORT[-END]:]PORT[-END]
with /udp behind it for UDP. Without a host's port a free one is taken.`,
		Example: `  vswitch port publish web 8080:80
  vswitch port publish web 127.0.0.1::80 5353:53/udp`,
		Args:              nameAndSpecs,
		ValidArgsFunction: a.completeExposed(),
		RunE: func(cmd *cobra.Command, args []string) error {
			bindings, err := readBindings("port publish", "vswitch port publish "+args[0]+" 8080:80", args[1:])
			if err != nil {
				return err
			}
			if err := checkPublishMode(mode); err != nil {
				return err
			}
			return a.asking(func(ctx context.Context, s switchAPI, args []string) error {
				return a.publish(ctx, s, args[0], api.PortPublish{PortBindings: bindings, PublishMode: mode})
			})(cmd, args)
		},
	}
	addPublishMode(cmd, &mode)
	return cmd
}

// publish publishes ports and shows where: what is there now and was not before.
func (a *app) publish(ctx context.Context, s switchAPI, name string, p api.PortPublish) error {
	before, err := s.Container(ctx, name)
	if err != nil {
		return err
	}
	now, err := s.Publish(ctx, name, p)
	if err != nil {
		return err
	}
	if before.State.Status != "running" {
		fmt.Fprintf(a.err, "vswitch: %s does not run; the ports are published when it starts\n", name)
	}
	return a.showPorts(added(before.NetworkSettings.Ports, now.Ports))
}

// added are the bindings of now that before does not have.
func added(before, now map[string][]api.PortBinding) map[string][]api.PortBinding {
	more := make(map[string][]api.PortBinding)
	for port, places := range now {
		for _, b := range places {
			if !slices.Contains(before[port], b) {
				more[port] = append(more[port], b)
			}
		}
	}
	return more
}

func portUnpublishCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unpublish NAME SPEC...",
		Short: "End the publishing of a container's ports",
		Long: `unpublish names ports by the container's side, 80/tcp, which means wherever
they are published, or as they were published: 8080:80, 127.0.0.1:8080:80. The
connections that came by them end.`,
		Example: `  vswitch port unpublish web 80/tcp
  vswitch port unpublish web 8080:80`,
		Args:              nameAndSpecs,
		ValidArgsFunction: a.completePorts(many, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			bindings, err := readUnpublish(args[0], args[1:])
			if err != nil {
				return err
			}
			return a.asking(func(ctx context.Context, s switchAPI, args []string) error {
				left, err := s.Unpublish(ctx, args[0], api.PortUnpublish{PortBindings: bindings})
				if err != nil {
					return err
				}
				return a.show(left, func() string { return textLines(args[1:]) })
			})(cmd, args)
		},
	}
}

// readUnpublish reads the specs of unpublish. A port without a place on the host means
// all of its places, whatever else is said about it.
func readUnpublish(name string, specs []string) (map[string][]api.PortBinding, error) {
	const flag = "port unpublish"
	example := "vswitch port unpublish " + name + " 80/tcp"
	all := make(map[string][]api.PortBinding)
	whole := make(map[string]bool)
	for _, text := range specs {
		read, err := readSpec(flag, example, text)
		if err != nil {
			return nil, err
		}
		for _, s := range read {
			b := bindingOf(s)
			if b.HostIP != "" && b.HostPort == "" {
				return nil, invalidFlag(flag, text, nil).Because("the host's port is missing").WithFix("for example:  %s", example)
			}
			whole[portKey(s)] = whole[portKey(s)] || b == api.PortBinding{}
			all[portKey(s)] = append(all[portKey(s)], b)
		}
	}
	for port := range all {
		if whole[port] {
			all[port] = []api.PortBinding{}
		}
	}
	return all, nil
}

// nameAndSpecs checks the arguments of publish and unpublish.
func nameAndSpecs(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return nil
	}
	return arguments(2, "the container's name", "the port")(cmd, args)
}
