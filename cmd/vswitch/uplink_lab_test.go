package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// family is one of both families of addresses, as the tests of the way out use it.
type family struct {
	name, flag               string
	host, near, far, nowhere string
	gateway                  string
	any                      string
}

func families(l *lab, container, network string) []family {
	n := l.inspect(container).NetworkSettings.Networks[network]
	return []family{
		{"IPv4", "-4", host4, near4, far4, nowhere4, n.Gateway, "0.0.0.0"},
		{"IPv6", "-6", host6, near6, far6, nowhere6, n.IPv6Gateway, "[::]"},
	}
}

// What people leave a network with: curl, iperf3, dig, ping, traceroute, as they do on
// the host itself.
func TestWayOut(t *testing.T) {
	testnet.NeedPrograms(t, "curl", "dig", "traceroute", "iperf3", "sha256sum")
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--ipv6", "lan")
		l.ok("run", "-d", "--name", "c", "--network", "lan")
		far := l.world.far
		far.serveNames(t, ":53")
		far.start(t, "Server listening", "iperf3", "-s", "--forceflush")
		pages := far.serveWeb(t, ":80")
		l.world.host.serveWeb(t, ":80")
		for _, f := range families(l, "c", "lan") {
			t.Run(f.name, func(t *testing.T) {
				l := l.with(t)
				l.curl(f, pages)
				l.iperf(f)
				l.dig(f)
				l.pings(f)
				l.traces(f)
				l.refusals(f)
			})
		}
		t.Run("MTU 65520", func(t *testing.T) {
			l := l.with(t)
			l.ok("network", "create", "--ipv6", "--mtu", "65520", "wide")
			l.ok("run", "-d", "--name", "w", "--network", "wide")
			for _, to := range []string{host4, host6} {
				l.in("w", "ping", "-c", "1", "-w", "5", "-s", "60000", to)
			}
			// Further on the path is narrower: that is said, and believed.
			for _, to := range []string{far4, far6} {
				out, _ := l.run(api.ExitFailed, "exec", "w", "--", "ping", "-n", "-c", "1", "-w", "5", "-M", "do", "-s", "60000", to)
				l.has(out, `mtu.*1500`)
				l.in("w", "ping", "-c", "1", "-w", "5", "-s", "60000", to)
			}
			l.sums("w", "http://"+far4)
		})
		t.Run("a narrower path", func(t *testing.T) {
			l := l.with(t)
			l.world.router.ip(t, "link set down0 mtu 1300")
			far.ip(t, "link set down1 mtu 1300")
			for _, to := range []string{far4, far6} {
				out, _ := l.run(api.ExitFailed, "exec", "c", "--", "ping", "-n", "-c", "1", "-w", "5", "-M", "do", "-s", "1400", to)
				l.has(out, `mtu.*1300`)
				if got := l.in("c", "curl", "-sS", "-o", "/dev/null", "-w", "%{size_download}", "http://"+at(to, 80)+"/1000000"); got != "1000000" {
					t.Errorf("%s: %s bytes", to, got)
				}
			}
		})
		l.balanced()
	})
}

// with is the lab in a part of its test.
func (l *lab) with(t *testing.T) *lab {
	part := *l
	part.t = t
	return &part
}

func (l *lab) has(text string, patterns ...string) {
	l.t.Helper()
	has(l.t.(*testing.T), text, patterns...)
}

// curl: several requests on one connection; a big answer and a big request.
func (l *lab) curl(f family, pages *web) {
	l.t.Helper()
	url, before := "http://"+at(f.far, 80), pages.conns.Load()
	out := l.in("c", "curl", "-sS", "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null",
		"-w", "%{http_code} %{size_download}\n", url+"/1", url+"/100000", url+"/0")
	if out != "200 1\n200 100000\n200 0" {
		l.t.Errorf("%s: curl: %s", f.name, out)
	}
	if n := pages.conns.Load() - before; n != 1 {
		l.t.Errorf("%s: %d connections for three requests", f.name, n)
	}
	l.sums("c", url)
	l.has(l.in("c", "curl", "-sS", "http://"+at(f.host, 80)+"/who"), `^`+f.host+`$`)
}

