package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// A network that leaves by another one: a NAT that one can look at from both sides.
func TestNATLab(t *testing.T) {
	testnet.NeedPrograms(t, "traceroute", "iperf3", "ping")
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--ipv6", "--subnet", "10.80.0.0/24", "--subnet", "fd00:80::/64", "outer")
		l.ok("network", "create", "--ipv6", "--subnet", "10.81.0.0/24", "--subnet", "fd00:81::/64", "--uplink", "network:outer", "inner")
		l.ok("run", "-d", "--name", "o", "--network", "outer")
		l.ok("run", "-d", "--name", "i", "--network", "inner", "-p", "8080:80", "-p", "5000:5000/udp")
		o, i := l.spot("o"), l.spot("i")
		o4, o6 := l.address("o", "outer")
		i4, i6 := l.address("i", "inner")
		leg4, leg6 := l.leg("inner")
		i.serve(t, ":80", func(c *net.TCPConn) { fmt.Fprint(c, c.RemoteAddr()) })
		mirror(t, i.bind(t, ":5000"))
		mirror(t, o.bind(t, ":5000"))
		o.serve(t, ":80", func(c *net.TCPConn) { fmt.Fprint(c, c.RemoteAddr()) })
		o.start(t, "Server listening", "iperf3", "-s", "--forceflush")

		for _, f := range []struct{ leg, o, i, gateway, outer string }{
			{leg4, o4, i4, "10.81.0.1", "10.80.0.1"}, {leg6, o6, i6, "fd00:81::1", "fd00:80::1"},
		} {
			// Out, and whom the others see.
			got, err := i.fetch(at(f.o, 80))
			if host, _, _ := net.SplitHostPort(got); host != f.leg || err != nil {
				t.Errorf("TCP out: seen as %q, want %s; %v", got, f.leg, err)
			}
			if got := netip.MustParseAddrPort(i.exchange(t, at(f.o, 5000))).Addr().String(); got != f.leg {
				t.Errorf("UDP out: seen as %s, want %s", got, f.leg)
			}
			l.in("i", "ping", "-n", "-c", "1", "-w", "10", f.o)
			l.in("i", "ping", "-n", "-c", "1", "-w", "10", "-s", "4000", f.o)
			long(t, i, o, f.o)
			l.in("i", "iperf3", "-c", f.o, "-n", "30M")
			l.in("i", "iperf3", "-c", f.o, "-n", "30M", "-R")
			// In by forwards only; to outside the network inside is not there.
			got, err = o.fetch(at(f.leg, 8080))
			if host, _, _ := net.SplitHostPort(got); host != f.o || err != nil {
				t.Errorf("TCP in: seen as %q, want %s; %v", got, f.o, err)
			}
			if got := netip.MustParseAddrPort(o.exchange(t, at(f.leg, 5000))).Addr().String(); got != f.o {
				t.Errorf("UDP in: seen as %s, want %s", got, f.o)
			}
			if got, err := i.fetch(at(f.leg, 8080)); err != nil || got == "" {
				t.Errorf("its own port by the address outside: %q, %v", got, err)
			}
			if _, err := o.dial(at(f.leg, 81)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("a port that is not published: %v", err)
			}
			l.in("o", "ping", "-n", "-c", "1", "-w", "10", f.leg)
			if code, out, _, _ := l.call("exec", "o", "--", "ping", "-n", "-c", "1", "-W", "1", f.i); code == 0 {
				t.Errorf("from outside to the address inside:\n%s", out)
			}
			// Errors find their way back, and each router is a hop.
			if err := refusal(i.bind(t, ":0"), at(f.o, 81)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("a closed port outside: %v", err)
			}
			flag := "-4"
			if strings.Contains(f.o, ":") {
				flag = "-6"
			}
			for _, how := range []string{"", "-I", "-T"} {
				args := append([]string{"traceroute", flag, "-n", "-q", "1", "-w", "3", "-m", "4"}, strings.Fields(how)...)
				has(t, l.in("i", append(args, f.o)...), `(?m)^ 1  `+f.gateway+` .*ms$`, `(?m)^ 2  `+f.o+` .*ms$`)
			}
		}
		has(t, l.in("i", "traceroute", "-n", "-q", "1", "-w", "3", "-m", "5", far4),
			`(?m)^ 1  10\.81\.0\.1 .*ms$`, `(?m)^ 2  10\.80\.0\.1 .*ms$`, `(?m)^ 3  198\.51\.100\.1 .*ms$`, `(?m)^ 4  203\.0\.113\.2 .*ms$`)
		l.tablesOfNAT(leg4)

		// The leg's address stays.
		held := i.connect(t, at(o4, 80))
		held.Close()
		l.kill()
		if a4, a6 := l.leg("inner"); a4 != leg4 || a6 != leg6 {
			t.Errorf("the leg's addresses: %s %s, before the kill %s %s", a4, a6, leg4, leg6)
		}
		if got, err := o.fetch(at(leg4, 8080)); err != nil || !strings.HasPrefix(got, o4+":") {
			t.Errorf("a forward after the kill: %q, %v", got, err)
		}
		if got, err := i.fetch(at(o6, 80)); err != nil {
			t.Errorf("out after the kill: %q, %v", got, err)
		}
		// What a network leaves by cannot go before it.
		l.ok("rm", "-f", "o")
		_, errOut := l.run(api.ExitConflict, "network", "rm", "outer")
		has(t, errOut, `inner`)
		l.ok("rm", "-f", "i")
		l.ok("network", "rm", "inner")
		l.ok("network", "rm", "outer")
		l.balanced()
	})
}

