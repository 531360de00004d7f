package network

import (
	"fmt"
	"slices"
	"testing"

	"vswitch/internal/api"
)

func uplinkTo(how string) func(*api.NetworkCreate) { return option(optUplink, how) }

// What a way out may be, and what is said where it may not.
func TestUplinkOptions(t *testing.T) {
	r := newRig(t, nil)
	r.network("outer", "10.60.0.0/24")
	six := r.network("six", "", ipv6, func(c *api.NetworkCreate) { c.EnableIPv4 = new(bool) })
	r.network("flat", "", option(optMode4, modeIsolated), internal)
	for _, tt := range []struct {
		name, key, value string
		want             api.Code
	}{
		{"sockets", optUplink, "socket", ""},
		{"none", optUplink, "none", ""},
		{"another network", optUplink, "network:outer", ""},
		{"a word of its own", optUplink, "wire", api.InvalidValue},
		{"a network without a name", optUplink, "network:", api.InvalidValue},
		{"a network, not named", optUplink, "network", api.InvalidValue},
		{"a path to nothing", optUplink, "tap:", api.InvalidValue},
		{"sockets of somebody", optUplink, "socket:x", api.InvalidValue},
		{"nobody's namespace", optUplink, "tap:/nowhere", api.NamespaceGone},
		{"a network that there is not", optUplink, "network:outter", api.UnknownName},
		{"itself", optUplink, "network:new", api.UplinkNetwork},
		{"one of another family", optUplink, "network:" + six, api.UplinkNetwork},
		{"one without a gateway", optUplink, "network:flat", api.UplinkNetwork},
		{"the host", optUplink, "network:host", api.UplinkNetwork},
		{"a personality", optNAT, "symmetric", ""},
		{"no personality", optNAT, "conical", api.InvalidValue},
		{"loopback", optHostLoopback, "true", ""},
		{"loopback, perhaps", optHostLoopback, "maybe", api.InvalidValue},
		{"a bound", optMaxFlows, "10", ""},
		{"no bound", optMaxFlows, "-1", api.InvalidValue},
	} {
		before := r.tables()
		_, err := r.CreateNetwork(api.NetworkCreate{Name: "new", Options: map[string]string{tt.key: tt.value}})
		wants(t, tt.name, err, tt.want)
		if err == nil {
			must(t, r.RemoveNetwork("new"))
		}
		if after := r.tables(); !slices.Equal(before, after) {
			t.Errorf("%s: left %q, before %q", tt.name, after, before)
		}
	}
}

// A network that is another's way out outlives it, by whatever name it was called.
func TestUplinkIsNotRemovedFirst(t *testing.T) {
	r := newRig(t, nil)
	outer := r.network("outer", "10.60.0.0/24")
	r.network("byname", "", uplinkTo("network:outer"))
	r.network("byid", "", uplinkTo("network:"+outer))
	r.network("deep", "", uplinkTo("network:byid"))
	wants(t, "two leave by it", r.RemoveNetwork("outer"), api.ObjectInUse)
	must(t, r.RemoveNetwork("byname"))
	wants(t, "one leaves by it", r.RemoveNetwork("outer"), api.ObjectInUse)
	wants(t, "in the middle", r.RemoveNetwork("byid"), api.ObjectInUse)
	gone, err := r.PruneNetworks()
	if want := []string{"byid", "deep", "outer"}; !slices.Equal(gone, want) || err != nil {
		t.Errorf("pruned %q, %v", gone, err)
	}
}

// What a network's way out is, and where it stands, is the same after a restart.
func TestUplinkIsKept(t *testing.T) {
	r := newRig(t, nil)
	r.network("outer", "10.60.0.0/24", ipv6)
	r.run("first", on("outer")...)
	r.network("inner", "10.61.0.0/24", ipv6, uplinkTo("network:outer"), option(optNAT, "full-cone"))
	r.network("open", "10.62.0.0/24", option(optHostLoopback, "true"))
	r.network("shut", "10.63.0.0/24", uplinkTo("none"))
	r.remove("first") // its address is free, and not taken by the leg of later
	r.run("in", on("inner")...)
	type state struct {
		kind, of, filtering string
		loopback            bool
		outer               []string
	}
	look := func() map[string]state {
		out := map[string]state{}
		for _, n := range r.Networks() {
			if u := n.VSwitch.Uplink; u != nil {
				out[n.Name] = state{u.Kind, u.Of, u.Filtering, u.HostLoopback, u.Outer}
			}
		}
		return out
	}
	before := look()
	if s := before["inner"]; s.kind != "network" || s.of != "outer" || s.filtering != "full-cone" || len(s.outer) != 2 || s.outer[0] != "10.60.0.3/24" {
		t.Errorf("%+v", s)
	}
	if s := before["open"]; s.kind != "socket" || !s.loopback || s.filtering != "port-restricted" {
		t.Errorf("%+v", s)
	}
	if s := before["shut"]; s.kind != "none" || s.loopback {
		t.Errorf("%+v", s)
	}
	for range 2 {
		r.restart()
		r.quiet()
		after := look()
		for name, was := range before {
			if now := after[name]; now.kind != was.kind || now.of != was.of || now.filtering != was.filtering ||
				now.loopback != was.loopback || !slices.Equal(now.outer, was.outer) {
				t.Errorf("%s: %+v, before the restart %+v", name, now, was)
			}
		}
		r.station("in").MustPing(t, r.gateway("outer", false), 1)
		r.station("in").MustPing(t, r.gateway("outer", true), 1)
	}
}

// What leaves no network ends there, and its sender is told at once.
func TestNoWayOut(t *testing.T) {
	r := newRig(t, nil)
	r.network("shut", "10.64.0.0/24", uplinkTo("none"))
	r.network("inside", "10.65.0.0/24", internal)
	for _, n := range []string{"shut", "inside"} {
		s := r.run("on-"+n, on(n)...)
		if out, code := s.Try(t, "ping", "-n", "-c", "1", "-w", "5", "192.0.2.1"); code == 0 {
			t.Errorf("%s: %s", n, out)
		}
	}
	shut := r.seg("shut")
	if got := shut.exit.name(); got != "none" || shut.exit.gate != nil {
		t.Errorf("the way out is %q, %v", got, shut.exit.gate)
	}
}

// seg is a network at work.
func (r *rig) seg(name string) *Segment {
	r.t.Helper()
	r.Manager.mu.Lock()
	defer r.Manager.mu.Unlock()
	n, err := r.Manager.network(name)
	must(r.t, err)
	return n.seg
}

// TestShareOfOne: one container has half of its worker's connections at most, however
// many its network would let it have.
func TestShareOfOne(t *testing.T) {
	r := newRig(t, func(c *Config) { c.OpenFiles = 4096 })
	for i, c := range []struct {
		name, option string
		most         int
	}{{"plain", "", 1024}, {"few", "10", 10}, {"many", "100000", 1024}} {
		r.network(c.name, fmt.Sprintf("10.%d.0.0/24", 64+i), func(n *api.NetworkCreate) {
			if c.option != "" {
				n.Options = map[string]string{optMaxFlows: c.option}
			}
		})
		if got := r.seg(c.name).exit.net.MaxFlows; got != c.most {
			t.Errorf("%s: %d connections, want %d", c.name, got, c.most)
		}
	}
}
