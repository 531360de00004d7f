package network

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/netnsx"
	"vswitch/internal/testnet"
)

// Ports are published at a network's foot as they are on a host: a place is one
// container's, an open port is chosen, what goes gives its place back.
func TestPublishAtFoot(t *testing.T) {
	r := newRig(t, nil)
	r.network("outer", "10.70.0.0/24", ipv6)
	r.network("inner", "10.71.0.0/24", ipv6, uplinkTo("network:outer"))
	must(t, r.publishing("one", published("80/tcp=:8080", "53/udp", "90/tcp=:9000-9001"), on("inner")...))
	// 10.70.0.2 and its like are the leg's.
	leg4, leg6 := r.seg("inner").exit.leg.addrs[0].Addr(), r.seg("inner").exit.leg.addrs[1].Addr()
	at := func(port string) []string {
		return []string{net.JoinHostPort(leg4.String(), port), net.JoinHostPort(leg6.String(), port)}
	}
	want := slices.Concat(prefixed("80/tcp ", at("8080")), prefixed("53/udp ", at("53")), prefixed("90/tcp ", at("9000")))
	slices.Sort(want)
	if got := r.ports("one"); !slices.Equal(got, want) {
		t.Errorf("published at %q, want %q", got, want)
	}
	for _, tt := range []struct {
		name string
		p    api.Publish
		want api.Code
	}{
		{"taken", published("80/tcp=:8080"), api.PortInUse},
		{"taken at one address", published("80/tcp=" + leg4.String() + ":8080"), api.PortInUse},
		{"taken, the second of two", published("81/tcp=:8081", "80/tcp=:8080"), api.PortInUse},
		{"not the leg's address", published("80/tcp=192.0.2.1:8088"), api.HostAddressMissing},
	} {
		before := r.tables()
		wants(t, tt.name, r.publishing("two", tt.p, on("inner")...), tt.want)
		r.remove("two")
		if after := r.tables(); !slices.Equal(before, after) {
			t.Errorf("%s: left %q, before %q", tt.name, after, before)
		}
	}
	// The same number on the other protocol, and the next one of the range, are free.
	must(t, r.publishing("two", published("80/udp=:8080", "90/tcp=:9000-9001"), on("inner")...))
	want = append(prefixed("80/udp ", at("8080")), prefixed("90/tcp ", at("9001"))...)
	slices.Sort(want)
	if got := r.ports("two"); !slices.Equal(got, want) {
		t.Errorf("published at %q, want %q", got, want)
	}
	wants(t, "a range that is used up", r.publishing("three", published("90/tcp=:9000-9001"), on("inner")...), api.PortRangeUsed)
	before := append(r.ports("one"), r.ports("two")...)
	r.restart()
	r.quiet()
	if after := append(r.ports("one"), r.ports("two")...); !slices.Equal(before, after) {
		t.Errorf("after a restart %q, before %q", after, before)
	}
	r.remove("one")
	_, err := r.StartContainer("three", nil)
	must(t, err)
	maps, err := r.NATMappings("inner")
	must(t, err)
	for _, m := range maps {
		if m.Kind != "forward" || m.Container == "" {
			t.Errorf("%+v", m)
		}
	}
	rows, err := r.PublishedPorts("inner")
	must(t, err)
	if len(maps) != len(rows) || len(rows) != 6 {
		t.Errorf("%d forwards, %d published ports, want 6", len(maps), len(rows))
	}
}

func prefixed(with string, all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, with+s)
	}
	return out
}

// Ports move with the default route, between sockets of the host and a foot.
func TestPortsMoveBetweenWays(t *testing.T) {
	r := newRig(t, nil)
	r.network("outer", "10.72.0.0/24")
	r.network("a-leg", "10.73.0.0/24", uplinkTo("network:outer"))
	r.network("b-socket", "10.74.0.0/24", option(optHostBinding, "127.0.0.1"))
	port := freePort(t)
	must(t, r.publishing("web", published("80/tcp=:"+port), on("b-socket")...))
	if got := r.ports("web"); !slices.Equal(got, []string{"80/tcp 127.0.0.1:" + port}) || !listens(t, port) {
		t.Errorf("by sockets: %q", got)
	}
	connect := func(network string) {
		t.Helper()
		must(t, r.Connect(network, api.EndpointConfig{}, "web"))
	}
	connect("a-leg") // the first by its name has the default route
	if got := r.ports("web"); !slices.Equal(got, []string{"80/tcp 10.72.0.2:" + port}) || listens(t, port) {
		t.Errorf("at the foot: %q, and the host listens: %v", got, listens(t, port))
	}
	must(t, r.Disconnect("a-leg", "web", false))
	if got := r.ports("web"); !slices.Equal(got, []string{"80/tcp 127.0.0.1:" + port}) || !listens(t, port) {
		t.Errorf("by sockets again: %q", got)
	}
	must(t, r.Disconnect("b-socket", "web", false))
	if got := r.ports("web"); len(got) != 0 || listens(t, port) {
		t.Errorf("nowhere: %q", got)
	}
}

