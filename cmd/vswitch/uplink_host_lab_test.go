package main

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// The host's own loopback is closed, unless it is opened for a network or for all; its
// other addresses are like anybody's.
func TestHostLoopback(t *testing.T) {
	testnet.NeedPrograms(t, "curl")
	eachWorld(t, func(t *testing.T, l *lab) {
		for _, a := range []string{"127.0.0.1", "[::1]"} {
			l.world.host.serveWeb(t, a+":80")
		}
		l.world.host.serveWeb(t, at(host4, 80))
		l.world.host.serveWeb(t, at(host6, 80))
		mirror(t, l.world.host.bind(t, "127.0.0.1:5000"))
		l.ok("network", "create", "--ipv6", "shut")
		l.ok("network", "create", "--ipv6", "--allow-host-loopback", "open")
		l.ok("run", "-d", "--name", "out", "--network", "shut")
		l.ok("run", "-d", "--name", "in", "--network", "open")

		l.sees("in", "host.vswitch.internal", "127.0.0.1", "-4")
		l.sees("in", "host.docker.internal", "::1", "-6")
		l.sees("out", host4, host4, "-4")
		l.sees("out", "["+host6+"]", host6, "-6")
		l.closed("out", "host.vswitch.internal")
		l.closed("out", "host.docker.internal")
		for _, who := range []string{"in", "out"} {
			l.closed(who, "127.0.0.1")
			l.closed(who, "[::1]")
		}
		l.has(l.spot("in").exchange(t, "169.254.1.2:5000"), `^127\.0\.0\.1:`)
		if n := l.ends("shut")["host-loopback"]; n == 0 {
			t.Errorf("no frame ended as host-loopback: %v", l.ends("shut"))
		}
		l.ok("down")
		l.ok("up", "--allow-host-loopback")
		l.ok("run", "-d", "--name", "all")
		l.sees("all", "host.vswitch.internal", "127.0.0.1", "-4")
		l.balanced()
	})
}

// sees requires that a server of the host sees a container come from an address.
func (l *lab) sees(container, to, from, flag string) {
	l.t.Helper()
	if got := l.in(container, "curl", flag, "-sS", "--max-time", "15", "http://"+to+"/who"); got != from {
		l.t.Errorf("%s: %s sees %q, want %q", container, to, got, from)
	}
}

// closed requires that nobody answers a container.
func (l *lab) closed(container, to string) {
	l.t.Helper()
	code, out, _, err := l.call("exec", container, "--", "curl", "-sS", "--max-time", "15", "http://"+to+"/who")
	if code != 7 || err != nil {
		l.t.Errorf("%s: %s answers: exit code %d, %v: %s", container, to, code, err, out)
	}
}

// ends are the frames of a network, by how they ended.
func (l *lab) ends(network string) map[string]uint64 {
	l.t.Helper()
	var s api.Stats
	l.json(&s, "stats")
	all := map[string]uint64{}
	for _, p := range s.Ports {
		for reason, n := range p.Ends {
			if p.Network == network {
				all[reason] += n
			}
		}
	}
	return all
}

// The host's own network comes and goes. Containers' connections take it as those of
// the host's programs do.
func TestHostNetworkChanges(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--ipv6", "lan")
		l.ok("run", "-d", "--name", "c", "--network", "lan")
		host, c := l.world.host, l.spot("c")
		mirror(t, l.world.far.bind(t, ":5000"))
		listener := l.world.far.listen(t, far4+":80")
		in := c.connect(t, far4+":80")
		out, err := listener.AcceptTCP()
		must(t, err)
		defer out.Close()
		reached := func() {
			t.Helper()
			l.has(c.exchange(t, far4+":5000"), `^198\.51\.100\.2:`)
			l.has(c.exchange(t, at(far6, 5000)), `^\[2001:db8:1::2\]:`)
			l.in("c", "ping", "-n", "-c", "1", "-w", "10", far4)
			passes(t, in, out)
			passes(t, out, in)
		}
		reached()
		host.ip(t, "link set up0 down")
		if _, err := c.dial(far4 + ":80"); !errors.Is(err, unix.ENETUNREACH) && !errors.Is(err, unix.EHOSTUNREACH) {
			t.Errorf("without a network: %v", err)
		}
		udp := c.bind(t, "0.0.0.0:0")
		if err := refusal(udp, far4+":5000"); !errors.Is(err, unix.ENETUNREACH) && !errors.Is(err, unix.EHOSTUNREACH) {
			t.Errorf("a datagram without a network: %v", err)
		}
		host.ip(t, hostAddrs+"\nlink set up0 up\n"+hostRoutes)
		reached()
		// The addresses go and come, the link stays.
		host.ip(t, "addr flush dev up0")
		host.ip(t, hostAddrs+"\n"+hostRoutes)
		reached()
		l.balanced()
	})
}

// passes sends a little from a to b.
func passes(t *testing.T, a, b *net.TCPConn) {
	t.Helper()
	if _, err := a.Write([]byte("hello")); err != nil {
		t.Errorf("write: %v", err)
		return
	}
	must(t, b.SetReadDeadline(time.Now().Add(testnet.Patience)))
	got := make([]byte, 5)
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "hello" {
		t.Errorf("read: %q, %v", got, err)
	}
}