// address is a container's on a network.
func (l *lab) address(container, network string) (v4, v6 string) {
	l.t.Helper()
	n := l.inspect(container).NetworkSettings.Networks[network]
	return n.IPAddress, n.GlobalIPv6Address
}

// leg is a network's foot in another one.
func (l *lab) leg(network string) (v4, v6 string) {
	l.t.Helper()
	for _, text := range l.network(network).VSwitch.Uplink.Outer {
		p := netip.MustParsePrefix(text)
		if p.Addr().Is4() {
			v4 = p.Addr().String()
		} else {
			v6 = p.Addr().String()
		}
	}
	if v4 == "" {
		l.t.Fatalf("network %s has no leg: %+v", network, l.network(network).VSwitch)
	}
	return v4, v6
}

// long sends a datagram in fragments to a server that says whether all of it came.
func long(t *testing.T, from, to *spot, addr string) {
	t.Helper()
	server := to.bind(t, ":0")
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.LocalAddr().String())
	client := from.bind(t, ":0")
	defer client.Close()
	target := netip.MustParseAddrPort(net.JoinHostPort(addr, port))
	for range 10 {
		if _, err := client.WriteToUDPAddrPort(material[:8000], target); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1<<16)
		must(t, server.SetReadDeadline(time.Now().Add(2*time.Second)))
		n, back, err := server.ReadFromUDPAddrPort(b)
		if err != nil {
			continue
		}
		if !bytes.Equal(b[:n], material[:8000]) {
			t.Errorf("%d bytes came, others than were sent", n)
		}
		_, _ = server.WriteToUDPAddrPort(material[1:8001], back)
		must(t, client.SetReadDeadline(time.Now().Add(2*time.Second)))
		if n, _, err = client.ReadFromUDPAddrPort(b); err == nil && bytes.Equal(b[:n], material[1:8001]) {
			return
		}
	}
	t.Errorf("%s to %s: no datagram of 8000 bytes goes and comes back", from.name, addr)
}

// tablesOfNAT: what the lab did is in nat ls and conntrack ls.
func (l *lab) tablesOfNAT(leg string) {
	l.t.Helper()
	var maps []api.NATMapping
	l.items(&maps, "nat", "ls", "inner")
	kinds := map[string]bool{}
	for _, m := range maps {
		kinds[m.Kind+" "+m.Protocol] = true
		filtering := map[string]string{"forward": "full-cone", "dynamic": "port-restricted"}[m.Kind]
		if m.Container != "i" || m.Network != "inner" || m.Filtering != filtering {
			l.t.Errorf("%+v, filtering want %s", m, filtering)
		}
	}
	for _, k := range []string{"forward tcp", "forward udp", "dynamic udp", "dynamic icmp"} {
		if !kinds[k] {
			l.t.Errorf("no %s in nat ls: %+v", k, maps)
		}
	}
	var flows []api.Connection
	l.items(&flows, "conntrack", "ls", "inner")
	if !slices.ContainsFunc(flows, func(c api.Connection) bool {
		return c.Protocol == "udp" && c.Direction == "in" && c.Path == "nat" && c.Container == "i" && strings.HasSuffix(c.Inside, ":5000") && c.RxPackets > 0 && c.TxPackets > 0
	}) {
		l.t.Errorf("no datagram that came in, in conntrack ls: %+v", flows)
	}
	if !slices.ContainsFunc(flows, func(c api.Connection) bool {
		return c.Protocol == "udp" && c.Direction == "out" && strings.HasPrefix(c.Outside, leg+":") && c.State == "REPLIED"
	}) {
		l.t.Errorf("no datagram that went out, in conntrack ls: %+v", flows)
	}
}
