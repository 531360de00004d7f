package network

import (
	"net/netip"
	"strings"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
)

// Which network has the default route: the highest priority, then more families with
// a gateway, then the name; never an internal one.
func TestDefaultRouteOrder(t *testing.T) {
	m := &Manager{networks: map[string]*Network{}}
	add := func(name string, v6, inner bool) {
		n := &Network{rec: Record{ID: name, Name: name, Internal: inner, Pools: []PoolRecord{{
			Subnet: netip.MustParsePrefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1"),
		}}}}
		if v6 {
			n.rec.Pools = append(n.rec.Pools, PoolRecord{Subnet: netip.MustParsePrefix("fd00::/64"), Gateway: netip.MustParseAddr("fd00::1")})
		}
		m.networks[name] = n
	}
	add("a", false, false)
	add("b", false, false)
	add("dual", true, false)
	add("inner", true, true)
	for _, c := range []struct {
		endpoints string // name:priority, in the order of joining
		v4, v6    string
	}{
		{"", "", ""},
		{"a", "a", ""},
		{"b a", "a", ""},
		{"a dual", "dual", "dual"},
		{"b:1 dual", "b", "dual"},
		{"a:-1 b:-2", "a", ""},
		{"inner:9 b", "b", ""},
		{"inner", "", ""},
		{"a:5 b:5", "a", ""},
		{"gone b", "b", ""},
	} {
		b := &box{m: m}
		for _, f := range strings.Fields(c.endpoints) {
			name, priority, _ := strings.Cut(f, ":")
			e := Endpoint{Network: name, Ifname: name}
			switch priority {
			case "1":
				e.GwPriority = 1
			case "5":
				e.GwPriority = 5
			case "9":
				e.GwPriority = 9
			case "-1":
				e.GwPriority = -1
			case "-2":
				e.GwPriority = -2
			}
			b.rec.Endpoints = append(b.rec.Endpoints, e)
		}
		if v4, v6 := m.defaultRoute(b, false), m.defaultRoute(b, true); v4.Link != c.v4 || v6.Link != c.v6 {
			t.Errorf("%q: IPv4 by %q, IPv6 by %q, want %q and %q", c.endpoints, v4.Link, v6.Link, c.v4, c.v6)
		}
	}
}

// The route follows connecting, disconnecting and priorities, in the kernel.
func TestDefaultRouteFollows(t *testing.T) {
	r := newRig(t, nil)
	r.network("a", "10.63.1.0/24")
	r.network("b", "10.63.2.0/24")
	r.network("inner", "10.63.3.0/24", internal)
	s := r.run("web", on("inner", "b")...)
	r.routeVia(s, "10.63.2.1")
	must(t, r.Connect("a", api.EndpointConfig{}, "web"))
	r.routeVia(s, "10.63.1.1")
	must(t, r.Disconnect("a", "web", false))
	r.routeVia(s, "10.63.2.1")
	must(t, r.Disconnect("b", "web", false))
	r.routeVia(s)
	must(t, r.Connect("a", api.EndpointConfig{}, "web"))
	must(t, r.Connect("b", api.EndpointConfig{GwPriority: 1}, "web"))
	r.routeVia(s, "10.63.2.1")
	// A connection that fails at its last step leaves the route as it was.
	must(t, r.Disconnect("a", "web", false))
	r.fault.arm(0)
	wants(t, "connect", r.Connect("a", api.EndpointConfig{GwPriority: 9}, "web"), api.StateUnwritable)
	r.fault.disarm()
	r.routeVia(s, "10.63.2.1")
	// Interfaces are numbered from the lowest that is free.
	must(t, r.Connect("a", api.EndpointConfig{}, "web"))
	must(t, r.Disconnect("b", "web", false))
	if out := s.Run(t, "ip", "-br", "link"); !strings.Contains(out, "eth1") || strings.Contains(out, "eth2") {
		t.Errorf("links:\n%s", out)
	}
	if hosts := s.Run(t, "cat", "/etc/hosts"); !strings.Contains(hosts, "10.63.1.2") || strings.Contains(hosts, "10.63.2.") {
		t.Errorf("/etc/hosts:\n%s", hosts)
	}
	r.quiet()
}

func (r *rig) routeVia(s *station, want ...string) {
	r.t.Helper()
	h, err := s.Box.NetNS().Netlink()
	must(r.t, err)
	defer h.Close()
	routes, err := defaultRoutes(h, false)
	must(r.t, err)
	var got []string
	for _, route := range routes {
		got = append(got, route.Gateway.String())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		r.t.Errorf("default routes %q, want %q", got, want)
	}
}

