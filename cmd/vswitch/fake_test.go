package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/api"
)

// fakeSwitch is a switch without frames: it keeps objects in memory and runs
// programs right here. It is its own linkage.
type fakeSwitch struct {
	mu         sync.Mutex
	up         bool
	launched   []launchOptions
	networks   map[string]api.Network
	containers map[string]*fakeContainer
	reaches    func(from, to string) bool

	// what was asked last
	request any
	execs   []api.Exec
}

type fakeContainer struct {
	api.ContainerSummary
	cmd  []string
	env  []string
	dir  string
	tty  bool
	code int
	fakePorts
}

// testTime is when all tests happen.
var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fakeID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// newFake has the predefined networks, lan, net2 and net10, and the containers web
// and db on lan, lone on net2, and old, which has ended.
func newFake() *fakeSwitch {
	f := &fakeSwitch{
		up: true, networks: map[string]api.Network{}, containers: map[string]*fakeContainer{},
		reaches: func(string, string) bool { return true },
	}
	for i, n := range []struct{ name, driver, subnet string }{
		{"bridge", "bridge", "172.17.0.0/16"}, {"host", "host", ""}, {"none", "null", ""},
		{"lan", "bridge", "10.5.0.0/16"}, {"net10", "bridge", "10.10.0.0/16"}, {"net2", "bridge", "10.2.0.0/16"},
	} {
		net := api.Network{Name: n.name, ID: fakeID(n.name), Created: testTime.Add(-time.Duration(i) * time.Hour), Scope: "local", Driver: n.driver, EnableIPv4: true}
		net.IPAM = api.IPAM{Driver: "default", Config: []api.IPAMConfig{}}
		if n.subnet != "" {
			net.IPAM.Config = append(net.IPAM.Config, api.IPAMConfig{Subnet: n.subnet})
		}
		net.Labels, net.Options, net.Containers = map[string]string{}, map[string]string{}, map[string]api.NetworkEndpoint{}
		f.networks[n.name] = net
	}
	f.networks["lan"].Labels["stage"] = "test"
	f.add("web", "running", "Up 5 minutes", 5*time.Minute, []string{"python3", "-m", "http.server", "--bind", "0.0.0.0"}, "lan", "10.5.0.2/16")
	f.add("db", "running", "Up 2 hours", 2*time.Hour, []string{"sleep", "inf"}, "lan", "10.5.0.3/16")
	f.add("lone", "running", "Up 3 days", 72*time.Hour, nil, "net2", "10.2.0.2/16")
	f.add("old", "exited", "Exited (3) 2 weeks ago", 15*24*time.Hour, []string{"false"}, "lan", "")
	f.containers["old"].code = 3
	f.containers["web"].fakePorts = webPorts()
	f.networks["lan"] = withUplink(f.networks["lan"], api.UplinkState{Kind: "socket", Filtering: "port-restricted"})
	f.networks["net2"] = withUplink(f.networks["net2"], api.UplinkState{Kind: "network", Of: "lan", Filtering: "full-cone"})
	return f
}

func (f *fakeSwitch) add(name, state, status string, age time.Duration, cmd []string, network, addr string) {
	c := &fakeContainer{cmd: cmd}
	c.ID, c.Names, c.Command, c.Created = fakeID(name), []string{"/" + name}, strings.Join(cmd, " "), testTime.Add(-age).Unix()
	c.State, c.Status, c.Labels, c.Ports = state, status, map[string]string{"app": name}, []api.Port{}
	c.NetworkSettings.Networks = map[string]api.EndpointSettings{network: {IPAddress: bare(addr), NetworkID: fakeID(network)}}
	c.VSwitch = api.ContainerExtra{Schema: api.Schema("container"), Kind: "container", Addresses: []string{}}
	if addr != "" {
		c.VSwitch.Addresses = []string{addr}
		f.networks[network].Containers[c.ID] = api.NetworkEndpoint{Name: name, IPv4Address: addr}
	}
	f.containers[name] = c
}

var errDown = api.Errorf(api.SwitchUnreachable, syscall.ENOENT, "cannot reach the switch at %s", "/run/fake.sock")

func (f *fakeSwitch) open(string, string) (switchAPI, error) { return f, nil }
func (f *fakeSwitch) down(err error) bool                    { return errors.Is(err, errDown) }
func (f *fakeSwitch) forget(_, _ string) (string, error)     { return "", nil }
func (f *fakeSwitch) launch(_ context.Context, _, _ string, o launchOptions) error {
	f.up, f.launched = true, append(f.launched, o)
	return nil
}

// lookUp finds an object by name or the beginning of its ID, and proposes a name.
func lookUp[T any](f *fakeSwitch, all map[string]T, kind, ref string) (t T, err error) {
	if !f.up {
		return t, errDown
	}
	if t, ok := all[ref]; ok {
		return t, nil
	}
	for name, t := range all {
		if len(ref) > 3 && strings.HasPrefix(fakeID(name), ref) {
			return t, nil
		}
	}
	e := api.Errorf(api.UnknownName, nil, "there is no %s %q", kind, ref)
	if near := api.Nearest(ref, slices.Sorted(maps.Keys(all))); near != "" {
		e = e.WithFix("did you mean:  %s", near)
	}
	return t, e
}

