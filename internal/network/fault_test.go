package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/sandbox"
	"vswitch/internal/state"
	"vswitch/internal/testnet"
)

// fault lets one call of the store or the keeper fail: the one that comes after so
// many.
type fault struct {
	mu    sync.Mutex
	armed bool
	left  int
	hit   string // what has failed
}

var errFault = &state.WriteError{Op: "write", Path: "a file", Err: syscall.ENOSPC}

func (f *fault) arm(after int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.left, f.hit = true, after, ""
}

// disarm returns what has failed since arm.
func (f *fault) disarm() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = false
	return f.hit
}

func (f *fault) at(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed || f.hit != "" {
		return nil
	}
	if f.left--; f.left >= 0 {
		return nil
	}
	f.hit = call
	return fmt.Errorf("%s: %w", call, errFault)
}

type failingStore struct {
	*state.Store
	f *fault
}

func (s failingStore) Save(kind, key string, v any) error {
	if err := s.f.at("save " + kind); err != nil {
		return err
	}
	return s.Store.Save(kind, key, v)
}

func (s failingStore) Delete(kind string, keys ...string) error {
	if err := s.f.at("delete " + kind); err != nil {
		return err
	}
	return s.Store.Delete(kind, keys...)
}

type failingPrograms struct {
	*keep
	f *fault
}

func (p failingPrograms) Hold(id string, s *sandbox.Sandbox) error {
	if err := p.f.at("hold"); err != nil {
		return err
	}
	return p.keep.Hold(id, s)
}

func (p failingPrograms) Run(spec RunSpec, files [3]*os.File) (Program, error) {
	if err := p.f.at("run"); err != nil {
		return nil, err
	}
	return p.keep.Run(spec, files)
}

// Whatever step of a request fails, the request fails, says what it was, and leaves
// everything as it was before.
func TestFailedStepIsUndone(t *testing.T) {
	r := newRig(t, nil)
	r.network("front", "10.50.0.0/24", ipv6)
	r.network("back", "")
	r.run("other", on("front")...)
	sleeper := api.ContainerCreate{Name: "web", Cmd: []string{"sleep", "1000"}, Networks: []api.EndpointConfig{
		{Network: "front", IPv4: "10.50.0.7", Aliases: []string{"www"}}, {Network: "back"},
	}}
	foreign := newForeign(t)
	for _, step := range []struct {
		name  string
		prior func() // makes what do works with
		do    func() error
		fails []string // what is called, in order
		undo  func()
	}{
		{"create network", nil, func() error { _, err := r.CreateNetwork(api.NetworkCreate{Name: "net"}); return err },
			[]string{"save network"}, func() { must(t, r.RemoveNetwork("net")) }},
		{"remove network", func() { r.network("net", "") }, func() error { return r.RemoveNetwork("net") },
			[]string{"delete network"}, nil},
		{"create", nil, func() error { _, err := r.CreateContainer(sleeper); return err },
			[]string{"save container"}, func() { r.remove("web") }},
		{"start", func() { // not for the first time: its fixed address is its own from then on
			_, err := r.CreateContainer(sleeper)
			must(t, err)
			r.begin("web")
			r.stop("web")
		},
			func() error { _, err := r.StartContainer("web", nil); return err },
			[]string{"hold", "run", "save container"}, func() { r.remove("web") }},
		{"connect", nil, func() error { return r.Connect("back", api.EndpointConfig{}, "other") },
			[]string{"save container"}, nil},
		{"disconnect", nil, func() error { return r.Disconnect("back", "other", false) },
			[]string{"save container"}, nil},
		{"remove", func() { _, err := r.CreateContainer(sleeper); must(t, err) },
			func() error { return r.RemoveContainer(t.Context(), "web", false) }, []string{"delete container"}, nil},
		{"attach", nil, func() error {
			_, err := r.Attach(api.Attach{Name: "guest", NetNS: foreign, Endpoint: api.EndpointConfig{Network: "front"}})
			return err
		}, []string{"save container", "save container"}, func() { must(t, r.Detach(t.Context(), "guest")) }},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.prior != nil {
				step.prior()
			}
			before := r.states()
			for i, call := range step.fails {
				r.fault.arm(i)
				err := step.do()
				if hit := r.fault.disarm(); hit != call {
					t.Errorf("call %d was %q, want %q", i, hit, call)
				}
				code := api.StateUnwritable
				if call == "hold" || call == "run" {
					code = api.RunFailed
				}
				wants(t, call, err, code)
				if !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("%s: the cause is lost: %v", call, err)
				}
				if after := r.states(); !slices.Equal(after, before) {
					t.Errorf("after %s failed:\n%s\nbefore:\n%s", call, strings.Join(after, "\n"), strings.Join(before, "\n"))
				}
			}
			r.fault.arm(len(step.fails))
			must(t, step.do())
			// A file with leases of no network is no reason to keep the network.
			if hit := r.fault.disarm(); hit != "" && hit != "delete lease" {
				t.Errorf("there is one more call: %s", hit)
			}
			if step.undo != nil {
				step.undo()
			}
		})
	}
	r.quiet()
}

// states is tables, where a container that failed to start is as good as one that
// never did.
func (r *rig) states() []string {
	out := r.tables()
	for i := range out {
		out[i] = strings.Replace(out[i], " exited ", " created ", 1)
	}
	return out
}

// A container that is to go with its program goes also when that never ran.
func TestAutoRemoveOfFailedStart(t *testing.T) {
	r := newRig(t, nil)
	before := r.tables()
	for _, c := range []struct {
		cmd  string
		code api.Code
	}{{"/no/such/program", api.NoCommand}, {"/etc/hostname", api.NotExecutable}} {
		_, err := r.CreateContainer(api.ContainerCreate{Name: "web", Cmd: []string{c.cmd}, AutoRemove: true})
		must(t, err)
		_, err = r.StartContainer("web", nil)
		wants(t, c.cmd, err, c.code)
		if after := r.tables(); !slices.Equal(before, after) {
			t.Errorf("left: %q", after)
		}
	}
}

// Who waits for a container that is seen running and then cannot be started hears of
// it.
func TestWaitForFailedStart(t *testing.T) {
	r := newRig(t, nil)
	_, err := r.CreateContainer(api.ContainerCreate{Name: "web"})
	must(t, err)
	waited := make(chan error, 1)
	saving := make(chan struct{})
	r.cfg.Store = pausingStore{r.cfg.Store, func() {
		close(saving)
		go func() {
			_, err := r.WaitContainer(context.Background(), "web")
			waited <- err
		}()
		testnet.Eventually(func() bool { return waiting(r) })
	}}
	_, err = r.StartContainer("web", nil)
	wants(t, "start", err, api.StateUnwritable)
	<-saving
	must(t, <-waited)
	r.cfg.Store = r.cfg.Store.(pausingStore).Store
}

// waiting gives the goroutine of WaitContainer the time to begin.
func waiting(r *rig) bool {
	_, _, running := r.Counts()
	return running == 1
}

// pausingStore calls pause before a Save that fails.
type pausingStore struct {
	Store
	pause func()
}

func (s pausingStore) Save(kind, key string, v any) error {
	c, ok := v.(*Container)
	if ok && c.State == Running {
		s.pause()
		return errFault
	}
	return s.Store.Save(kind, key, v)
}
