package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/state"
	"vswitch/internal/testnet"
)

// rig is a manager over a real fabric and real files. Its end checks what holds for
// every test: nothing is left in any table, the ledger balances.
type rig struct {
	*Manager
	t     *testing.T
	dir   string
	store *state.Store
	keep  *keep
	// fault is what the next calls of the store and the keeper run into.
	fault *fault
	// change edits the manager's configuration, also after a restart.
	change func(*Config)

	mu    sync.Mutex
	found []string
}

// newRig starts a manager. Tests with a rig do not run beside each other.
func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	testnet.NeedTUN(t)
	testnet.NeedPrograms(t, "ping", "sleep")
	testnet.NoLeaks(t)
	r := &rig{t: t, dir: t.TempDir(), keep: newKeep(), fault: &fault{}, change: change}
	r.open()
	t.Cleanup(r.end)
	return r
}

func (r *rig) open() {
	r.t.Helper()
	fabric, err := NewFabric(FabricConfig{Workers: 1})
	must(r.t, err)
	r.store, _, err = state.Open(r.dir, state.Options{Sync: state.Fast})
	must(r.t, err)
	cfg := Config{
		Fabric: fabric, Store: failingStore{r.store, r.fault}, Programs: failingPrograms{r.keep, r.fault},
		Seed: "a switch", LogDir: filepath.Join(r.dir, "logs"), Found: r.note,
	}
	if r.change != nil {
		r.change(&cfg)
	}
	r.Manager, err = New(cfg)
	must(r.t, err)
}

// close lets go of everything, as a switch process does that makes room for another.
func (r *rig) close() {
	r.t.Helper()
	must(r.t, errors.Join(r.Release(), r.fabric.Close(), r.store.Close()))
}

func (r *rig) restart() {
	r.t.Helper()
	r.close()
	r.open()
}

func (r *rig) note(e *api.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = append(r.found, e.Text()+fmt.Sprint(" (", e.Unwrap(), ")"))
}

// quiet fails the test if anything went wrong that was survived.
func (r *rig) quiet() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.found {
		r.t.Errorf("found: %s", f)
	}
	r.found = nil
}

// end removes everything and looks at what is left.
func (r *rig) end() {
	r.Clear(context.Background(), func(kind, name string, err error) {
		if err != nil {
			r.t.Errorf("clear: %s %s: %v", kind, name, err)
		}
	})
	testnet.AtRest(r.t, r.fabric.Totals)
	if left := r.tables(); len(left) > 0 {
		r.t.Errorf("left after the end:\n%s", strings.Join(left, "\n"))
	}
	r.close()
	r.quiet()
	if totals := r.fabric.Totals(); !totals.Balanced() {
		r.t.Errorf("not balanced after the end: %+v", totals)
	}
	for id, p := range r.keep.runs { // those of Exec are kept for a while
		if !p.ended() {
			r.t.Errorf("program %s still runs", id)
		}
	}
}

// tables lists all that is taken: what has to be the same again after something was
// undone.
func (r *rig) tables() []string {
	r.Manager.mu.Lock()
	var out []string
	for _, n := range r.networks {
		users := r.userNames(n)
		line := fmt.Sprintf("network %s users %v", n.rec.Name, users)
		for _, v6 := range []bool{false, true} {
			if p := n.pool(v6); p != nil {
				used, _ := p.Use()
				line += fmt.Sprintf(" %v used %d", p.Subnet(), used)
			}
		}
		if n.seg != nil {
			line += fmt.Sprintf(" ports %d", len(n.seg.sw.Ports()))
			if n.seg.gw != nil {
				line += fmt.Sprintf(" neighbours %v", n.seg.gw.Neighbours())
			}
		}
		out = append(out, line)
	}
	for _, b := range r.containers {
		line := fmt.Sprintf("container %s %s plugs %d clients %d", b.rec.Name, b.rec.State, len(b.plugs), len(b.clients))
		for _, e := range b.rec.Endpoints {
			line += fmt.Sprintf(" %s on %s %v", e.Ifname, shortID(e.Network), e.addrs())
		}
		out = append(out, line)
	}
	for name := range r.names {
		out = append(out, "name "+name)
	}
	r.Manager.mu.Unlock()
	for _, n := range r.zone.List() {
		out = append(out, fmt.Sprint("DNS ", n.NetworkName, n.Names))
	}
	for _, p := range r.space.InUse() {
		out = append(out, "subnet "+p.Prefix.String())
	}
	holds, _ := r.keep.Holds()
	out = append(out, r.runs()...)
	for _, id := range holds {
		out = append(out, "held "+shortID(id))
	}
	for _, kind := range []string{kindNetwork, kindContainer, KindLease} {
		files, _ := os.ReadDir(filepath.Join(r.dir, kind))
		for _, f := range files {
			out = append(out, kind+" file "+f.Name())
		}
	}
	if n := len(r.fabric.plugs); n > 0 {
		out = append(out, fmt.Sprint("plugs ", n))
	}
	slices.Sort(out)
	return out
}

// runs lists the containers' programs that still run.
func (r *rig) runs() (out []string) {
	states, _ := r.keep.Runs()
	for _, s := range states {
		if s.Running {
			out = append(out, "run in "+shortID(s.Box))
		}
	}
	return out
}

// shown is all that a user can see, without what differs from one switch process to
// the next: numbers of ports and counts.
func (r *rig) shown() string {
	r.t.Helper()
	nets := r.Networks()
	for i := range nets {
		nets[i].VSwitch.Stations = 0
	}
	var boxes []api.Container
	for _, s := range r.Containers(true) {
		c, err := r.Container(s.ID)
		must(r.t, err)
		for name, e := range c.NetworkSettings.Networks {
			if e.VSwitch.Port >= 0 {
				e.VSwitch.Port = 1
			}
			c.NetworkSettings.Networks[name] = e
		}
		boxes = append(boxes, c)
	}
	names, err := r.Names("")
	must(r.t, err)
	routes, err := r.Routes("")
	must(r.t, err)
	out, err := json.MarshalIndent(map[string]any{"networks": nets, "containers": boxes, "names": names, "routes": routes}, "", " ")
	must(r.t, err)
	return string(out)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants checks the code of an error; "" is none.
func wants(t testing.TB, what string, err error, code api.Code) {
	t.Helper()
	e, ok := errors.AsType[*api.Error](err)
	switch {
	case err == nil && code == "":
	case !ok || e.Code != code:
		t.Errorf("%s: got %v, want %q", what, err, code)
	}
}
