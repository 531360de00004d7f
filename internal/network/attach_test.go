package network

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
	"vswitch/internal/sandbox"
	"vswitch/internal/testnet"
)

// newForeign makes a namespace that is somebody else's and returns a path to it.
func newForeign(t *testing.T) string {
	t.Helper()
	ns, err := netnsx.New()
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	return pathOf(t, ns)
}

func pathOf(t *testing.T, ns *netnsx.NS) (path string) {
	t.Helper()
	must(t, ns.Control(func(fd int) error {
		path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
		return nil
	}))
	return path
}

// A namespace that somebody else made gets an interface, an address and a route, and
// is as it was when it is detached.
func TestForeignNamespace(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.51.0.0/24")
	web := r.run("web", on("net")...)
	path := newForeign(t)
	before := linksOf(t, path)
	made, err := r.Attach(api.Attach{Name: "guest", NetNS: path, Interface: "up0", Endpoint: api.EndpointConfig{Network: "net"}})
	must(t, err)
	web.MustPing(t, netip.MustParseAddr(r.address("guest")), 1)
	if links := linksOf(t, path); !slices.Contains(links, "up0") {
		t.Errorf("links %q", links)
	}
	c, err := r.Container("guest")
	must(t, err)
	if c.VSwitch.Kind != "attached" || c.VSwitch.NetNS != path || !c.State.Running {
		t.Errorf("%+v", c)
	}
	_, err = r.Attach(api.Attach{Name: "twice", NetNS: path, Interface: "up0", Endpoint: api.EndpointConfig{Network: "net"}})
	wants(t, "the same name again", err, api.InterfaceTaken)
	wants(t, "stop", r.StopContainer(t.Context(), "guest", 0), api.InvalidValue)
	wants(t, "rm", r.RemoveContainer(t.Context(), "guest", false), api.IsRunning)
	wants(t, "detach of a container", r.Detach(t.Context(), "web"), api.InvalidValue)
	_, err = r.Exec("guest", api.Exec{Cmd: []string{"true"}}, [3]*os.File{})
	wants(t, "exec", err, api.InvalidValue)

	r.restart()
	r.station("web").MustPing(t, netip.MustParseAddr(r.address("guest")), 1)
	must(t, r.Detach(t.Context(), made.ID))
	if links := linksOf(t, path); !slices.Equal(links, before) {
		t.Errorf("links before %q, after %q", before, links)
	}
	r.quiet()
}

func linksOf(t *testing.T, path string) (names []string) {
	t.Helper()
	h := openNetlink(t, path)
	links, err := h.Links()
	must(t, err)
	for _, l := range links {
		names = append(names, l.Name)
	}
	slices.Sort(names)
	return names
}

func openNetlink(t *testing.T, path string) *netnsx.Handle {
	t.Helper()
	ns, err := netnsx.Open(path)
	must(t, err)
	defer ns.Close()
	h, err := ns.Netlink()
	must(t, err)
	t.Cleanup(h.Close)
	return h
}

// A foreign namespace's own way out stays, and ours is used where it has none.
func TestForeignDefaultRoute(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.51.0.0/24")
	for _, own := range []bool{false, true} {
		path := newForeign(t)
		h := openNetlink(t, path)
		want := netnsx.Route{Gateway: netip.MustParseAddr("10.51.0.1"), Link: "eth0"}
		if own {
			ns, err := netnsx.Open(path)
			must(t, err)
			outside, err := netnsx.New()
			must(t, err)
			defer outside.Close()
			must(t, netnsx.MakeVeth(netnsx.End{NS: ns, Name: "wan"}, netnsx.End{NS: outside, Name: "isp"}, 0))
			must(t, ns.Close())
			must(t, h.AddAddr("wan", netip.MustParsePrefix("192.0.2.2/24")))
			must(t, h.Up("wan"))
			want = netnsx.Route{Gateway: netip.MustParseAddr("192.0.2.1"), Link: "wan"}
			must(t, h.AddRoute(want))
		}
		_, err := r.Attach(api.Attach{Name: "guest", NetNS: path, Endpoint: api.EndpointConfig{Network: "net"}})
		must(t, err)
		routes, err := defaultRoutes(h, false)
		must(t, err)
		if len(routes) != 1 || routes[0].Gateway != want.Gateway || routes[0].Link != want.Link {
			t.Errorf("own %v: default routes %v, want %v", own, routes, want)
		}
		must(t, r.Detach(t.Context(), "guest"))
		if routes, _ = defaultRoutes(h, false); own != (len(routes) == 1) {
			t.Errorf("own %v: default routes after detach %v", own, routes)
		}
	}
}

func TestAttachRefused(t *testing.T) {
	r := newRig(t, nil)
	before := r.tables()
	file := r.dir + "/file"
	must(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		what string
		a    api.Attach
		code api.Code
	}{
		{"neither", api.Attach{}, api.WrongUsage},
		{"both", api.Attach{NetNS: file, PID: 1}, api.WrongUsage},
		{"no such file", api.Attach{NetNS: r.dir + "/none"}, api.NamespaceGone},
		{"no namespace", api.Attach{NetNS: file}, api.InvalidValue},
		{"no process", api.Attach{PID: 1 << 30}, api.NamespaceGone},
		{"host network", api.Attach{NetNS: newForeign(t), Endpoint: api.EndpointConfig{Network: "host"}}, api.ModeExclusive},
		{"no such network", api.Attach{NetNS: newForeign(t), Endpoint: api.EndpointConfig{Network: "nets"}}, api.UnknownName},
		{"a name with a slash", api.Attach{NetNS: newForeign(t), Interface: "../x"}, api.Unexpected},
	} {
		_, err := r.Attach(c.a)
		if c.code == api.Unexpected {
			if err == nil {
				t.Errorf("%s: no error", c.what)
			}
			continue
		}
		wants(t, c.what, err, c.code)
	}
	if after := r.tables(); !slices.Equal(before, after) {
		t.Errorf("left: %q, before %q", after, before)
	}
}

// An attachment whose namespace is gone is dead, and its address is free.
func TestForeignNamespaceVanishes(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.51.0.0/24")
	box, err := sandbox.Create(sandbox.Config{Name: "theirs"})
	must(t, err)
	s := testnet.Station{Box: box}
	p := s.Start(t, "sleep", "1000")
	_, err = r.Attach(api.Attach{Name: "guest", PID: p.Pid(), Endpoint: api.EndpointConfig{Network: "net"}})
	must(t, err)
	b := r.box("guest")
	r.lookAt(b)
	if rec := b.record(); rec.State != Running {
		t.Fatalf("dead too early: %+v", rec)
	}
	must(t, box.Close())
	r.lookAt(b)
	if rec := b.record(); rec.State != Dead || rec.Endpoints[0].IPv4.IsValid() || len(b.plugs) != 0 {
		t.Errorf("%+v", rec)
	}
	code, err := r.WaitContainer(t.Context(), "guest")
	if code != 0 || err != nil {
		t.Errorf("wait: %d, %v", code, err)
	}
	if _, err = r.StartContainer("guest", nil); err == nil {
		t.Error("a dead attachment was started")
	}
	must(t, r.Detach(t.Context(), "guest"))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.found) != 1 {
		t.Errorf("found %q, want that it is gone", r.found)
	}
	r.found = nil
}