func (f *fakeSwitch) Status(context.Context) (api.Status, error) {
	if !f.up {
		return api.Status{}, errDown
	}
	return api.Status{
		Schema: api.Schema("status"), Version: "v1.2.3", API: 1, PID: 101, Keeper: 100, Started: testTime.Add(-90 * time.Minute),
		Restarts: 1, User: 1000, Rootless: true, Socket: "/run/fake.sock", StateDir: "/var/fake", Loop: "epoll",
		LoopNote: "io_uring is forbidden", Workers: 1, Networks: len(f.networks), Containers: len(f.containers), Running: 3, Ports: 5,
		Memory: 23456789, CPU: 1.5, Findings: []api.Finding{{Time: testTime.Add(-time.Minute), Error: api.Errorf(api.StateDamaged, nil, "cannot read network %q", "x")}},
	}, nil
}

func (f *fakeSwitch) Down(_ context.Context, d api.Down, tell func(api.Removed)) error {
	if !f.up {
		return errDown
	}
	f.request, f.up = d, false
	for _, name := range slices.Sorted(maps.Keys(f.containers)) {
		tell(api.Removed{Kind: "container", Name: name})
	}
	if _, stuck := f.containers["stuck"]; stuck {
		tell(api.Removed{Kind: "mount", Name: "/x", Error: api.Errorf(api.Unexpected, syscall.EBUSY, "cannot remove mount %q", "/x")})
	}
	return nil
}

func (f *fakeSwitch) Metrics(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "vswitch_up 1\n")
	return err
}

func (f *fakeSwitch) Networks(context.Context) ([]api.Network, error) {
	if !f.up {
		return nil, errDown
	}
	return slices.Collect(maps.Values(f.networks)), nil
}

func (f *fakeSwitch) Network(_ context.Context, ref string) (api.Network, error) {
	return lookUp(f, f.networks, "network", ref)
}

func (f *fakeSwitch) CreateNetwork(_ context.Context, n api.NetworkCreate) (api.Created, error) {
	f.request = n
	if _, exists := f.networks[n.Name]; exists {
		return api.Created{}, api.Errorf(api.NameExists, nil, "network with name %s already exists", n.Name)
	}
	f.networks[n.Name] = api.Network{Name: n.Name, ID: fakeID(n.Name), Driver: n.Driver, Scope: "local", Labels: n.Labels, IPAM: n.IPAM}
	return api.Created{ID: fakeID(n.Name)}, nil
}

func (f *fakeSwitch) RemoveNetwork(_ context.Context, ref string) error {
	n, err := lookUp(f, f.networks, "network", ref)
	switch {
	case err != nil:
		return err
	case slices.Contains(predefined, n.Name):
		return api.Errorf(api.Predefined, nil, "%s is a pre-defined network and cannot be removed", n.Name)
	case len(n.Containers) > 0:
		return api.Errorf(api.ObjectInUse, nil, "network %s has active endpoints", n.Name)
	}
	delete(f.networks, n.Name)
	return nil
}

func (f *fakeSwitch) PruneNetworks(context.Context) (p api.Pruned, err error) {
	for _, name := range slices.Sorted(maps.Keys(f.networks)) {
		if n := f.networks[name]; len(n.Containers) == 0 && !slices.Contains(predefined, name) {
			delete(f.networks, name)
			p.NetworksDeleted = append(p.NetworksDeleted, name)
		}
	}
	return p, nil
}

func (f *fakeSwitch) Connect(_ context.Context, network string, c api.NetworkConnect) error {
	f.request = c
	if _, err := lookUp(f, f.networks, "network", network); err != nil {
		return err
	}
	_, err := lookUp(f, f.containers, "container", c.Container)
	return err
}

func (f *fakeSwitch) Disconnect(_ context.Context, network string, d api.NetworkDisconnect) error {
	f.request = d
	_, err := lookUp(f, f.networks, "network", network)
	return err
}

func (f *fakeSwitch) Containers(_ context.Context, all bool) (found []api.ContainerSummary, err error) {
	if !f.up {
		return nil, errDown
	}
	for _, c := range f.containers {
		if all || c.State == "running" {
			c.Ports = c.rows()
			found = append(found, c.ContainerSummary)
		}
	}
	return found, nil
}

func (f *fakeSwitch) Container(_ context.Context, ref string) (api.Container, error) {
	c, err := lookUp(f, f.containers, "container", ref)
	if err != nil {
		return api.Container{}, err
	}
	return api.Container{
		ID: c.ID, Name: c.Names[0], State: api.ContainerState{Status: c.State, ExitCode: c.code},
		HostConfig:      api.HostConfig{DNS: []string{"9.9.9.9"}, PortBindings: c.published},
		Config:          api.ContainerConfig{ExposedPorts: c.exposed},
		NetworkSettings: api.NetworkSettings{Networks: c.NetworkSettings.Networks, Ports: maps.Clone(c.published)},
		VSwitch:         api.ContainerExtra{PublishError: c.fault},
	}, nil
}

