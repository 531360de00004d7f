package network

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// A new manager over the same files and the same keeper goes on where the old one
// stopped: whatever a user sees is the same, and traffic passes.
func TestRestart(t *testing.T) {
	r := newRig(t, nil)
	r.network("front", "10.52.0.0/24", ipv6)
	r.network("back", "", internal, option(optICC, "false"))
	r.run("web", api.EndpointConfig{Network: "front", IPv4: "10.52.0.77", MAC: "02:00:00:00:00:07", Aliases: []string{"www"}, GwPriority: 3})
	r.run("db", on("back", "front")...)
	r.run("stopped", on("front")...)
	r.stop("stopped")
	r.run("alone", on("none")...)
	r.run("open", on("host")...)
	_, err := r.CreateContainer(api.ContainerCreate{Name: "job", Cmd: []string{"sleep", "1000"}, Hostname: "h", DNS: []string{"192.0.2.1"}})
	must(t, err)
	job, err := r.StartContainer("job", nil)
	must(t, err)
	before := r.shown()
	for range 2 {
		r.restart()
		if after := r.shown(); after != before {
			t.Fatalf("after a restart:\n%s", difference(before, after))
		}
		r.quiet()
		web, db := r.station("web"), r.station("db")
		db.MustPing(t, web.V4, 1)
		db.MustPing(t, web.V6, 1)
		db.MustPing(t, r.gateway("back", false), 1)
		r.asks(db, "www", "10.52.0.77")
	}
	// The next address is one that nobody has, the program is the same and ends.
	if s := r.run("late", on("front")...); s.V4.String() == "10.52.0.2" {
		t.Error("an address was given twice")
	}
	if code, err := signalAndWait(r, "job", job.ID()); code != 128+15 || err != nil {
		t.Errorf("the program's code is %d, %v", code, err)
	}
	r.quiet()
}

// signalAndWait ends a program with SIGTERM and returns what it ended with.
func signalAndWait(r *rig, name, run string) (int, error) {
	p, err := r.keep.Program(run)
	must(r.t, err)
	must(r.t, p.Signal(15))
	return r.WaitContainer(r.t.Context(), name)
}

// difference shows the lines that are not the same.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out []string
	for i := range max(len(x), len(y)) {
		var p, q string
		if i < len(x) {
			p = x[i]
		}
		if i < len(y) {
			q = y[i]
		}
		if p != q {
			out = append(out, "- "+p, "+ "+q)
		}
	}
	return strings.Join(out[:min(len(out), 40)], "\n")
}

// What ended while nobody was there is noted by the next manager, and what was being
// made is ended.
func TestEndedMeanwhile(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "")
	jobs := map[string]string{}
	for _, name := range []string{"ends", "lost", "goes"} {
		_, err := r.CreateContainer(api.ContainerCreate{Name: name, Cmd: []string{"sleep", "1000"}, Networks: on("net"), AutoRemove: name == "goes"})
		must(t, err)
		s, err := r.StartContainer(name, nil)
		must(t, err)
		jobs[name] = s.ID()
	}
	r.run("half", on("net")...)
	r.close()
	for _, name := range []string{"ends", "goes"} {
		p, err := r.keep.Program(jobs[name])
		must(t, err)
		must(t, p.Kill())
		<-r.keep.runs[jobs[name]].p.Done()
	}
	// Of lost there is nothing at the keeper any more, of half no file.
	for id := range r.keep.held {
		if r.keep.runs[jobs["lost"]].spec.Box == id {
			must(t, r.keep.runs[jobs["lost"]].Kill())
			must(t, r.keep.Drop(id))
			break
		}
	}
	files, err := os.ReadDir(r.dir + "/container")
	must(t, err)
	for _, f := range files {
		if b, _ := os.ReadFile(r.dir + "/container/" + f.Name()); strings.Contains(string(b), `"Name":"half"`) {
			must(t, os.Remove(r.dir+"/container/"+f.Name()))
		}
	}
	r.open()
	if !testnet.Eventually(func() bool { _, n, running := r.Counts(); return n == 2 && running == 0 }) {
		t.Errorf("%v", r.tables())
	}
	for name, code := range map[string]int{"ends": 137, "lost": 137} {
		c, err := r.Container(name)
		must(t, err)
		if c.State.ExitCode != code || c.State.Status != "exited" || c.NetworkSettings.Networks["net"].IPAddress != "" {
			t.Errorf("%s: %+v", name, c.State)
		}
	}
	if holds, _ := r.keep.Holds(); len(holds) != 0 {
		t.Errorf("still held: %q", holds)
	}
	if s := r.run("next", on("net")...); s.V4 != netip.MustParseAddr("172.18.0.2") {
		t.Errorf("%v: the addresses are not free", s.V4)
	}
	if s := r.begin("ends"); s.V4 != netip.MustParseAddr("172.18.0.3") {
		t.Errorf("%v", s.V4)
	}
}

// A manager that lets go ends nothing, refuses what comes too late, and does not
// wait for what it was asked before.
func TestReleased(t *testing.T) {
	r := newRig(t, nil)
	_, err := r.CreateContainer(api.ContainerCreate{Name: "web", Cmd: []string{"sleep", "1000"}})
	must(t, err)
	_, err = r.StartContainer("web", nil)
	must(t, err)
	r.close()
	if got := r.runs(); len(got) != 1 {
		t.Errorf("runs %q", got)
	}
	_, err = r.StartContainer("web", nil)
	wants(t, "start", err, api.SwitchUnreachable)
	wants(t, "stop", r.StopContainer(t.Context(), "web", 0), api.SwitchUnreachable)
	wants(t, "rm", r.RemoveContainer(t.Context(), "web", true), api.SwitchUnreachable)
	_, err = r.CreateContainer(api.ContainerCreate{Name: "late"})
	wants(t, "create", err, api.SwitchUnreachable)
	_, err = r.CreateNetwork(api.NetworkCreate{Name: "late"})
	wants(t, "create network", err, api.SwitchUnreachable)
	_, err = r.Exec("web", api.Exec{Cmd: []string{"true"}}, [3]*os.File{})
	wants(t, "exec", err, api.SwitchUnreachable)
	r.open()
}