// A user's own container may have any default route but ours is the only one that we
// leave: see TestForeignDefaultRoute for others' namespaces.
func TestStrangeDefaultRouteIsReplaced(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.63.4.0/24")
	r.network("more", "10.63.5.0/24")
	s := r.run("web", on("net")...)
	h, err := s.Box.NetNS().Netlink()
	must(t, err)
	defer h.Close()
	must(t, h.AddRoute(netnsx.Route{Gateway: netip.MustParseAddr("10.63.4.77"), Link: "eth0", Metric: 50}))
	must(t, r.Connect("more", api.EndpointConfig{}, "web"))
	r.routeVia(s, "10.63.5.1")
}

// Addresses over stop and start: those that were asked for stay, others are the next
// that is free; hardware addresses go with them.
func TestAddressesOverRestart(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.64.0.0/24", ipv6)
	r.run("first", on("net")...)
	r.run("fixed", api.EndpointConfig{Network: "net", IPv4: "10.64.0.3", MAC: "02:00:00:00:00:33"})
	second := r.run("second", on("net")...)
	if second.V4.String() != "10.64.0.4" || second.MAC.String() != "02:42:0a:40:00:04" {
		t.Errorf("%v %v", second.V4, second.MAC)
	}
	for _, name := range []string{"first", "fixed", "second"} {
		r.stop(name)
	}
	if c, err := r.Container("first"); err != nil || c.NetworkSettings.Networks["net"].IPAddress != "" || c.NetworkSettings.Networks["net"].MacAddress != "" {
		t.Errorf("stopped: %+v, %v", c.NetworkSettings, err)
	}
	if s := r.begin("second"); s.V4.String() != "10.64.0.2" || s.MAC.String() != "02:42:0a:40:00:02" {
		t.Errorf("%v %v", s.V4, s.MAC)
	}
	// What waits for its owner is nobody else's.
	_, err := r.CreateContainer(api.ContainerCreate{Name: "thief", Networks: []api.EndpointConfig{{Network: "net", IPv4: "10.64.0.3"}}})
	must(t, err)
	_, err = r.StartContainer("thief", nil)
	wants(t, "an address of a stopped container", err, api.AddressTaken)
	if !strings.Contains(api.AsError(err).Text(), "fixed") {
		t.Errorf("it does not say whose: %v", err)
	}
	if s := r.run("third", on("net")...); s.V4.String() != "10.64.0.4" {
		t.Errorf("%v", s.V4)
	}
	if s := r.begin("fixed"); s.V4.String() != "10.64.0.3" || s.MAC.String() != "02:00:00:00:00:33" {
		t.Errorf("%v %v", s.V4, s.MAC)
	}
	r.remove("fixed")
	if s := r.begin("thief"); s.V4.String() != "10.64.0.3" {
		t.Errorf("%v", s.V4)
	}
	r.quiet()
}

// A hardware address is one container's on a network, and never the gateway's.
func TestHardwareAddresses(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.65.0.0/24")
	r.network("other", "10.65.1.0/24")
	r.run("a", api.EndpointConfig{Network: "net", MAC: "02:00:00:00:00:01"})
	r.run("b", api.EndpointConfig{Network: "other", MAC: "02:00:00:00:00:01"})
	for mac, name := range map[string]string{"02:00:00:00:00:01": `container "a"`, "02:42:0a:41:00:01": "the gateway"} {
		_, err := r.CreateContainer(api.ContainerCreate{Name: "c", Networks: []api.EndpointConfig{{Network: "net", MAC: mac}}})
		must(t, err)
		before := r.states()
		_, err = r.StartContainer("c", nil)
		wants(t, mac, err, api.MACTaken)
		if !strings.Contains(api.AsError(err).Text(), name) {
			t.Errorf("%s: it does not say whose: %v", mac, err)
		}
		if after := r.states(); strings.Join(after, "\n") != strings.Join(before, "\n") {
			t.Errorf("left:\n%s", strings.Join(after, "\n"))
		}
		r.remove("c")
	}
	r.stop("a")
	r.run("c", api.EndpointConfig{Network: "net", MAC: "02:00:00:00:00:01"})
	_, err := r.StartContainer("a", nil)
	wants(t, "start the one that had it", err, api.MACTaken)
}
