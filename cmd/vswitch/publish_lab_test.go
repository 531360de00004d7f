package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// The way in, as a table: who reaches a published port by which address of the host,
// and whom the server sees. This is what Docker's own tests ask of it, but that clients
// are seen as what they are wherever they are reached back by that address.
func TestPublishedPorts(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--ipv6", "--subnet", "10.96.0.0/24", "--subnet", "fd00:96::/64", "dual")
		l.ok("network", "create", "--subnet", "10.97.0.0/24", "other")
		l.ok("run", "-d", "--name", "web", "-p", "8080:80", "-p", "5000:5000/udp")
		l.ok("run", "-d", "--name", "both", "--network", "dual", "-p", "8086:80", "-p", "5006:5000/udp")
		l.ok("run", "-d", "--name", "beside")
		l.ok("run", "-d", "--name", "apart", "--network", "other")
		web, both, beside, apart := l.spot("web"), l.spot("both"), l.spot("beside"), l.spot("apart")
		for _, s := range []*spot{web, both} {
			s.serve(t, ":80", func(c *net.TCPConn) { fmt.Fprint(c, c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()) })
			mirror(t, s.bind(t, ":5000"))
		}
		host, far := l.world.host, l.world.far
		const gateway = "172.17.0.1"
		for _, tt := range []struct {
			from     *spot
			to, seen string
		}{
			{host, "127.0.0.1", gateway},
			{host, "127.9.9.9", gateway},
			{host, "::1", gateway},
			{host, host4, host4},
			{host, host6, gateway}, // the container has no IPv6
			{far, host4, far4},
			{far, host6, gateway},
			{beside, host4, host4},
			{beside, gateway, gateway},
			{web, host4, host4},
			{web, gateway, gateway},
			{apart, host4, host4},
			{apart, "10.97.0.1", gateway},
		} {
			l.client(tt.from, tt.to, 8080, 5000, tt.seen)
		}
		for _, tt := range []struct {
			from     *spot
			to, seen string
		}{
			{host, "127.0.0.1", "10.96.0.1"},
			{host, "::1", "fd00:96::1"},
			{host, host6, host6},
			{far, host4, far4},
			{far, host6, far6},
			{both, host6, host6},
			{both, "fd00:96::1", "fd00:96::1"},
		} {
			l.client(tt.from, tt.to, 8086, 5006, tt.seen)
		}
		l.balanced()
	})
}

// client goes to a published TCP and a UDP port, and compares whom the servers see.
func (l *lab) client(from *spot, to string, tcp, udp int, seen string) {
	l.t.Helper()
	got, err := from.fetch(at(to, tcp))
	if got != seen || err != nil {
		l.t.Errorf("%s to %s: the TCP server sees %q, want %q; %v", from.name, at(to, tcp), got, seen, err)
	}
	if got := from.exchange(l.t, at(to, udp)); got != "" && netip.MustParseAddrPort(got).Addr().String() != seen {
		l.t.Errorf("%s to %s: the UDP server sees %q, want %q", from.name, at(to, udp), got, seen)
	}
}

// fetch reads what a server says to whoever comes.
func (s *spot) fetch(to string) (string, error) {
	c, err := s.dial(to)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(testnet.Patience))
	b, err := io.ReadAll(c)
	return string(b), err
}

// What is not open is closed: a port of the loopback from elsewhere, a port that is not
// published, one behind which nobody listens.
func TestPublishedNowhere(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", "-p", "8081:81", "-p", "5001:5001/udp")
		l.ok("run", "-d", "--name", "two", "-p", "127.0.0.2:8082:80")
		l.ok("run", "-d", "--name", "three", "-p", "127.0.0.3:8082:80")
		for _, name := range []string{"web", "two", "three"} {
			l.spot(name).serve(t, ":80", func(c *net.TCPConn) { fmt.Fprint(c, name) })
		}
		host, far := l.world.host, l.world.far
		for to, want := range map[string]string{"127.0.0.1:8080": "web", "127.0.0.2:8082": "two", "127.0.0.3:8082": "three"} {
			if got, err := host.fetch(to); got != want || err != nil {
				t.Errorf("%s: %q, %v", to, got, err)
			}
		}
		for _, tt := range []struct {
			from *spot
			to   string
		}{
			{far, host4 + ":8080"}, {far, at(host6, 8080)}, {host, host4 + ":8080"}, {host, "127.0.0.1:8082"},
			{far, host4 + ":80"}, {host, "127.0.0.1:80"},
		} {
			if _, err := tt.from.dial(tt.to); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s reaches %s: %v", tt.from.name, tt.to, err)
			}
		}
		// The host has taken the connection when the container says no.
		for _, from := range []*spot{host, far} {
			if got, err := from.fetch(host4 + ":8081"); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s: nobody listens, and it reads %q, %v", from.name, got, err)
			}
		}
		if u := l.network("bridge").VSwitch.Uplink; u.Refused == 0 {
			t.Errorf("refused clients are not counted: %+v", u)
		}
		l.balanced()
	})
}

// ports are the published ports, by the host's port.
func (l *lab) ports() map[string]api.PublishedPort {
	l.t.Helper()
	var all []api.PublishedPort
	l.items(&all, "port", "ls")
	out := map[string]api.PublishedPort{}
	for _, p := range all {
		key := fmt.Sprint(p.HostPort)
		row := out[key]
		p.Accepted, p.Refused, p.Active = p.Accepted+row.Accepted, p.Refused+row.Refused, p.Active+row.Active
		out[key] = p
	}
	return out
}

// TestLowPorts: root publishes them; an ordinary user is told from where on he may, and
// nothing of the container runs.
func TestLowPorts(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		code, _, errOut, err := l.call("run", "-d", "--name", "low", "-p", "80:80", "--", "sleep", "1000")
		must(t, err)
		if l.who.uid == 0 {
			if code != int(api.ExitDone) {
				t.Errorf("exit code %d: %s", code, errOut)
			}
			return
		}
		has(t, errOut, `VS-NET-003`, `0\.0\.0\.0:80 failed: .* from 1024 on`, `-p 8080:80/tcp`)
		if code != int(api.ExitMachine) || l.inspect("low").State.Running {
			t.Errorf("exit code %d", code)
		}
	})
}