func (f *fakeSwitch) CreateContainer(_ context.Context, c api.ContainerCreate) (api.Created, error) {
	f.request = c
	name := c.Name
	if name == "" {
		name = "eager_turing"
	}
	if _, exists := f.containers[name]; exists {
		return api.Created{}, api.Errorf(api.NameExists, nil, "cannot create container %q", name)
	}
	f.add(name, "created", "Created", 0, c.Cmd, "lan", "")
	made := f.containers[name]
	made.env, made.dir, made.tty = c.Env, c.WorkingDir, c.Tty
	if len(c.Networks) > 0 && c.Networks[0].Network == "host" && len(c.PortBindings) > 0 {
		return api.Created{ID: fakeID(name), Warnings: []string{"Published ports are discarded when using host network mode"}}, nil
	}
	return api.Created{ID: fakeID(name)}, nil
}

func (f *fakeSwitch) Start(_ context.Context, ref string, files *[3]*os.File) (program, error) {
	c, err := lookUp(f, f.containers, "container", ref)
	if err != nil {
		return nil, err
	}
	c.State, c.Status = "running", "Up Less than a second"
	if files == nil {
		return nil, nil
	}
	return runHere(c.cmd, c.env, c.dir, c.tty, *files)
}

func (f *fakeSwitch) Exec(_ context.Context, ref string, e api.Exec, files [3]*os.File) (program, error) {
	f.execs = append(f.execs, e)
	if c, err := lookUp(f, f.containers, "container", ref); err != nil {
		return nil, err
	} else if c.State != "running" {
		return nil, api.Errorf(api.NotRunning, nil, "container %s is not running", ref)
	}
	return runHere(e.Cmd, e.Env, e.WorkingDir, e.Tty, files)
}

func (f *fakeSwitch) Wait(_ context.Context, ref string) (int, error) {
	c, err := lookUp(f, f.containers, "container", ref)
	if err != nil {
		return 0, err
	}
	return c.code, nil
}

func (f *fakeSwitch) Stop(_ context.Context, ref string, s api.Stop) error {
	f.request = s
	c, err := lookUp(f, f.containers, "container", ref)
	if err == nil {
		c.State, c.Status = "exited", "Exited (143) Less than a second ago"
	}
	return err
}

func (f *fakeSwitch) Remove(_ context.Context, ref string, force bool) error {
	c, err := lookUp(f, f.containers, "container", ref)
	switch {
	case err != nil:
		return err
	case c.State == "running" && !force:
		return api.Errorf(api.IsRunning, nil, "cannot remove container %q", ref)
	}
	delete(f.containers, containerName(c.ContainerSummary))
	return nil
}

func (f *fakeSwitch) Logs(_ context.Context, ref string, follow bool, w io.Writer) error {
	if _, err := lookUp(f, f.containers, "container", ref); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "a line of %s, follow %v\n", ref, follow)
	return err
}

func (f *fakeSwitch) Attach(_ context.Context, a api.Attach) (api.Created, error) {
	f.request = a
	return api.Created{ID: fakeID(a.Name), Warnings: []string{"the namespace has no loopback"}}, nil
}

func (f *fakeSwitch) Detach(_ context.Context, ref string) error {
	_, err := lookUp(f, f.containers, "container", ref)
	return err
}

// fakeProgram is a program of this machine, outside of every container.
type fakeProgram struct{ cmd *exec.Cmd }

func runHere(line, env []string, dir string, tty bool, files [3]*os.File) (program, error) {
	path, err := exec.LookPath(line[0])
	if err != nil {
		return nil, api.Errorf(api.NoCommand, err, "cannot run %q", line[0])
	}
	cmd := exec.Command(path, line[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, dir, files[0], files[1], files[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: tty}
	return fakeProgram{cmd}, cmd.Start()
}

func (p fakeProgram) Signal(sig int) error { return p.cmd.Process.Signal(syscall.Signal(sig)) }

func (p fakeProgram) Wait(context.Context) (int, error) {
	err := p.cmd.Wait()
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal()), nil
	}
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return p.cmd.ProcessState.ExitCode(), nil
	}
	return 0, err
}

// with runs one command line against the switch, with files as its descriptors.
func (f *fakeSwitch) with(t testing.TB, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]*os.File{}
	for _, name := range []string{"in", "out", "err"} {
		file, err := os.Create(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		files[name] = file
	}
	if _, err := files["in"].WriteAt([]byte(in), 0); err != nil {
		t.Fatal(err)
	}
	a := &app{in: files["in"], out: files["out"], err: files["err"], link: f, now: func() time.Time { return testTime }}
	code = a.run(t.Context(), args)
	read := func(name string) string {
		b, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return code, read("out"), read("err")
}
