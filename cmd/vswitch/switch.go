package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// switchAPI is the running switch as the commands see it: the client of its API.
// Refs are names, IDs, or beginnings of IDs; errors are *api.Error.
type switchAPI interface {
	Status(context.Context) (api.Status, error)
	Down(ctx context.Context, d api.Down, tell func(api.Removed)) error
	Metrics(context.Context, io.Writer) error

	networksAPI
	containersAPI
	tablesAPI

	Ping(context.Context, api.Ping) (api.Pong, error)
	Iperf(context.Context, api.Iperf) (api.IperfResult, error)
}

// networksAPI is its part for networks.
type networksAPI interface {
	Networks(context.Context) ([]api.Network, error)
	Network(ctx context.Context, ref string) (api.Network, error)
	CreateNetwork(context.Context, api.NetworkCreate) (api.Created, error)
	RemoveNetwork(ctx context.Context, ref string) error
	PruneNetworks(context.Context) (api.Pruned, error)
	Connect(ctx context.Context, network string, c api.NetworkConnect) error
	Disconnect(ctx context.Context, network string, d api.NetworkDisconnect) error
}

// containersAPI is its part for containers.
type containersAPI interface {
	Containers(ctx context.Context, all bool) ([]api.ContainerSummary, error)
	Container(ctx context.Context, ref string) (api.Container, error)
	CreateContainer(context.Context, api.ContainerCreate) (api.Created, error)
	// Start starts a container's program on the caller's descriptors; nil leaves
	// its output to the container's log.
	Start(ctx context.Context, ref string, files *[3]*os.File) (program, error)
	Exec(ctx context.Context, ref string, e api.Exec, files [3]*os.File) (program, error)
	Wait(ctx context.Context, ref string) (int, error)
	Stop(ctx context.Context, ref string, s api.Stop) error
	Remove(ctx context.Context, ref string, force bool) error
	Logs(ctx context.Context, ref string, follow bool, w io.Writer) error
	Attach(context.Context, api.Attach) (api.Created, error)
	Detach(ctx context.Context, ref string) error
	Publish(ctx context.Context, ref string, p api.PortPublish) (api.Ports, error)
	Unpublish(ctx context.Context, ref string, p api.PortUnpublish) (api.Ports, error)
}

// tablesAPI is its part for tables; network "" is all of them.
type tablesAPI interface {
	FDB(ctx context.Context, network string) ([]api.Station, error)
	Neighbours(ctx context.Context, network string) ([]api.Neighbour, error)
	Leases(ctx context.Context, network string) ([]api.Lease, error)
	Names(ctx context.Context, network string) ([]api.Name, error)
	Routes(ctx context.Context, network string) ([]api.Route, error)
	Ports(ctx context.Context, network string) ([]api.PublishedPort, error)
	Connections(ctx context.Context, network string) ([]api.Connection, error)
	NATMappings(ctx context.Context, network string) ([]api.NATMapping, error)
	Stats(context.Context) (api.Stats, error)
}

// program is a program that runs in a container for this command.
type program interface {
	// Signal sends it a signal, by its number.
	Signal(sig int) error
	// Wait waits for its end and returns its exit code.
	Wait(context.Context) (int, error)
}

// linkage is how commands get to the switch: over its socket, or to a fake in
// tests.
type linkage interface {
	// open returns the switch at the place that the global flags name. Nothing is
	// sent yet.
	open(socket, stateDir string) (switchAPI, error)
	// launch starts a switch there; in the background it returns when the switch
	// answers, in the foreground when it has ended.
	launch(ctx context.Context, socket, stateDir string, o launchOptions) error
	// down reports whether err says that no switch runs there.
	down(err error) bool
	// forget removes what a switch that is down has left in its files, and returns
	// the directory; empty when there is nothing.
	forget(socket, stateDir string) (string, error)
}

// launchOptions are the flags of `up`.
type launchOptions struct {
	loop       string
	workers    int
	foreground bool
	// hostLoopback lets containers of all networks reach the host's loopback.
	hostLoopback bool
}

// reach returns the switch for a command that only asks: it is not started.
func (a *app) reach() (switchAPI, error) { return a.link.open(a.socket, a.stateDir) }

// reachOrStart returns the switch for a command that makes something: where none
// runs, it starts one and says so.
func (a *app) reachOrStart(ctx context.Context) (switchAPI, error) {
	s, err := a.reach()
	if err != nil {
		return nil, err
	}
	if _, err = s.Status(ctx); err == nil {
		return s, nil
	}
	if !a.link.down(err) {
		return nil, err
	}
	if err := a.link.launch(ctx, a.socket, a.stateDir, launchOptions{}); err != nil {
		return nil, err
	}
	fmt.Fprintln(a.err, "vswitch: the switch was not up; started it (vswitch down ends it)")
	return s, nil
}

// asking makes the body of a command that only asks the switch.
func (a *app) asking(f func(ctx context.Context, s switchAPI, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := a.reach()
		if err != nil {
			return err
		}
		return f(cmd.Context(), s, args)
	}
}

// making makes the body of a command that starts the switch where none runs.
func (a *app) making(f func(ctx context.Context, s switchAPI, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := a.reachOrStart(cmd.Context())
		if err != nil {
			return err
		}
		return f(cmd.Context(), s, args)
	}
}

// each acts on every object named and prints its name as it was typed.
func (a *app) each(ctx context.Context, names []string, act func(name string) error) error {
	return a.trying(ctx, names, func(name string) error {
		err := act(name)
		if err == nil {
			fmt.Fprintln(a.out, name)
		}
		return err
	})
}

// trying acts on every object named. An error is told at once and the others are
// still tried; the exit code is the first's.
func (a *app) trying(ctx context.Context, names []string, act func(name string) error) error {
	var first error
	for _, name := range names {
		err := act(name)
		if ctx.Err() != nil {
			return cutShort("not all was done")
		}
		if err == nil {
			continue
		}
		if unreachable(err) {
			return err
		}
		a.tell(err)
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return reported{first}
	}
	return nil
}

// unreachable reports whether err is about the switch and not about an object: then
// it is told once, not for each object.
func unreachable(err error) bool { return api.ExitOf(err) == api.ExitUnreachable }

// cutShort is the error of a command that only asks and was interrupted: there is
// nothing to take down.
func cutShort(what string) error {
	return api.Errorf(api.Interrupted, context.Canceled, "%s", what).Because("interrupted")
}

// isCode reports whether err has that code.
func isCode(err error, code api.Code) bool { return err != nil && api.AsError(err).Code == code }

// warn shows what the switch had to say about an object that it made all the same.
func (a *app) warn(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(a.err, "warning: %s\n", w)
	}
}
