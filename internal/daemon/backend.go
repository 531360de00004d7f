package daemon

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/api/server"
	"vswitch/internal/network"
)

var _ server.Backend = (*Daemon)(nil)

// Status implements server.Backend.
func (d *Daemon) Status(context.Context) (api.Status, error) {
	s := api.Status{
		Schema: api.Schema("status"), Version: d.cfg.Version, API: api.Version, PID: os.Getpid(), Keeper: os.Getppid(),
		Started: d.started.UTC(), Restarts: d.kept.Restarts, User: d.cfg.User, Rootless: d.cfg.Rootless,
		Socket: d.cfg.Dirs.Socket, StateDir: d.cfg.Dirs.State, Workers: len(d.fabric.Workers()), Findings: []api.Finding{},
	}
	loop, why := d.fabric.Loop()
	s.Loop, s.LoopNote = loop, api.Reason(why)
	s.Networks, s.Containers, s.Running = d.m.Counts()
	s.Ports = len(d.m.Stats().Ports)
	s.Memory, s.CPU = usage()
	d.mu.Lock()
	s.Findings = append(s.Findings, d.findings...)
	d.mu.Unlock()
	return s, nil
}

// usage returns the process's resident memory in bytes and its processor time in
// seconds.
func usage() (memory uint64, cpu float64) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		cpu = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	if pages, err := statm(); err == nil {
		return pages * uint64(os.Getpagesize()), cpu
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys, cpu
}

// Networks implements server.Backend, as all that follow.
func (d *Daemon) Networks(context.Context) ([]api.Network, error) { return d.m.Networks(), nil }

func (d *Daemon) Network(_ context.Context, ref string) (api.Network, error) { return d.m.Network(ref) }

func (d *Daemon) CreateNetwork(_ context.Context, c api.NetworkCreate) (api.Created, error) {
	return d.m.CreateNetwork(c)
}

func (d *Daemon) RemoveNetwork(_ context.Context, ref string) error { return d.m.RemoveNetwork(ref) }

func (d *Daemon) PruneNetworks(context.Context) (api.Pruned, error) {
	names, err := d.m.PruneNetworks()
	return api.Pruned{NetworksDeleted: names}, err
}

func (d *Daemon) Connect(_ context.Context, network string, c api.NetworkConnect) error {
	return d.m.Connect(network, c.Endpoint, c.Container)
}

func (d *Daemon) Disconnect(_ context.Context, network string, c api.NetworkDisconnect) error {
	return d.m.Disconnect(network, c.Container, c.Force)
}

func (d *Daemon) Containers(_ context.Context, all bool) ([]api.ContainerSummary, error) {
	return d.m.Containers(all), nil
}

func (d *Daemon) Container(_ context.Context, ref string) (api.Container, error) {
	return d.m.Container(ref)
}

func (d *Daemon) CreateContainer(_ context.Context, c api.ContainerCreate) (api.Created, error) {
	return d.m.CreateContainer(c)
}

func (d *Daemon) Start(_ context.Context, ref string, files []*os.File) (server.Run, error) {
	s, err := d.m.StartContainer(ref, files)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (d *Daemon) Exec(_ context.Context, ref string, e api.Exec, files []*os.File) (server.Run, error) {
	var three [3]*os.File
	copy(three[:], files)
	p, err := d.m.Exec(ref, e, three)
	if err != nil {
		return nil, err
	}
	return run{p}, nil
}

// run is a program as the server knows it.
type run struct{ network.Program }

func (r run) Signal(sig int) error {
	err := r.Program.Signal(syscall.Signal(sig))
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func (d *Daemon) ExecWait(ctx context.Context, id string) (int, error) { return d.m.ExecWait(ctx, id) }

func (d *Daemon) ExecSignal(_ context.Context, id string, c api.Control) error {
	return d.m.ExecSignal(id, c.Signal)
}

func (d *Daemon) Wait(ctx context.Context, ref string) (int, error) {
	return d.m.WaitContainer(ctx, ref)
}

func (d *Daemon) Stop(ctx context.Context, ref string, s api.Stop) error {
	return d.m.StopContainer(ctx, ref, time.Duration(max(s.Timeout, 0))*time.Second)
}

func (d *Daemon) Remove(ctx context.Context, ref string, force bool) error {
	return d.m.RemoveContainer(ctx, ref, force)
}

func (d *Daemon) Attach(_ context.Context, a api.Attach) (api.Created, error) { return d.m.Attach(a) }

func (d *Daemon) Detach(ctx context.Context, ref string) error { return d.m.Detach(ctx, ref) }

func (d *Daemon) FDB(_ context.Context, network string) ([]api.Station, error) {
	return d.m.FDB(network)
}

func (d *Daemon) Neighbours(_ context.Context, network string) ([]api.Neighbour, error) {
	return d.m.Neighbours(network)
}

func (d *Daemon) Leases(_ context.Context, network string) ([]api.Lease, error) {
	return d.m.Leases(network)
}

func (d *Daemon) Names(_ context.Context, network string) ([]api.Name, error) {
	return d.m.Names(network)
}

func (d *Daemon) Ports(_ context.Context, network string) ([]api.PublishedPort, error) {
	return d.m.PublishedPorts(network)
}

func (d *Daemon) Connections(_ context.Context, network string) ([]api.Connection, error) {
	return d.m.Connections(network)
}

func (d *Daemon) NATMappings(_ context.Context, network string) ([]api.NATMapping, error) {
	return d.m.NATMappings(network)
}

func (d *Daemon) Publish(_ context.Context, ref string, p api.PortPublish) (api.Ports, error) {
	return d.m.Publish(ref, p)
}

func (d *Daemon) Unpublish(_ context.Context, ref string, p api.PortUnpublish) (api.Ports, error) {
	return d.m.Unpublish(ref, p)
}

func (d *Daemon) Routes(_ context.Context, network string) ([]api.Route, error) {
	return d.m.Routes(network)
}

func (d *Daemon) Stats(context.Context) (api.Stats, error) { return d.m.Stats(), nil }

// followEvery is how often a log is looked at for more.
const followEvery = 200 * time.Millisecond

// Logs copies a container's log, with follow until the container has ended.
func (d *Daemon) Logs(ctx context.Context, ref string, follow bool, w io.Writer) error {
	log, running, err := d.m.Logs(ref)
	if err != nil {
		return err
	}
	defer log.Close()
	for {
		more := follow && running() // before the copy: what it wrote last is copied too
		if _, err := io.Copy(w, log); err != nil {
			return err
		}
		if !more {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}
