package main

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"vswitch/internal/testnet"
)

// Who gets in where a container has sent from, and whom it is seen as: the kinds of
// NATs as RFC 5780 tells them apart, with two servers of two ports each. The way out by
// sockets filters in the same way, and sees to it that a mapping looks the same to all.
func TestPersonalities(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--subnet", "10.82.0.0/24", "outer")
		l.ok("run", "-d", "--name", "a", "--network", "outer")
		l.ok("run", "-d", "--name", "b", "--network", "outer")
		a4, _ := l.address("a", "outer")
		b4, _ := l.address("b", "outer")
		leg := &stunServers{a: l.spot("a"), b: l.spot("b"), a4: a4, b4: b4}
		world := &stunServers{a: l.world.far, b: l.world.router, a4: far4, b4: near4}
		for kind, want := range map[string]behaviour{
			"full-cone":       {otherPort: true, otherHost: true},
			"restricted":      {otherPort: true},
			"port-restricted": {},
			"symmetric":       {perPeer: true},
		} {
			l.ok("network", "create", "--uplink", "network:outer", "--nat", kind, "leg-"+kind)
			l.ok("run", "-d", "--name", "x-"+kind, "--network", "leg-"+kind)
			if got := leg.probe(t, l.spot("x-"+kind)); got != want {
				t.Errorf("a leg, %s: %+v, want %+v", kind, got, want)
			}
			l.ok("network", "create", "--nat", kind, "sock-"+kind)
			l.ok("run", "-d", "--name", "y-"+kind, "--network", "sock-"+kind)
			want.perPeer = false // a mapping is one socket
			if got := world.probe(t, l.spot("y-"+kind)); got != want {
				t.Errorf("by sockets, %s: %+v, want %+v", kind, got, want)
			}
		}
	})
}

// stunServers are two hosts outside.
type stunServers struct {
	a, b   *spot
	a4, b4 string
}

// behaviour is what a client finds out: whether others than it has sent to get in, and
// whether each peer sees another port of it.
type behaviour struct{ otherPort, otherHost, perPeer bool }

// probe is the client. That something was kept out is shown by what was sent after it
// and came.
func (s *stunServers) probe(t *testing.T, from *spot) (found behaviour) {
	t.Helper()
	a1, a2, b1 := s.a.bind(t, s.a4+":0"), s.a.bind(t, s.a4+":0"), s.b.bind(t, s.b4+":0")
	client := from.bind(t, "0.0.0.0:0")
	defer func() { a1.Close(); a2.Close(); b1.Close(); client.Close() }()
	hello := func(server *net.UDPConn) netip.AddrPort {
		t.Helper()
		to := server.LocalAddr().(*net.UDPAddr).AddrPort()
		if _, err := client.WriteToUDPAddrPort([]byte("hello"), to); err != nil {
			t.Fatal(err)
		}
		must(t, server.SetReadDeadline(time.Now().Add(testnet.Patience)))
		_, seen, err := server.ReadFromUDPAddrPort(make([]byte, 100))
		must(t, err)
		return netip.AddrPortFrom(seen.Addr().Unmap(), seen.Port())
	}
	first := hello(a1)
	for range 2 { // the second one after the first has certainly been decided about
		for _, x := range []struct {
			server *net.UDPConn
			word   string
		}{{a2, "other port"}, {b1, "other host"}, {a1, "end"}} {
			if _, err := x.server.WriteToUDPAddrPort([]byte(x.word), first); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	for ends := 0; ends < 2; {
		b := make([]byte, 100)
		must(t, client.SetReadDeadline(time.Now().Add(testnet.Patience)))
		n, _, err := client.ReadFromUDPAddrPort(b)
		must(t, err)
		switch string(b[:n]) {
		case "other port":
			found.otherPort = true
		case "other host":
			found.otherHost = true
		default:
			ends++
		}
	}
	found.perPeer = hello(b1) != first || hello(a2) != first
	return found
}
