package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// networkCreate is one `network create`.
type networkCreate struct {
	driver     string
	pools      poolFlags
	way        wayFlags
	v4, v6     bool
	internal   bool
	attachable bool
	labels     []string
	opts       []string
	mtu        int
}

// mtuOption is Docker's key for --mtu.
const mtuOption = "com.docker.network.driver.mtu"

func networkCreateCommand(a *app) *cobra.Command {
	n := &networkCreate{}
	cmd := &cobra.Command{
		Use:   "create NETWORK",
		Short: "Make a network",
		Long: `create makes a network and prints its id. Without --subnet it gets the first
predefined subnet that is free. The flags are Docker's, but for -o, which is the
output's format here: use --opt.

` + wayHelp,
		Example: `  vswitch network create lan
  vswitch network create --subnet 10.5.0.0/16 --gateway 10.5.0.1 lan
  vswitch network create --ipv6 --subnet fd00:5::/64 --internal quiet
  vswitch network create --uplink network:lan behind`,
		Args: arguments(1, "the network's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := n.request(args[0], cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return a.making(func(ctx context.Context, s switchAPI, _ []string) error {
				created, err := s.CreateNetwork(ctx, request)
				if err != nil {
					return err
				}
				return a.created(created)
			})(cmd, args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&n.driver, "driver", "d", "bridge", "network `driver`")
	n.pools.add(f)
	f.BoolVar(&n.v4, "ipv4", true, "give out IPv4 addresses")
	f.BoolVar(&n.v6, "ipv6", false, "give out IPv6 addresses (an IPv6 --subnet does it too)")
	f.BoolVar(&n.internal, "internal", false, "no way out of the network")
	f.BoolVar(&n.attachable, "attachable", false, "kept and shown, as Docker does")
	f.StringArrayVar(&n.labels, "label", nil, "`key=value` to keep with the network")
	f.StringArrayVar(&n.opts, "opt", nil, "driver option `key=value`")
	f.IntVar(&n.mtu, "mtu", 0, "largest packet, in `bytes`")
	n.way.add(a, cmd)
	return cmd
}

// request turns the flags into what the switch is asked; given says which stood on
// the command line.
func (n *networkCreate) request(name string, given func(string) bool) (api.NetworkCreate, error) {
	var r api.NetworkCreate
	labels, err := keyValues("--label", n.labels)
	if err != nil {
		return r, err
	}
	opts, err := keyValues("--opt", n.opts)
	if err != nil {
		return r, err
	}
	if given("mtu") {
		if n.mtu < 68 || n.mtu > 65535 {
			return r, invalidFlag("--mtu", strconv.Itoa(n.mtu), nil).WithFix("give 68 to 65535")
		}
		opts[mtuOption] = strconv.Itoa(n.mtu)
	}
	if err := n.way.set(opts, given); err != nil {
		return r, err
	}
	config, v6, err := n.pools.config()
	if err != nil {
		return r, err
	}
	r = api.NetworkCreate{
		Name: name, Driver: n.driver, EnableIPv6: n.v6 || v6 && !given("ipv6"),
		IPAM:     api.IPAM{Driver: "default", Options: map[string]string{}, Config: config},
		Internal: n.internal, Attachable: n.attachable, Options: opts, Labels: labels,
	}
	if given("ipv4") {
		r.EnableIPv4 = &n.v4
	}
	return r, nil
}

// created shows what was made: its id.
func (a *app) created(c api.Created) error {
	a.warn(c.Warnings)
	if c.Warnings == nil {
		c.Warnings = []string{}
	}
	return a.show(c, func() string { return fmt.Sprintln(c.ID) })
}
