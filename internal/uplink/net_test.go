package uplink

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
)

var addr = netip.MustParseAddr

// open is a network whose containers may reach the host's loopback, with published
// ports: 80 for both families, 81 for IPv6 only.
func open() *Net {
	return &Net{
		Addr4: addr("10.1.0.1"), Addr6: addr("fd00:1::1"),
		Loopback4: addr("169.254.1.2"), Loopback6: addr("fd00:ff::2"), HostLoopback: true,
		Own: func(a netip.Addr) bool { return a == addr("10.2.0.1") || a == addr("fd00:2::1") },
		Published: func(proto uint8, v6 bool, port uint16) bool {
			return proto == frame.ProtoTCP && (port == 80 || port == 81 && v6)
		},
	}
}

func TestReach(t *testing.T) {
	n, shut, bare := open(), open(), open()
	shut.HostLoopback = false
	bare.Own, bare.Published = nil, nil
	const tcp, udp = frame.ProtoTCP, frame.ProtoUDP
	for _, c := range []struct {
		n     *Net
		proto uint8
		to    string
		host  string
		end   frame.Reason
	}{
		{n, tcp, "192.0.2.1:80", "192.0.2.1", frame.Accepted},
		{n, tcp, "[2001:db8::1]:80", "2001:db8::1", frame.Accepted},
		// The host's loopback, by the name that it has here.
		{n, tcp, "169.254.1.2:5432", "127.0.0.1", frame.Accepted},
		{n, tcp, "[fd00:ff::2]:5432", "::1", frame.Accepted},
		{shut, tcp, "169.254.1.2:5432", "", frame.DropUplinkLoopback},
		{shut, tcp, "[fd00:ff::2]:5432", "", frame.DropUplinkLoopback},
		// Published ports at the network's own gateway, and at another's.
		{n, tcp, "10.1.0.1:80", "127.0.0.1", frame.Accepted},
		{shut, tcp, "10.1.0.1:80", "127.0.0.1", frame.Accepted},
		{n, tcp, "10.2.0.1:80", "127.0.0.1", frame.Accepted},
		{n, tcp, "[fd00:1::1]:81", "::1", frame.Accepted},
		{n, tcp, "[fd00:2::1]:81", "::1", frame.Accepted},
		{n, tcp, "10.1.0.1:81", "", frame.DropNoService},
		{n, udp, "10.1.0.1:80", "", frame.DropNoService},
		{n, tcp, "10.2.0.1:82", "", frame.DropNoService},
		{n, tcp, "[fd00:2::1]:82", "", frame.DropNoService},
		{bare, tcp, "10.1.0.1:80", "", frame.DropNoService},
		{bare, tcp, "10.2.0.1:80", "10.2.0.1", frame.Accepted},
		// Nobody comes to the host's loopback by its own names.
		{n, tcp, "127.0.0.1:80", "", frame.DropUplinkLoopback},
		{n, udp, "127.9.9.9:80", "", frame.DropUplinkLoopback},
		{n, tcp, "[::1]:80", "", frame.DropUplinkLoopback},
		{n, tcp, "[::ffff:127.0.0.1]:80", "", frame.DropUplinkLoopback},
		{n, tcp, "[::ffff:192.0.2.1]:80", "", frame.DropUplinkLoopback},
		{n, tcp, "0.0.0.0:80", "", frame.DropUplinkLoopback},
		{n, tcp, "[::]:80", "", frame.DropUplinkLoopback},
		{n, udp, "224.0.0.251:5353", "", frame.DropUplinkProtocol},
		{n, udp, "[ff02::fb]:5353", "", frame.DropUplinkProtocol},
	} {
		to := netip.MustParseAddrPort(c.to)
		host, end := c.n.Reach(c.proto, to.Addr(), to.Port())
		if end != c.end || end == frame.Accepted && host != addr(c.host) {
			t.Errorf("%v by protocol %d: %v, %v; want %s, %v", to, c.proto, host, end, c.host, c.end)
		}
	}
}

// A network of one family has no gateway of the other, and the zero address is not it.
func TestReachWithoutFamily(t *testing.T) {
	n := &Net{Addr4: addr("10.1.0.1"), Published: func(uint8, bool, uint16) bool { return true }}
	if host, end := n.Reach(frame.ProtoTCP, addr("2001:db8::1"), 80); end != frame.Accepted || host != addr("2001:db8::1") {
		t.Errorf("%v, %v", host, end)
	}
	if n.Speaker(addr("2001:db8::1")).IsValid() {
		t.Error("somebody speaks IPv6")
	}
}

func TestClient(t *testing.T) {
	n := open()
	n.Lookup = func(a netip.Addr) (frame.MAC, bool) { return 1, a == addr("10.1.0.9") }
	for _, c := range []struct{ client, container, want string }{
		{"203.0.113.9", "10.1.0.2", "203.0.113.9"},
		{"::ffff:203.0.113.9", "10.1.0.2", "203.0.113.9"},
		{"2001:db8::9", "fd00:1::2", "2001:db8::9"},
		{"2001:db8::9%eth0", "fd00:1::2", "2001:db8::9"},
		{"192.168.1.1", "10.1.0.2", "192.168.1.1"},
		// Whom no answer would find is the gateway.
		{"127.0.0.1", "10.1.0.2", "10.1.0.1"},
		{"::ffff:127.0.0.1", "10.1.0.2", "10.1.0.1"},
		{"::1", "fd00:1::2", "fd00:1::1"},
		{"0.0.0.0", "10.1.0.2", "10.1.0.1"},
		{"169.254.7.7", "10.1.0.2", "10.1.0.1"},
		{"fe80::1%eth0", "fd00:1::2", "fd00:1::1"},
		{"224.0.0.1", "10.1.0.2", "10.1.0.1"},
		{"2001:db8::9", "10.1.0.2", "10.1.0.1"},
		{"203.0.113.9", "fd00:1::2", "fd00:1::1"},
		// An address that is in use in here is not the client's, to the container.
		{"10.1.0.9", "10.1.0.2", "10.1.0.1"},
		{"10.1.0.1", "10.1.0.2", "10.1.0.1"},
		{"10.2.0.1", "10.1.0.2", "10.1.0.1"},
	} {
		if got := n.Client(addr(c.client), addr(c.container)); got != addr(c.want) {
			t.Errorf("%s is %v to %s, want %s", c.client, got, c.container, c.want)
		}
	}
	n.Addr4 = netip.Addr{}
	if got := n.Client(addr("127.0.0.1"), addr("10.1.0.2")); got.IsValid() {
		t.Errorf("%v, of a gateway that has no address", got)
	}
}

// The two are asked for each connection.
func TestNetAllocations(t *testing.T) {
	n := open()
	dst, client := addr("10.1.0.1"), addr("203.0.113.9")
	if got := testing.AllocsPerRun(100, func() {
		n.Reach(frame.ProtoTCP, dst, 80)
		n.Client(client, dst)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
