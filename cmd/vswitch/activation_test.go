package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// passedSocket binds a socket on the lab's host, as systemd does for a socket unit of that
// name.
func (l *lab) passedSocket(name string, kind int, to unix.Sockaddr) *os.File {
	l.t.Helper()
	family := unix.AF_INET
	if _, six := to.(*unix.SockaddrInet6); six {
		family = unix.AF_INET6
	}
	fd := -1
	must(l.t, l.world.host.ns.Do(func() (err error) {
		if fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err == nil {
			err = unix.Bind(fd, to)
		}
		if err == nil && kind == unix.SOCK_STREAM {
			err = unix.Listen(fd, 16)
		}
		return err
	}))
	f := os.NewFile(uintptr(fd), name)
	l.t.Cleanup(func() { f.Close() })
	return f
}

// loopback is a port of the host's 127.0.0.1.
func loopback(port int) unix.Sockaddr {
	return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}
}

// service is a command that has sockets, as a service manager starts it. They are not
// open here any more then. What stays ends with the lab's switch.
type service struct {
	cmd   *exec.Cmd
	links []string // as /proc shows the sockets
	said  transcript
	done  chan error
}

func (l *lab) service(sockets []*os.File, args ...string) *service {
	l.t.Helper()
	as := *l
	as.who.shell = `LISTEN_PID=$$ exec "$@"`
	s := &service{cmd: as.command(args...), done: make(chan error, 1)}
	var names []string
	for _, f := range sockets {
		link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		must(l.t, err)
		s.links, names = append(s.links, link), append(names, f.Name())
	}
	s.cmd.ExtraFiles = sockets
	s.cmd.Env = append(s.cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	s.cmd.Stderr, s.cmd.WaitDelay = &s.said, time.Second
	must(l.t, testnet.WithNode(l.who.node, func() error { return l.world.on(s.cmd.Start) }))
	go func() { s.done <- s.cmd.Wait() }()
	for _, f := range sockets {
		must(l.t, f.Close())
	}
	return s
}

// greets has a container say hello to clients of a port.
func (l *lab) greets(container, where string) {
	l.t.Helper()
	l.spot(container).serve(l.t, where, func(c *net.TCPConn) { _, _ = c.Write([]byte("hello")) }) // the client misses it
}

// greeted requires that a client is served.
func greeted(t testing.TB, c *net.TCPConn) {
	t.Helper()
	must(t, c.SetDeadline(time.Now().Add(testnet.Patience)))
	if b, err := io.ReadAll(c); string(b) != "hello" || err != nil {
		t.Fatalf("a client got %q, %v", b, err)
	}
	c.Close()
}

// refused requires that nobody has the port.
func (s *spot) refused(t testing.TB, to string) {
	t.Helper()
	ok := testnet.Eventually(func() bool {
		c, err := s.dial(to)
		if err == nil {
			c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	if !ok {
		t.Errorf("%s: somebody has %s", s.name, to)
	}
}

// Sockets on ports that the switch's user may not have: bound by somebody else, they
// serve published ports, over restarts of the switch process and publications.
func TestActivation(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		host := l.world.host
		service := l.service([]*os.File{
			l.passedSocket("web.socket", unix.SOCK_STREAM, loopback(80)),
			l.passedSocket("both.socket", unix.SOCK_STREAM, &unix.SockaddrInet6{Port: 81}),
			l.passedSocket("dns.socket", unix.SOCK_DGRAM, loopback(53)),
		}, "up", "--foreground")
		if !testnet.Eventually(func() bool { return strings.Contains(service.said.String(), "the switch is up") }) {
			t.Fatalf("it does not come up:\n%s", &service.said)
		}
		l.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:80:8000", "-p", "127.0.0.1:53:53/udp")
		l.greets("web", ":8000")
		mirror(t, l.spot("web").bind(t, ":53"))
		works := func() {
			t.Helper()
			greeted(t, host.connect(t, "127.0.0.1:80"))
			host.exchange(t, "127.0.0.1:53")
		}
		works()
		l.activated(2)
		l.kill()
		works()
		l.kill()
		works()
		l.activated(2)

		l.ok("port", "unpublish", "web", "8000/tcp")
		early := host.connect(t, "127.0.0.1:80") // it waits: the socket is open
		l.ok("port", "publish", "web", "127.0.0.1:80:8000")
		greeted(t, early)
		works()
		l.activated(2)

		found := l.status().Findings
		if len(found) != 1 || found[0].Error.Code != api.InvalidValue || !strings.Contains(found[0].Error.Message, `"both.socket"`) ||
			!strings.Contains(found[0].Error.Why, "[::]:81 takes IPv4, too") {
			t.Errorf("findings: %+v", found)
		}
		l.unseen(service)
		l.late()
		l.ok("down")
		if err := <-service.done; err != nil {
			t.Errorf("the service: %v\n%s", err, &service.said)
		}
		for _, at := range []string{"127.0.0.1:80", "[::1]:81"} {
			host.refused(t, at)
		}
	})
}

// activated requires that so many ports are published, each by a socket that was passed.
func (l *lab) activated(n int) {
	l.t.Helper()
	var ports []api.PublishedPort
	l.items(&ports, "port", "ls")
	if len(ports) != n {
		l.t.Errorf("%d ports: %+v", len(ports), ports)
	}
	for _, p := range ports {
		if !p.Activated || p.Error != "" {
			l.t.Errorf("not by its socket: %+v", p)
		}
	}
}

// unseen requires that neither the service's sockets nor the words about them are where
// they do not belong.
func (l *lab) unseen(s *service) {
	l.t.Helper()
	inside := l.in("web", "sh", "-c", "env; ls -l /proc/self/fd")
	outside, err := exec.Command("ls", "-l", fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)).Output()
	must(l.t, err)
	for _, socket := range s.links {
		if strings.Contains(inside, socket) || strings.Contains(string(outside), socket) {
			l.t.Errorf("%s is open in a program or the service:\n%s\n%s", socket, inside, outside)
		}
	}
	st := l.status()
	envs := map[string]string{"a program": inside}
	for _, pid := range []int{st.PID, st.Keeper} {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		must(l.t, err)
		envs[fmt.Sprint("process ", pid)] = string(env)
	}
	for who, env := range envs {
		if !strings.Contains(env, "PATH=") || strings.Contains(env, "LISTEN_") {
			l.t.Errorf("%s has the environment %q", who, env)
		}
	}
}

// late: a switch that is up takes no sockets, and says so.
func (l *lab) late() {
	l.t.Helper()
	before := l.status()
	for _, args := range [][]string{{"up"}, {"up", "--foreground"}} {
		s := l.service([]*os.File{l.passedSocket("late.socket", unix.SOCK_STREAM, loopback(443))}, args...)
		err := <-s.done
		if code := s.cmd.ProcessState.ExitCode(); !exited(err) || code != int(api.ExitFailed) {
			l.t.Errorf("%q: exit code %d, %v", args, code, err)
		}
		l.has(s.said.String(), `cannot hand 1 socket to the switch`, `takes sockets only when it starts`, `vswitch down --keep`)
		l.world.host.refused(l.t, "127.0.0.1:443")
	}
	if after := l.status(); after.PID != before.PID {
		l.t.Errorf("before %+v, after %+v", before, after)
	}
}
