package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/api/server"
	"vswitch/internal/dns"
	"vswitch/internal/network"
	"vswitch/internal/sandbox/keeper"
	"vswitch/internal/state"
)

// MainConfig says what switch process to be.
type MainConfig struct {
	Dirs    keeper.Dirs
	Version string
	IO      string
	Workers int
	// User is the uid of who started the switch, as the host sees it.
	User     int
	Rootless bool
	// HostLoopback opens the host's loopback to containers, by the host's name.
	HostLoopback bool
	Log          *slog.Logger
}

// Daemon is the switch process: networks and containers, and the API in front of
// them. It is the server's Backend.
type Daemon struct {
	cfg     MainConfig
	log     *slog.Logger
	kept    *keeper.Switch
	store   *state.Store
	fabric  *network.Fabric
	m       *network.Manager
	started time.Time

	// done is closed when down has taken everything down.
	done chan struct{}
	down sync.Once

	mu       sync.Mutex
	findings []api.Finding
}

// shutdownPatience is how long answers under way may take when the process ends.
const shutdownPatience = 2 * time.Second

// Main is the life of the switch process: it takes what the keeper has passed,
// loads the state, joins again what runs, and serves the API until down or the end
// of ctx, which takes the containers down and keeps the networks for the next
// start. The keeper is told how it went.
func Main(ctx context.Context, c MainConfig) error {
	kept, err := keeper.Inherited()
	if err != nil {
		return err
	}
	d, err := open(c, kept)
	if err != nil {
		kept.Failed(err)
		return err
	}
	srv := server.New(server.Config{Backend: d, Version: c.Version, Log: d.log})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(kept.Listener) }()
	if err := kept.Ready(); err != nil {
		d.log.Warn("the keeper was not told", "err", err)
	}
	select {
	case <-d.done:
	case err = <-served:
		return errors.Join(err, d.close())
	case <-ctx.Done():
		err = d.Down(context.Background(), api.Down{Keep: true}, func(r api.Removed) { d.log.Info("removed", r.Kind, r.Name) })
	}
	last, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	return errors.Join(err, srv.Shutdown(last))
}

// open makes the daemon of what was there before.
func open(c MainConfig, kept *keeper.Switch) (*Daemon, error) {
	d := &Daemon{cfg: c, log: c.Log, kept: kept, started: time.Now(), done: make(chan struct{})}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if err := d.openStore(); err != nil {
		return nil, err
	}
	err := d.openNetworks()
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// openStore opens the state directory.
func (d *Daemon) openStore() error {
	store, damaged, err := state.Open(d.cfg.Dirs.State, state.Options{
		// Who holds a lease ends with the machine: it need not survive its crash, and
		// the client waits for it to be written.
		FastKinds: []string{network.KindLease},
	})
	switch {
	case errors.Is(err, state.ErrNewer):
		return api.Errorf(api.StateNewer, err, "cannot read the switch's state in %s", d.cfg.Dirs.State)
	case err != nil:
		return api.Errorf(api.StateUnwritable, err, "cannot open the switch's state in %s", d.cfg.Dirs.State)
	}
	d.store = store
	for _, f := range damaged {
		d.found(api.Errorf(api.StateDamaged, f.Err, "a file of the switch's state could not be read").WithFix("it was kept as:  %s", f.Aside))
	}
	return nil
}

// identity is the document that names this switch.
type identity struct{ ID string }

// identify returns the switch's own ID, which its IPv6 addresses are derived from.
func (d *Daemon) identify() (string, error) {
	var doc identity
	err := d.store.Load("switch", "identity", &doc)
	if err == nil && doc.ID != "" {
		return doc.ID, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.found(api.Errorf(api.StateDamaged, err, "the switch's identity was lost: new IPv6 networks get other prefixes"))
	}
	doc.ID = rand.Text()
	if err := d.store.Save("switch", "identity", &doc); err != nil {
		return "", api.Errorf(api.StateUnwritable, err, "cannot write the switch's state in %s", d.cfg.Dirs.State)
	}
	return doc.ID, nil
}

func (d *Daemon) openNetworks() (err error) {
	id, err := d.identify()
	if err != nil {
		return err
	}
	d.fabric, err = network.NewFabric(network.FabricConfig{IO: d.cfg.IO, Workers: d.cfg.Workers, Log: d.log})
	if err != nil {
		return err
	}
	resolvers := dns.HostResolvers("/etc/resolv.conf", time.Now)
	d.m, err = network.New(network.Config{
		Fabric: d.fabric, Store: d.store, Programs: programs{d.kept}, Seed: id,
		HostRoutes: network.HostRoutes, Upstreams: func() []netip.AddrPort { return resolvers.Servers() },
		Search: func() []string { return resolvers.Current().Search }, LogDir: logDir(d.cfg.Dirs), Log: d.log, Found: d.found,
		HostLoopback: d.cfg.HostLoopback, OpenFiles: openFiles(), Sockets: d.sockets(),
		NetPath: func(id string) string { p, _ := d.kept.NetPath(id); return p },
	})
	return err
}

// openFiles is how many descriptors this process may have. The Go runtime has raised
// the soft limit to the hard one.
func openFiles() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return int(min(r.Cur, 1<<24))
}

