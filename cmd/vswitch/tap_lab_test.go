package main

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"testing"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// A device on the host, where root may make one: frames leave by the host's own stack.
func TestUplinkTAP(t *testing.T) {
	testnet.NeedPrograms(t, "iperf3", "ip")
	eachWorld(t, func(t *testing.T, l *lab) {
		host := l.world.host
		if l.who.uid != 0 {
			_, errOut := l.run(api.ExitMachine, "network", "create", "--uplink", "tap", "lan")
			has(t, errOut, `\[VS-NET-017\]`)
			if out := l.ok("network", "ls", "-q", "-f", "name=lan"); out != "" {
				t.Errorf("left: %s", out)
			}
			return
		}
		l.ok("network", "create", "--ipv6", "--uplink", "tap", "lan")
		l.ok("run", "-d", "--name", "c", "--network", "lan", "-p", "8080:80")
		c := l.spot("c")
		has(t, host.run(t, "ip", "-o", "-4", "addr"), `vs-[0-9a-f]{8} +inet 100\.64\.0\.1/30`)
		leg4, leg6 := l.leg("lan")
		if leg4 != "100.64.0.2" || leg6 == "" {
			t.Errorf("the leg: %s %s", leg4, leg6)
		}
		for _, a := range []string{"100.64.0.1", host4, host6} {
			mirror(t, host.bind(t, at(a, 5000)))
		}
		c.serve(t, ":80", func(c *net.TCPConn) { fmt.Fprint(c, c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()) })
		for to, leg := range map[string]string{"100.64.0.1": leg4, host4: leg4, host6: leg6} {
			if got := netip.MustParseAddrPort(c.exchange(t, at(to, 5000))).Addr().String(); got != leg {
				t.Errorf("%s sees %s, want %s", to, got, leg)
			}
			l.in("c", "ping", "-n", "-c", "1", "-w", "10", to)
		}
		if got, err := host.fetch(at(leg4, 8080)); got != "100.64.0.1" || err != nil {
			t.Errorf("a port published there: %q, %v", got, err)
		}
		host.start(t, "Server listening", "iperf3", "-s", "--forceflush")
		l.in("c", "iperf3", "-c", "100.64.0.1", "-n", "50M")
		l.in("c", "iperf3", "-c", "100.64.0.1", "-n", "50M", "-R")
		l.kill()
		l.in("c", "ping", "-n", "-c", "1", "-w", "10", host4)
		l.ok("rm", "-f", "c")
		l.ok("network", "rm", "lan")
		if out := host.run(t, "ip", "-o", "link"); regexp.MustCompile(`vs-[0-9a-f]{8}`).MatchString(out) {
			t.Errorf("left on the host:\n%s", out)
		}
	})
}
