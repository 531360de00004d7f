package main

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// portCommand is docker port, and the noun of published ports: a first argument that
// is no verb is a container's name.
func portCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "port NAME [PORT[/PROTO]]",
		Short: "Show a container's published ports; publish and unpublish them",
		Long: `port shows where on the host the ports of a container are published, or one of
them. Its verbs list all published ports and change them while the container
runs; a container that is called like one of them stands behind --: port -- ls.`,
		Example: `  vswitch port web
  vswitch port web 80/tcp
  vswitch port publish web 8080:80`,
		DisableFlagsInUseLine: true,
		Args:                  portArguments,
		ValidArgsFunction:     a.completePorts(2, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return a.asking(a.port)(cmd, args)
		},
	}
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if c == cmd { // its first argument may be a name
			return wrongFlag(c, err)
		}
		return flagError(c, err)
	})
	cmd.AddCommand(portLsCommand(a), portPublishCommand(a), portUnpublishCommand(a))
	return cmd
}

// portArguments takes a name and a port. With more than these the first was meant as a
// verb.
func portArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 2 {
		return unknownCommand(cmd, args[0])
	}
	return nil
}

// port shows a container's published ports, or where one of them is.
func (a *app) port(ctx context.Context, s switchAPI, args []string) error {
	private := ""
	if len(args) > 1 {
		var err error
		if private, err = privatePort(args[1]); err != nil {
			return err
		}
	}
	c, err := s.Container(ctx, args[0])
	if err != nil {
		return err
	}
	a.warnUnpublished(args[0], c.VSwitch.PublishError)
	ports := c.NetworkSettings.Ports
	if private == "" {
		return a.showPorts(ports)
	}
	places := ports[private]
	if len(places) == 0 {
		return api.Errorf(api.NotPublished, nil, "no public port %q published for %s", private, args[0]).
			WithFix("see what is:  vswitch port %s", args[0])
	}
	return a.show(places, func() string { return textLines(hostEnds(places)) })
}

// privatePort reads a container's port: 80 is 80/tcp.
func privatePort(text string) (string, error) {
	port, proto, given := strings.Cut(text, "/")
	if !given {
		proto = "tcp"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || proto == "" {
		return "", api.Errorf(api.InvalidValue, nil, "%q is no port of a container", text).
			Because("it is not PORT or PORT/PROTO").WithFix("for example:  vswitch port web 80/tcp")
	}
	return port + "/" + strings.ToLower(proto), nil
}

// warnUnpublished tells that ports are asked for and not there, and why.
func (a *app) warnUnpublished(name, why string) {
	if why != "" {
		a.warn([]string{"the ports of " + name + " are not published: " + oneLine(why)})
	}
}

// showPorts shows ports as docker port does.
func (a *app) showPorts(ports map[string][]api.PortBinding) error {
	if ports == nil {
		ports = map[string][]api.PortBinding{}
	}
	return a.show(ports, func() string { return portLines(ports) })
}

// portLines is a line a binding, "80/tcp -> 0.0.0.0:8080", in natural order.
func portLines(ports map[string][]api.PortBinding) string {
	var all []string
	for port, places := range ports {
		for _, end := range hostEnds(places) {
			all = append(all, port+" -> "+end)
		}
	}
	slices.SortFunc(all, natural)
	return textLines(all)
}

// hostEnds are the ends on the host, in natural order: 0.0.0.0 before [::].
func hostEnds(places []api.PortBinding) []string {
	var all []string
	for _, b := range places {
		all = append(all, net.JoinHostPort(b.HostIP, b.HostPort))
	}
	slices.SortFunc(all, natural)
	return all
}

// textLines is each string on a line of its own.
func textLines(all []string) string { return lines(all, func(s string) string { return s }) }