// close lets go of everything and leaves it running, for the next switch process.
func (d *Daemon) close() error {
	var errs []error
	if d.m != nil {
		errs = append(errs, d.m.Release())
	}
	if d.fabric != nil {
		errs = append(errs, d.fabric.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	return errors.Join(errs...)
}

// findingsKept is how many findings are remembered.
const findingsKept = 100

// found notes what went wrong and was survived.
func (d *Daemon) found(e *api.Error) {
	if e == nil {
		return
	}
	d.log.Warn(e.Error())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.findings = append(d.findings, api.Finding{Time: time.Now().UTC(), Error: e})
	if n := len(d.findings) - findingsKept; n > 0 {
		d.findings = append([]api.Finding{}, d.findings[n:]...)
	}
}

// Down ends containers and, unless they are to be kept, networks and the state, and
// has the keeper end when this process has ended.
func (d *Daemon) Down(ctx context.Context, c api.Down, tell func(api.Removed)) error {
	var err error
	first := false
	d.down.Do(func() {
		first = true
		err = d.takeDown(ctx, c, tell)
		close(d.done)
	})
	if !first {
		return api.Errorf(api.SwitchUnreachable, nil, "the switch is ending already")
	}
	return err
}

func (d *Daemon) takeDown(ctx context.Context, c api.Down, tell func(api.Removed)) error {
	var failed []error
	say := func(kind, name string, err error) {
		failed = append(failed, err)
		tell(api.Removed{Kind: kind, Name: name, Error: api.AsError(err)})
	}
	if c.Keep {
		d.m.StopAll(ctx, say)
	} else {
		d.m.Clear(ctx, say)
	}
	failed = append(failed, d.m.Release(), d.fabric.Close())
	if c.Keep {
		failed = append(failed, d.store.Close())
	} else {
		failed = append(failed, d.destroyState(say))
	}
	failed = append(failed, d.kept.End())
	if err := errors.Join(failed...); err != nil {
		return api.Errorf(api.Unexpected, err, "something of the switch is left")
	}
	return nil
}

// destroyState removes the files of the state, and the logs beside them.
func (d *Daemon) destroyState(say func(kind, name string, err error)) error {
	logs := os.RemoveAll(logDir(d.cfg.Dirs))
	_, err := d.store.Destroy()
	if err = errors.Join(logs, err); err != nil {
		err = fmt.Errorf("remove the state: %w", err)
	}
	say("state", d.cfg.Dirs.State, err)
	return err
}

func logDir(d keeper.Dirs) string { return filepath.Join(d.State, "logs") }

// RemoveState removes the state that a switch has left in its files, of whatever
// version, where none runs. It reports whether there was any.
func RemoveState(dirs keeper.Dirs) (bool, error) {
	found, err := state.Remove(dirs.State)
	if !found || err != nil {
		return found, err
	}
	return true, errors.Join(os.RemoveAll(logDir(dirs)), removeEmpty(dirs.State))
}

// removeEmpty removes a directory unless something lies in it.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return err
}
