package network

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

func TestLifeOfContainer(t *testing.T) {
	r := newRig(t, nil)
	before := r.tables()
	made, err := r.CreateContainer(api.ContainerCreate{Name: "web", Cmd: []string{"sh", "-c", "echo hello; exec sleep 1000"}, Env: []string{"PATH=/usr/bin:/bin"}})
	must(t, err)
	created := r.tables()
	s, err := r.StartContainer(made.ID[:5], nil)
	must(t, err)
	_, err = r.StartContainer("web", nil)
	wants(t, "start again", err, api.IsRunning)
	wants(t, "rm", r.RemoveContainer(t.Context(), "/web", false), api.IsRunning)
	if c, err := r.Container("web"); err != nil || !c.State.Running || c.State.Pid != s.PID() || c.NetworkSettings.IPAddress != "172.17.0.2" ||
		c.NetworkSettings.MacAddress != "02:42:ac:11:00:02" || c.NetworkSettings.Gateway != "172.17.0.1" {
		t.Errorf("%+v, %v", c, err)
	}
	p, err := r.Exec("web", api.Exec{Cmd: []string{"sh", "-c", "exit 5"}}, [3]*os.File{})
	must(t, err)
	if code, err := r.ExecWait(t.Context(), p.ID()); code != 5 || err != nil {
		t.Errorf("exec: %d, %v", code, err)
	}
	_, err = r.Exec("web", api.Exec{Cmd: []string{"/none"}}, [3]*os.File{})
	wants(t, "exec of nothing", err, api.NoCommand)
	log, running, err := r.Logs("web")
	must(t, err)
	defer log.Close()
	said := func() bool { b, _ := os.ReadFile(r.LogPath(made.ID)); return string(b) == "hello\n" }
	if !testnet.Eventually(said) || !running() {
		t.Errorf("not in the log, or it does not run: %v", running())
	}
	r.stop("web")
	if code, err := s.Wait(t.Context()); code != 128+15 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	if after := r.states(); !slices.Equal(after, created) {
		t.Errorf("stopped:\n%s\nbefore it was started:\n%s", strings.Join(after, "\n"), strings.Join(created, "\n"))
	}
	r.stop("web") // once more does nothing
	_, err = r.Exec("web", api.Exec{Cmd: []string{"true"}}, [3]*os.File{})
	wants(t, "exec in a stopped one", err, api.NotRunning)
	must(t, r.RemoveContainer(t.Context(), "web", false))
	if _, err := os.Stat(r.LogPath(made.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is left: %v", err)
	}
	if after := r.tables(); !slices.Equal(after, before) {
		t.Errorf("left %q", after)
	}
	r.quiet()
}

// A program that ends by itself, one that is killed, one that goes with its
// container.
func TestEnds(t *testing.T) {
	r := newRig(t, nil)
	before := r.tables()
	for _, c := range []struct {
		cmd    string
		remove bool
		force  bool
		code   int
	}{
		{"exit 0", false, false, 0}, {"exit 42", false, false, 42}, {"kill -9 $$", false, false, 137},
		{"exit 3", true, false, 3}, {"exec sleep 1000", false, true, 137}, {"trap '' TERM; sleep 1000", true, true, 137},
	} {
		_, err := r.CreateContainer(api.ContainerCreate{Name: "job", Cmd: []string{"sh", "-c", c.cmd}, AutoRemove: c.remove})
		must(t, err)
		s, err := r.StartContainer("job", nil)
		must(t, err)
		if c.force {
			r.remove("job")
		}
		if code, err := s.Wait(t.Context()); code != c.code || err != nil {
			t.Errorf("%s: %d, %v", c.cmd, code, err)
		}
		err = r.RemoveContainer(t.Context(), "job", false)
		if gone := c.remove || c.force; gone {
			wants(t, c.cmd, err, api.UnknownName)
		} else {
			must(t, err)
		}
	}
	if after := r.tables(); !slices.Equal(after, before) {
		t.Errorf("left %q", after)
	}
	r.quiet()
}

// fails are what a request may meet when others are faster.
var fails = []api.Code{
	api.UnknownName, api.NameExists, api.IsRunning, api.NotRunning, api.ObjectInUse, api.AddressTaken, api.MACTaken, api.SubnetOverlap,
}

// Everything at once: whatever many do with the same containers and networks, at the
// end nothing is left of it.
func TestManyAtOnce(t *testing.T) {
	const workers, rounds = 6, 25
	r := newRig(t, nil)
	r.network("one", "10.56.1.0/24", ipv6)
	r.network("two", "10.56.2.0/24")
	before := r.tables()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 7))
			for range rounds {
				if err := r.anything(random); err != nil && !met(err) {
					t.Errorf("%v (%+v)", err, errors.Unwrap(err))
				}
			}
		})
	}
	wg.Wait()
	for _, s := range r.Containers(true) {
		if err := r.RemoveContainer(t.Context(), s.ID, true); err != nil && !met(err) {
			t.Error(err)
		}
	}
	if err := r.RemoveNetwork("three"); err != nil && !met(err) {
		t.Error(err)
	}
	if !testnet.Eventually(func() bool { return slices.Equal(r.tables(), before) }) {
		t.Errorf("left:\n%s\nbefore:\n%s", strings.Join(r.tables(), "\n"), strings.Join(before, "\n"))
	}
	r.quiet()
}

