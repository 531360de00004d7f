package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// attachFlags are those of one `attach`.
type attachFlags struct {
	netns, name, network, ifname string
	pid                          int
	endpoint                     endpointFlags
	publish                      publishFlags
}

func attachCommand(a *app) *cobra.Command {
	f := &attachFlags{}
	cmd := &cobra.Command{
		Use:   "attach (--netns PATH | --pid PID)",
		Short: "Join a network namespace that somebody else made",
		Long: `attach gives a network namespace an interface on a network. The namespace is
still its maker's: detach takes the interface away and leaves the namespace.`,
		Example: `  vswitch attach --netns /run/netns/blue --name blue --network lan
  vswitch attach --pid 4711 --ifname eth1 -p 8080:80`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := f.request(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return a.making(func(ctx context.Context, s switchAPI, _ []string) error {
				created, err := s.Attach(ctx, request)
				if err != nil {
					return err
				}
				return a.created(created)
			})(cmd, args)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.netns, "netns", "", "`path` of the namespace")
	fs.IntVar(&f.pid, "pid", 0, "`process` in the namespace")
	fs.StringVar(&f.name, "name", "", "`name` to call it by")
	fs.StringVar(&f.network, "network", "bridge", "`network` to join")
	fs.StringVar(&f.ifname, "ifname", "", "the interface's `name` in there (default eth0)")
	f.endpoint.add(fs)
	f.publish.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("network", a.completeNetworks(many)) // the flag is there
	return cmd
}

func (f *attachFlags) request(given func(string) bool) (api.Attach, error) {
	r := api.Attach{Name: f.name, NetNS: f.netns, PID: f.pid, Interface: f.ifname}
	switch {
	case given("netns") == given("pid"):
		return r, api.Errorf(api.WrongUsage, nil, "vswitch attach: give either --netns or --pid").
			WithFix("for example:  vswitch attach --netns /run/netns/blue")
	case given("pid") && f.pid <= 0:
		return r, invalidFlag("--pid", strconv.Itoa(f.pid), nil).WithFix("give the number of a process")
	}
	var err error
	if r.Endpoint, err = f.endpoint.config(f.network); err != nil {
		return r, err
	}
	r.Publish, err = f.publish.request()
	return r, err
}

func detachCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "detach NAME...",
		Short:             "Leave namespaces that were attached",
		Args:              atLeast(1, "the name"),
		ValidArgsFunction: a.completeContainers(many, true),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			return a.each(ctx, args, func(name string) error { return s.Detach(ctx, name) })
		}),
	}
}
