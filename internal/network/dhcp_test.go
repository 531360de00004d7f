package network

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"vswitch/internal/api"
	"vswitch/internal/frame"
	"vswitch/internal/gateway"
	"vswitch/internal/testnet"
	"vswitch/ipam/dhcp"
)

// A container that asks for its address has it, a name and a route, keeps it over a
// restart of the switch, and gives it back at its end.
func TestEndpointWithDHCP(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.57.0.0/24", ipv6)
	before := r.tables()
	other := r.run("other", on("net")...)
	web := r.run("web", api.EndpointConfig{Network: "net", DHCP: true})
	if web.V4 != netip.MustParseAddr("10.57.0.3") {
		t.Fatalf("address %v", web.V4)
	}
	leases, err := r.Leases("net")
	must(t, err)
	if l := find1(leases, "10.57.0.3"); l.Container != "web" || l.State != string(dhcp.Bound) || l.MAC != web.MAC.String() {
		t.Errorf("leases %+v", leases)
	}
	other.MustPing(t, web.V4, 1)
	web.MustPing(t, r.gateway("bridge", false), 1) // by the default route
	r.asks(other, "web", "10.57.0.3")
	if hosts := web.Run(t, "cat", "/etc/hosts"); !strings.Contains(hosts, "10.57.0.3") {
		t.Errorf("/etc/hosts has no line for it:\n%s", hosts)
	}
	r.run("third", on("net")...)
	r.restart()
	if got := r.address("web"); got != "10.57.0.3" {
		t.Errorf("after a restart %s", got)
	}
	r.station("other").MustPing(t, web.V4, 1)
	r.stop("web")
	leases, err = r.Leases("net")
	must(t, err)
	if l := find1(leases, "10.57.0.3"); l.Address != "" {
		t.Errorf("the lease is not given back: %+v", l)
	}
	if s := r.run("fourth", on("net")...); s.V4 != netip.MustParseAddr("10.57.0.3") {
		t.Errorf("the next got %v", s.V4)
	}
	if web = r.begin("web"); web.V4 != netip.MustParseAddr("10.57.0.5") {
		t.Errorf("started again it got %v", web.V4)
	}
	for _, name := range []string{"web", "other", "third", "fourth"} {
		r.remove(name)
	}
	after := slices.DeleteFunc(r.tables(), func(s string) bool { return strings.HasPrefix(s, "lease file") })
	if !slices.Equal(after, before) {
		t.Errorf("left:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	r.quiet()
}

func find1(leases []api.Lease, addr string) api.Lease {
	for _, l := range leases {
		if l.Address == addr {
			return l
		}
	}
	return api.Lease{}
}

// A container whose network has nobody who gives addresses does not start.
func TestNoLease(t *testing.T) {
	r := newRig(t, nil)
	r.network("small", "10.57.1.0/30")
	r.run("only", on("small")...)
	_, err := r.CreateContainer(api.ContainerCreate{Name: "late", Networks: []api.EndpointConfig{{Network: "small", DHCP: true}}})
	must(t, err)
	before := r.states()
	r.Manager.cancel() // instead of waiting for as long as it would
	_, err = r.StartContainer("late", nil)
	wants(t, "start", err, api.NoLease)
	if after := r.states(); !slices.Equal(after, before) {
		t.Errorf("left:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	r.restart()
}

// However many clients a container makes itself out to be, it gets its share, and its
// own address is reserved for it.
func TestHostileClients(t *testing.T) {
	r := newRig(t, nil)
	r.network("net", "10.57.2.0/24")
	evil := r.run("evil", on("net")...)
	r.run("honest", on("net")...)
	raw := evil.Raw(t)
	names := []string{"", "../../etc", strings.Repeat("x", 255), "a\x00b", "honest", "\xff\xfe", "a b", "-x"}
	for i := range 100 {
		mac := evil.MAC
		if i%2 == 1 {
			mac = RandomMAC()
		}
		m, err := dhcpv4.NewDiscovery(mac.HardwareAddr(), dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte{255, byte(i)})),
			dhcpv4.WithOption(dhcpv4.OptHostName(names[i%len(names)])), dhcpv4.WithGeneric(dhcpv4.OptionRapidCommit, nil))
		must(t, err)
		raw.Send(t, clientFrame(mac, m.ToBytes()))
	}
	raw.Send(t, testnet.ARP(frame.Broadcast, evil.MAC, evil.V4, r.gateway("net", false)))
	seg := r.box("evil").m.networkOf(&evil.box.rec.Endpoints[0]).seg
	if !testnet.Eventually(func() bool { return len(seg.Leases()) >= 2 && len(seg.services.queue) == 0 }) {
		t.Errorf("leases %+v", seg.Leases())
	}
	leases, err := r.Leases("net")
	must(t, err)
	taken := 0
	for _, l := range leases {
		if l.State == string(dhcp.Bound) || l.State == string(dhcp.Offered) {
			if taken++; l.Container != "evil" || l.MAC != evil.MAC.String() {
				t.Errorf("a lease of somebody else: %+v", l)
			}
		}
		if strings.ContainsAny(l.Hostname, "/ \x00\xff") || len(l.Hostname) > 63 {
			t.Errorf("a host name %q", l.Hostname)
		}
	}
	if taken > 2 {
		t.Errorf("%d addresses for one container: %+v", taken, leases)
	}
	r.remove("evil")
	if s := r.run("next", on("net")...); s.V4 != evil.V4 {
		t.Errorf("%v is not free: %v", evil.V4, s.V4)
	}
	r.quiet()
}

// clientFrame puts a DHCP message into a broadcast frame.
func clientFrame(src frame.MAC, payload []byte) []byte {
	from := netip.AddrPortFrom(netip.IPv4Unspecified(), 68)
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), portDHCP4)
	return gateway.BuildUDP4(nil, from, to, src, frame.Broadcast, payload)
}
