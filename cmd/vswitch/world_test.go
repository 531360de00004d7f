package main

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"vswitch/internal/netnsx"
	"vswitch/internal/testnet"
)

// A world is what surrounds a lab that looks out: a host of its own for the switch to
// run on, and a host far away, behind a router. None of it is the machine's.
//
//	containers - switch - host ----up0-up1---- router ----down0-down1---- far
//	                      198.51.100.2        .1    .1          203.0.113.2
//	                      2001:db8:1::2      ::1    ::1         2001:db8:2::2
//
// What the router has no route to, 192.0.2.0/24 and 2001:db8:dead::/64, it refuses as
// unreachable.
type world struct {
	host, router, far *spot
}

// The addresses of hosts, and some that nobody has.
const (
	host4, host6       = "198.51.100.2", "2001:db8:1::2"
	near4, near6       = "198.51.100.1", "2001:db8:1::1" // the router's, on the host's side
	far4, far6         = "203.0.113.2", "2001:db8:2::2"
	nowhere4, nowhere6 = "192.0.2.1", "2001:db8:dead::1"
)

// eachWorld runs a test as root and as an ordinary user, each in a world of its own.
func eachWorld(t *testing.T, test func(t *testing.T, l *lab)) {
	eachUser(t, func(t *testing.T, l *lab) {
		l.world = newWorld(t)
		test(t, l)
	})
}

// What the host has; both may be set anew.
const (
	hostAddrs = `addr replace 198.51.100.2/24 dev up0
addr replace 2001:db8:1::2/64 dev up0 nodad`
	hostRoutes = `route replace default via 198.51.100.1
route replace default via 2001:db8:1::1`
)

// newWorld makes one. The lab that has it closes it, when its switch is gone.
func newWorld(t testing.TB) *world {
	t.Helper()
	testnet.NeedPrograms(t, "ip")
	w := &world{host: newSpot(t, "host"), router: newSpot(t, "router"), far: newSpot(t, "far")}
	w.join(t, w.host, "up0", w.router, "up1")
	w.join(t, w.router, "down0", w.far, "down1")
	w.host.ip(t, hostAddrs+"\n"+hostRoutes)
	w.router.ip(t, `addr add 198.51.100.1/24 dev up1
addr add 2001:db8:1::1/64 dev up1 nodad
addr add 203.0.113.1/24 dev down0
addr add 2001:db8:2::1/64 dev down0 nodad
route add unreachable 192.0.2.0/24
route add unreachable 2001:db8:dead::/64`)
	w.far.ip(t, `addr add 203.0.113.2/24 dev down1
addr add 2001:db8:2::2/64 dev down1 nodad
route add default via 203.0.113.1
route add default via 2001:db8:2::1`)
	for name, value := range map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1",
		"net.ipv4.icmp_ratelimit": "0", "net.ipv6.icmp.ratelimit": "0",
	} {
		must(t, w.router.ns.SetSysctl(name, value))
	}
	// As distributions set it: everybody may ping.
	must(t, w.host.ns.SetSysctl("net.ipv4.ping_group_range", "0 2147483647"))
	return w
}

// on runs fn on a thread that is on the host; the caller's has to be one that ends with
// it.
func (w *world) on(fn func() error) error {
	if w != nil {
		if err := w.host.ns.Enter(); err != nil {
			return err
		}
	}
	return fn()
}

// join wires two places together.
func (w *world) join(t testing.TB, a *spot, left string, b *spot, right string) {
	t.Helper()
	must(t, netnsx.MakeVeth(netnsx.End{NS: a.ns, Name: left}, netnsx.End{NS: b.ns, Name: right}, 0))
	a.ip(t, "link set "+left+" up")
	b.ip(t, "link set "+right+" up")
}

// spot is a network namespace in which programs of a test run and sockets of it live.
type spot struct {
	name string
	ns   *netnsx.NS
}

func newSpot(t testing.TB, name string) *spot {
	t.Helper()
	ns, err := netnsx.New()
	must(t, err)
	return &spot{name, ns}
}

// close lets go of it.
func (w *world) close() {
	if w != nil {
		w.host.ns.Close()
		w.router.ns.Close()
		w.far.ns.Close()
	}
}

// spot is a container's; it is good for as long as the container runs.
func (l *lab) spot(container string) *spot {
	l.t.Helper()
	ns, err := netnsx.Open(l.inspect(container).NetworkSettings.SandboxKey)
	must(l.t, err)
	l.t.Cleanup(func() { ns.Close() })
	return &spot{container, ns}
}

// try runs a program to its end, and returns what it wrote and its exit code.
func (s *spot) try(t testing.TB, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := s.ns.Do(cmd.Run); err != nil && !exited(err) {
		t.Fatalf("%s: %q: %v", s.name, args, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// run runs a program, which has to succeed.
func (s *spot) run(t testing.TB, args ...string) string {
	t.Helper()
	out, code := s.try(t, args...)
	if code != 0 {
		t.Fatalf("%s: %q: exit code %d\n%s", s.name, args, code, out)
	}
	return out
}

// ip does what lines of ip(8) say.
func (s *spot) ip(t testing.TB, lines string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(lines + "\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := s.ns.Do(cmd.Run); err != nil {
		t.Fatalf("%s: ip: %v\n%s\n%s", s.name, err, lines, &out)
	}
}

// start starts a program that ends with the test, when it has written what is awaited.
func (s *spot) start(t testing.TB, awaited string, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	out := &transcript{}
	cmd.Stdout, cmd.Stderr = out, out
	ended := make(chan struct{})
	started := make(chan error, 1)
	go func() {
		defer close(ended)
		_ = s.ns.Do(func() error {
			err := cmd.Start()
			started <- err
			if err != nil {
				return err
			}
			return cmd.Wait() // it is killed: that is its error
		})
	}()
	must(t, <-started)
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	if !testnet.Eventually(func() bool { return strings.Contains(out.String(), awaited) }) {
		t.Fatalf("%s: %q did not say %q:\n%s", s.name, args, awaited, out)
	}
}

// listen opens a TCP socket for clients.
func (s *spot) listen(t testing.TB, at string) *net.TCPListener {
	t.Helper()
	var l net.Listener
	must(t, s.ns.Do(func() (err error) {
		l, err = net.Listen("tcp", at)
		return err
	}))
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

// bind opens a UDP socket.
func (s *spot) bind(t testing.TB, at string) *net.UDPConn {
	t.Helper()
	var out *net.UDPConn
	must(t, s.ns.Do(func() (err error) {
		c, err := net.ListenPacket("udp", at)
		if err == nil {
			out = c.(*net.UDPConn)
		}
		return err
	}))
	t.Cleanup(func() { out.Close() })
	return out
}

// dial connects.
func (s *spot) dial(to string) (*net.TCPConn, error) {
	var c net.Conn
	err := s.ns.Do(func() (err error) {
		c, err = (&net.Dialer{Timeout: testnet.Patience}).Dial("tcp", to)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// connect is dial for what has to succeed.
func (s *spot) connect(t testing.TB, to string) *net.TCPConn {
	t.Helper()
	c, err := s.dial(to)
	if err != nil {
		t.Fatalf("%s: connect to %s: %v", s.name, to, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// at is an address with a port, in text form.
func at(addr string, port int) string { return net.JoinHostPort(addr, fmt.Sprint(port)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
