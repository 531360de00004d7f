package server

import (
	"context"
	"io"
	"os"

	"vswitch/internal/api"
)

// Backend is the switch as the server sees it. Every method may be called from
// many goroutines at once. Errors are *api.Error where the backend knows what the
// user asked for. A ref is a name, an ID, or the beginning of an ID.
type Backend interface {
	Status(context.Context) (api.Status, error)
	// Down ends the switch; it calls tell for each thing that it has removed, from
	// any goroutine until it returns. ctx does not end when the caller goes. The
	// process ends after Down has returned and the answer was sent: Server.Shutdown
	// waits for that.
	Down(ctx context.Context, d api.Down, tell func(api.Removed)) error
	// Metrics writes the Prometheus text format.
	Metrics(context.Context, io.Writer) error

	Networks(context.Context) ([]api.Network, error)
	Network(ctx context.Context, ref string) (api.Network, error)
	CreateNetwork(context.Context, api.NetworkCreate) (api.Created, error)
	RemoveNetwork(ctx context.Context, ref string) error
	PruneNetworks(context.Context) (api.Pruned, error)
	Connect(ctx context.Context, network string, c api.NetworkConnect) error
	Disconnect(ctx context.Context, network string, d api.NetworkDisconnect) error

	// Containers lists the running ones, or all.
	Containers(ctx context.Context, all bool) ([]api.ContainerSummary, error)
	Container(ctx context.Context, ref string) (api.Container, error)
	CreateContainer(context.Context, api.ContainerCreate) (api.Created, error)
	// Start starts a container's program. files are the caller's stdin, stdout and
	// stderr, or nil to use the container's log; Start does not close them. They are
	// closed as soon as it has returned, so the program needs copies of its own by
	// then. With files ctx ends with the server, without them with the request.
	Start(ctx context.Context, ref string, files []*os.File) (Run, error)
	Exec(ctx context.Context, ref string, e api.Exec, files []*os.File) (Run, error)
	// ExecWait waits for a run by the ID that its Started event named.
	ExecWait(ctx context.Context, id string) (int, error)
	// ExecSignal sends such a run a signal; one that has ended gets none.
	ExecSignal(ctx context.Context, id string, c api.Control) error
	Wait(ctx context.Context, ref string) (int, error)
	Stop(ctx context.Context, ref string, s api.Stop) error
	// Remove removes a container; with force also a running one.
	Remove(ctx context.Context, ref string, force bool) error
	// Logs copies what a container without a caller's descriptors has written;
	// with follow until its end. What it writes is sent at once.
	Logs(ctx context.Context, ref string, follow bool, w io.Writer) error
	Attach(context.Context, api.Attach) (api.Created, error)
	Detach(ctx context.Context, ref string) error
	// Publish publishes ports of a container, all or none; Unpublish ends that. Both
	// return what is published afterwards.
	Publish(ctx context.Context, ref string, p api.PortPublish) (api.Ports, error)
	Unpublish(ctx context.Context, ref string, p api.PortUnpublish) (api.Ports, error)

	// The tables; network "" is all of them.
	FDB(ctx context.Context, network string) ([]api.Station, error)
	Neighbours(ctx context.Context, network string) ([]api.Neighbour, error)
	Leases(ctx context.Context, network string) ([]api.Lease, error)
	Names(ctx context.Context, network string) ([]api.Name, error)
	Routes(ctx context.Context, network string) ([]api.Route, error)
	Ports(ctx context.Context, network string) ([]api.PublishedPort, error)
	Connections(ctx context.Context, network string) ([]api.Connection, error)
	NATMappings(ctx context.Context, network string) ([]api.NATMapping, error)
	Stats(context.Context) (api.Stats, error)

	Ping(context.Context, api.Ping) (api.Pong, error)
	Iperf(context.Context, api.Iperf) (api.IperfResult, error)
}

// Run is a program that was started for a caller.
type Run interface {
	// ID names the run, PID is its process as the host sees it.
	ID() string
	PID() int
	// Wait waits for its end and returns its exit code. It ends early with ctx.
	Wait(ctx context.Context) (int, error)
	Signal(sig int) error
}