func met(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && slices.Contains(fails, e.Code)
}

// anything does something with one of three containers and three networks.
func (r *rig) anything(random *rand.Rand) error {
	name := fmt.Sprint("c", random.IntN(3))
	network := []string{"one", "two", "three"}[random.IntN(3)]
	switch random.IntN(12) {
	case 0, 1, 2:
		c := api.ContainerCreate{Name: name, Networks: on(network), AutoRemove: random.IntN(2) == 0}
		if random.IntN(2) == 0 {
			c.Cmd = []string{"sleep", fmt.Sprint(random.IntN(2) * 1000)}
		}
		if _, err := r.CreateContainer(c); err != nil {
			return err
		}
		fallthrough
	case 3:
		_, err := r.StartContainer(name, nil)
		return err
	case 4:
		return r.StopContainer(r.t.Context(), name, time.Duration(random.IntN(2))*time.Second)
	case 5:
		return r.RemoveContainer(r.t.Context(), name, random.IntN(2) == 0)
	case 6, 7:
		return r.Connect(network, api.EndpointConfig{}, name)
	case 8:
		return r.Disconnect(network, name, false)
	case 9:
		if random.IntN(2) == 0 {
			return r.RemoveNetwork("three")
		}
		_, err := r.CreateNetwork(api.NetworkCreate{Name: "three"})
		return err
	case 10:
		_, err := r.Exec(name, api.Exec{Cmd: []string{"true"}}, [3]*os.File{})
		return err
	}
	r.Networks()
	r.Containers(true)
	r.Stats()
	_, err := r.Routes("")
	_, err1 := r.Names("")
	_, err2 := r.Container(name)
	return errors.Join(err, err1, err2)
}

// Down whose caller has gone still removes everything.
func TestClearWithoutPatience(t *testing.T) {
	r := newRig(t, nil)
	_, err := r.CreateContainer(api.ContainerCreate{Name: "deaf", Cmd: []string{"sh", "-c", "trap '' TERM; echo; sleep 1000"}})
	must(t, err)
	_, err = r.StartContainer("deaf", nil)
	must(t, err)
	_, err = r.Attach(api.Attach{Name: "guest", NetNS: newForeign(t)})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	told := map[string]error{}
	r.Clear(ctx, func(kind, name string, err error) { told[kind+" "+name] = err })
	for _, what := range []string{"container deaf", "attachment guest", "network bridge", "network host", "network none"} {
		if err, ok := told[what]; !ok || err != nil {
			t.Errorf("%s: %v, %v", what, ok, err)
		}
	}
	if left := r.tables(); len(left) != 0 {
		t.Errorf("left:\n%s", strings.Join(left, "\n"))
	}
}

// Down while containers are started: what is there is ended, what comes later is
// refused.
func TestDownMeanwhile(t *testing.T) {
	r := newRig(t, nil)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 6 {
				name := fmt.Sprintf("c%d-%d", w, i)
				if _, err := r.CreateContainer(api.ContainerCreate{Name: name, Cmd: []string{"sleep", "1000"}}); err != nil {
					wants(t, "create", err, api.SwitchUnreachable)
					continue
				}
				if _, err := r.StartContainer(name, nil); err != nil {
					wants(t, "start", err, api.SwitchUnreachable)
				}
			}
		})
	}
	testnet.Eventually(func() bool { _, _, running := r.Counts(); return running > 2 })
	r.StopAll(t.Context(), func(kind, name string, err error) {
		if err != nil {
			t.Errorf("%s %s: %v", kind, name, err)
		}
	})
	must(t, r.Release())
	wg.Wait()
	must(t, errors.Join(r.fabric.Close(), r.store.Close()))
	r.open()
	r.quiet()
}
