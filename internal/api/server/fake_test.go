package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"time"

	"vswitch/internal/api"
)

// fake is a Backend that notes what it was asked and answers with values that have
// something in every field.
type fake struct {
	mu   sync.Mutex
	name string
	args []any
	// fail is what every method fails with.
	fail error
	// The methods that a test fills in itself; nil ones answer as the others.
	start func(ctx context.Context, ref string, files []*os.File) (Run, error)
	exec  func(ctx context.Context, ref string, e api.Exec, files []*os.File) (Run, error)
	waits func(ctx context.Context, ref string) (int, error)
	logs  func(ctx context.Context, w io.Writer) error
	down  func(ctx context.Context, tell func(api.Removed)) error
	ping  func(ctx context.Context) (api.Pong, error)
}

// did notes a call and answers it.
func did[A any](f *fake, name string, args ...any) (A, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name, f.args = name, args
	if f.fail != nil {
		return *new(A), f.fail
	}
	return filled[A](), nil
}

// asked returns the last call.
func (f *fake) asked() (string, []any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.name, f.args
}

// only is for methods that answer nothing.
func (f *fake) only(name string, args ...any) error {
	_, err := did[none](f, name, args...)
	return err
}

func (f *fake) Status(context.Context) (api.Status, error) { return did[api.Status](f, "Status") }
func (f *fake) Down(ctx context.Context, d api.Down, tell func(api.Removed)) error {
	if f.down != nil {
		return f.down(ctx, tell)
	}
	return f.only("Down", d)
}
func (f *fake) Metrics(_ context.Context, w io.Writer) error {
	fmt.Fprintln(w, "vswitch_ports 3")
	return f.only("Metrics")
}
func (f *fake) Networks(context.Context) ([]api.Network, error) {
	return did[[]api.Network](f, "Networks")
}
func (f *fake) Network(_ context.Context, ref string) (api.Network, error) {
	return did[api.Network](f, "Network", ref)
}
func (f *fake) CreateNetwork(_ context.Context, n api.NetworkCreate) (api.Created, error) {
	return did[api.Created](f, "CreateNetwork", n)
}
func (f *fake) RemoveNetwork(_ context.Context, ref string) error {
	return f.only("RemoveNetwork", ref)
}
func (f *fake) PruneNetworks(context.Context) (api.Pruned, error) {
	return did[api.Pruned](f, "PruneNetworks")
}
func (f *fake) Connect(_ context.Context, network string, c api.NetworkConnect) error {
	return f.only("Connect", network, c)
}
func (f *fake) Disconnect(_ context.Context, network string, d api.NetworkDisconnect) error {
	return f.only("Disconnect", network, d)
}
func (f *fake) Containers(_ context.Context, all bool) ([]api.ContainerSummary, error) {
	return did[[]api.ContainerSummary](f, "Containers", all)
}
func (f *fake) Container(_ context.Context, ref string) (api.Container, error) {
	return did[api.Container](f, "Container", ref)
}
func (f *fake) CreateContainer(_ context.Context, c api.ContainerCreate) (api.Created, error) {
	return did[api.Created](f, "CreateContainer", c)
}
func (f *fake) Start(ctx context.Context, ref string, files []*os.File) (Run, error) {
	if f.start != nil {
		return f.start(ctx, ref, files)
	}
	return newRun(), f.only("Start", ref)
}
func (f *fake) Exec(ctx context.Context, ref string, e api.Exec, files []*os.File) (Run, error) {
	if f.exec != nil {
		return f.exec(ctx, ref, e, files)
	}
	return newRun(), f.only("Exec", ref, e)
}
func (f *fake) ExecWait(ctx context.Context, id string) (int, error) {
	if f.waits != nil {
		return f.waits(ctx, id)
	}
	return did[int](f, "ExecWait", id)
}
func (f *fake) ExecSignal(ctx context.Context, id string, c api.Control) error {
	return f.only("ExecSignal", id, c)
}
func (f *fake) Wait(ctx context.Context, ref string) (int, error) {
	if f.waits != nil {
		return f.waits(ctx, ref)
	}
	return did[int](f, "Wait", ref)
}
func (f *fake) Stop(_ context.Context, ref string, s api.Stop) error { return f.only("Stop", ref, s) }
func (f *fake) Remove(_ context.Context, ref string, force bool) error {
	return f.only("Remove", ref, force)
}
func (f *fake) Logs(ctx context.Context, ref string, follow bool, w io.Writer) error {
	if f.logs != nil {
		return f.logs(ctx, w)
	}
	return f.only("Logs", ref, follow)
}
func (f *fake) Attach(_ context.Context, a api.Attach) (api.Created, error) {
	return did[api.Created](f, "Attach", a)
}
func (f *fake) Detach(_ context.Context, ref string) error { return f.only("Detach", ref) }
func (f *fake) Publish(_ context.Context, ref string, p api.PortPublish) (api.Ports, error) {
	return did[api.Ports](f, "Publish", ref, p)
}
func (f *fake) Unpublish(_ context.Context, ref string, p api.PortUnpublish) (api.Ports, error) {
	return did[api.Ports](f, "Unpublish", ref, p)
}
func (f *fake) FDB(_ context.Context, network string) ([]api.Station, error) {
	return did[[]api.Station](f, "FDB", network)
}
func (f *fake) Neighbours(_ context.Context, network string) ([]api.Neighbour, error) {
	return did[[]api.Neighbour](f, "Neighbours", network)
}
func (f *fake) Leases(_ context.Context, network string) ([]api.Lease, error) {
	return did[[]api.Lease](f, "Leases", network)
}
func (f *fake) Names(_ context.Context, network string) ([]api.Name, error) {
	return did[[]api.Name](f, "Names", network)
}
func (f *fake) Routes(_ context.Context, network string) ([]api.Route, error) {
	return did[[]api.Route](f, "Routes", network)
}
func (f *fake) Ports(_ context.Context, network string) ([]api.PublishedPort, error) {
	return did[[]api.PublishedPort](f, "Ports", network)
}
func (f *fake) Connections(_ context.Context, network string) ([]api.Connection, error) {
	return did[[]api.Connection](f, "Connections", network)
}
func (f *fake) NATMappings(_ context.Context, network string) ([]api.NATMapping, error) {
	return did[[]api.NATMapping](f, "NATMappings", network)
}
func (f *fake) Stats(context.Context) (api.Stats, error) { return did[api.Stats](f, "Stats") }
func (f *fake) Ping(ctx context.Context, p api.Ping) (api.Pong, error) {
	if f.ping != nil {
		return f.ping(ctx)
	}
	return did[api.Pong](f, "Ping", p)
}
func (f *fake) Iperf(_ context.Context, p api.Iperf) (api.IperfResult, error) {
	return did[api.IperfResult](f, "Iperf", p)
}

// filled returns a value with something in every field, so that a field that is
// lost on the way shows.
func filled[A any]() A {
	var a A
	fill(reflect.ValueOf(&a).Elem())
	return a
}

func fill(v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2024, 2, 29, 12, 30, 0, 5, time.UTC)
		return
	case *api.Error:
		*x = *api.Errorf(api.PortInUse, nil, "cannot do && <it>").Because("why").WithFix("a && b")
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("a <b> & \"c\" \u00e4")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint16, reflect.Uint64:
		v.SetUint(65535)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
		panic("fill: " + v.Type().String())
	}
}

// program is a Run that a test ends.
type program struct {
	end     chan int
	signals chan int
}

func newRun() *program { return &program{end: make(chan int, 1), signals: make(chan int, 16)} }

func (p *program) ID() string { return "run1" }
func (p *program) PID() int   { return 4711 }
func (p *program) Wait(ctx context.Context) (int, error) {
	select {
	case code := <-p.end:
		return code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
func (p *program) Signal(sig int) error {
	p.signals <- sig
	return nil
}