// sums fetches a lot, and sends what it gets back, and compares what came.
func (l *lab) sums(container, url string) {
	l.t.Helper()
	const n = 100_000_000
	here := fmt.Sprintf("curl -sS %s/%d | tee /dev/fd/3 | sha256sum", url, n)
	out := l.in(container, "bash", "-c", "exec 3> >(curl -sS -T - "+url+"/ >&2); "+here+"; exec 3>&-; wait")
	l.has(out, digestOf(n))
}

func (l *lab) iperf(f family) {
	l.t.Helper()
	for _, how := range []string{"", "-R", "-P 4", "-u -b 200M", "-u -b 200M -R"} {
		args := append([]string{"iperf3", "-c", f.far, "-n", "20M"}, strings.Fields(how)...)
		out := l.in("c", args...)
		l.has(out, `receiver`, `iperf Done`)
	}
}

func (l *lab) dig(f family) {
	l.t.Helper()
	for _, proto := range []string{"+notcp", "+tcp"} {
		out := l.in("c", "dig", "+short", "+time=5", "+tries=2", proto, "@"+f.far, "far.example", "AAAA")
		if out != far6 {
			l.t.Errorf("dig %s @%s: %q", proto, f.far, out)
		}
	}
}

func (l *lab) pings(f family) {
	l.t.Helper()
	for _, to := range []string{f.far, f.near, f.host} {
		l.has(l.in("c", "ping", "-n", "-c", "2", "-i", "0.01", "-w", "10", to), ` from `+to, ` 0% packet loss`)
	}
	l.has(l.in("c", "ping", "-n", "-c", "1", "-w", "10", "-s", "8000", f.far), `8008 bytes from `+f.far)
}

// traces: the hops are those that are there, and the last one answers.
func (l *lab) traces(f family) {
	l.t.Helper()
	for _, how := range []string{"", "-I", "-T"} {
		args := append([]string{"traceroute", f.flag, "-n", "-q", "1", "-w", "3", "-m", "5"}, strings.Fields(how)...)
		out := l.in("c", append(args, f.far)...)
		l.has(out, `(?m)^ 1  `+f.gateway+` .*ms$`, `(?m)^ 2  `+f.near+` .*ms$`, `(?m)^ 3  `+f.far+` .*ms$`)
	}
}

// refusals: who is not there says so at once.
func (l *lab) refusals(f family) {
	l.t.Helper()
	const curlRefused = 7
	for what, url := range map[string]string{"a closed port": at(f.far, 81), "an unreachable network": at(f.nowhere, 80)} {
		_, errOut := l.run(curlRefused, "exec", "c", "--", "curl", "-sS", "--max-time", "15", "http://"+url)
		l.has(errOut, `Couldn't connect|Failed to connect`)
		if l.t.Failed() {
			l.t.Logf("%s: %s", what, url)
		}
	}
	out, _ := l.run(api.ExitFailed, "exec", "c", "--", "ping", "-n", "-c", "1", "-w", "5", f.nowhere)
	l.has(out, `Unreachable|No route|unreachable`)
	for _, x := range []string{f.far, f.nowhere} {
		udp := l.spot("c").bind(l.t, f.any+":0")
		err := refusal(udp, at(x, 81))
		if !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.ENETUNREACH) && !errors.Is(err, unix.EHOSTUNREACH) {
			l.t.Errorf("%s: a datagram to a closed port of %s: %v", f.name, x, err)
		}
	}
}

// refusal sends datagrams until the error of one comes back.
func refusal(c *net.UDPConn, to string) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return err
	}
	// Who asks for them is told of all errors, not only of a connected socket's.
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	})
	for range 100 {
		if _, err = c.WriteTo([]byte("x"), addr); err != nil {
			break
		}
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, _, err = c.ReadFrom(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
	}
	return err
}

// balanced requires that every frame of the lab's life is accounted for.
func (l *lab) balanced() {
	l.t.Helper()
	var s api.Stats
	ok := testnet.Eventually(func() bool {
		l.json(&s, "stats")
		return s.Balanced
	})
	if !ok {
		l.t.Errorf("not every frame is accounted for: %+v", s)
	}
}