// A foot in another network is there like a station: it has an address that nobody else
// gets, a name in the tables, and it gives it back.
func TestFootIsAStation(t *testing.T) {
	r := newRig(t, nil)
	r.network("outer", "10.75.0.0/30")
	used := func() int {
		t.Helper()
		r.Manager.mu.Lock()
		defer r.Manager.mu.Unlock()
		n, err := r.Manager.network("outer")
		must(t, err)
		used, _ := n.pool(false).Use()
		return int(used)
	}
	before := used()
	r.network("inner", "10.76.0.0/24", uplinkTo("network:outer"))
	if n := used(); n != before+1 {
		t.Errorf("%d addresses in use, %d before", n, before)
	}
	before2 := r.tables()
	_, err := r.CreateNetwork(api.NetworkCreate{Name: "more", Options: map[string]string{optUplink: "network:outer"}})
	wants(t, "a full network", err, api.PoolExhausted)
	if after := r.tables(); !slices.Equal(before2, after) {
		t.Errorf("left %q, before %q", after, before2)
	}
	must(t, r.RemoveNetwork("inner"))
	if n := used(); n != before {
		t.Errorf("%d addresses in use after the end, %d before", n, before)
	}
}

// What a network outside has opened for a foot ends with it: the next one who gets the
// address must not hear what was meant for others.
func TestFootTakesConnectionsAlong(t *testing.T) {
	r := newRig(t, nil)
	r.network("outer", "10.78.0.0/24", option(optHostLoopback, "true"))
	r.network("inner", "10.79.0.0/24", uplinkTo("network:outer"))
	s := r.run("c", on("inner")...)
	leg := r.seg("inner").exit.leg.addrs[0].Addr()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer server.Close()
	to := netip.AddrPortFrom(loopback4, server.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	s.Do(t, func() error {
		c, err := net.Dial("udp", to.String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("hello"))
		return err
	})
	opened := func() (n int) {
		for _, f := range r.way.Load().flows() {
			if f.Inside.Addr() == leg {
				n++
			}
		}
		return n
	}
	if !testnet.Eventually(func() bool { return opened() == 1 }) {
		t.Fatalf("%d connections of the foot", opened())
	}
	r.remove("c")
	must(t, r.RemoveNetwork("inner"))
	if n := opened(); n != 0 {
		t.Errorf("%d connections of a foot that has gone", n)
	}
}

// A device in a namespace that somebody has made: its link is there with an address, it
// is the same after a restart, and goes with the network.
func TestTapFoot(t *testing.T) {
	r := newRig(t, nil)
	made := testnet.NewForeign(t)
	ns, err := netnsx.Open(made.Path)
	must(t, err)
	defer ns.Close()
	r.network("lan", "10.77.0.0/24", ipv6, uplinkTo("tap:"+made.Path))
	s := r.run("c", on("lan")...)
	link := func() string {
		for line := range strings.Lines(made.Run(t, "ip", "-o", "link")) {
			if f := strings.Fields(line); strings.HasPrefix(f[1], "vs-") {
				return strings.TrimSuffix(f[1], ":")
			}
		}
		return ""
	}
	name := link()
	if name == "" {
		t.Fatal("no device in the namespace")
	}
	ends := r.seg("lan").exit.leg.addrs
	for range 2 {
		for _, our := range ends {
			host := our.Addr().Prev()
			if got := made.Run(t, "ip", "-o", "addr", "show", name); !strings.Contains(got, netip.PrefixFrom(host, our.Bits()).String()) {
				t.Errorf("the device has not %v:\n%s", host, got)
			}
			s.MustPing(t, host, 1)
		}
		r.restart()
		r.quiet()
		s = r.station("c")
		if now := link(); now != name || !slices.Equal(r.seg("lan").exit.leg.addrs, ends) {
			t.Errorf("after a restart %s with %v, before %s with %v", now, r.seg("lan").exit.leg.addrs, name, ends)
		}
	}
	r.remove("c")
	must(t, r.RemoveNetwork("lan"))
	if now := link(); now != "" {
		t.Errorf("device %s is left", now)
	}
}
