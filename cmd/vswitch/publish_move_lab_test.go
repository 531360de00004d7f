package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// Ports come, go and move while others are busy; those that were are the same after
// whatever happens to the switch or the container.
func TestPublishedPortsMove(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--subnet", "10.98.0.0/24", "next")
		l.ok("run", "-d", "--name", "web", "-p", "8080:80", "-p", "80", "-p", "9000-9002:9000-9002/udp")
		listener := l.spot("web").listen(t, ":80")
		far := l.world.far
		busy := newTorrent(t, l, far.connect(t, host4+":8080"), listener)
		for port, p := range l.ports() {
			if want := map[string]uint64{"8080": 1}[port]; p.Active != want {
				t.Errorf("%d connections by port %s, want %d", p.Active, port, want)
			}
		}
		for i := range 3 {
			spec := fmt.Sprintf("%d:80", 8100+i)
			l.ok("port", "publish", "web", spec)
			must(t, reaches(far, at(host4, 8100+i), listener))
			l.ok("port", "unpublish", "web", spec)
			if _, err := far.dial(at(host4, 8100+i)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("unpublished: %v", err)
			}
		}
		busy.end()

		before := strings.Join(strings.Fields(l.ok("port", "web")), " ")
		l.kill()
		if after := strings.Join(strings.Fields(l.ok("port", "web")), " "); after != before {
			t.Errorf("after the kill: %s, before it: %s", after, before)
		}
		must(t, reaches(far, host4+":8080", listener))
		free := l.inspect("web").NetworkSettings.Ports["80/tcp"]
		if len(free) != 4 {
			t.Fatalf("%+v", free)
		}
		for _, b := range free {
			must(t, reaches(far, net.JoinHostPort(map[string]string{"0.0.0.0": host4, "::": host6}[b.HostIP], b.HostPort), listener))
		}

		// A network that goes takes its ports along, and the next one has them.
		l.ok("network", "connect", "next", "web")
		must(t, reaches(far, host4+":8080", listener))
		l.ok("network", "disconnect", "bridge", "web")
		must(t, reaches(far, host4+":8080", listener))
		if p := l.ports()["8080"]; p.Network != "next" || p.Address != "10.98.0.2" {
			t.Errorf("%+v", p)
		}
		l.ok("network", "disconnect", "next", "web")
		if _, err := far.dial(host4 + ":8080"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a container without a network: %v", err)
		}
		l.ok("network", "connect", "bridge", "web")
		must(t, reaches(far, host4+":8080", listener))

		l.ok("stop", "-t", "0", "web")
		if _, err := far.dial(host4 + ":8080"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a stopped container: %v", err)
		}
		l.ok("start", "web")
		again := l.spot("web").listen(t, ":80")
		must(t, reaches(far, host4+":8080", again))
		l.balanced()
	})
}

// reaches goes from a place to a server and back.
func reaches(from *spot, to string, server *net.TCPListener) error {
	c, err := from.dial(to)
	if err != nil {
		return fmt.Errorf("%s to %s: %w", from.name, to, err)
	}
	defer c.Close()
	server.SetDeadline(time.Now().Add(testnet.Patience))
	s, err := server.AcceptTCP()
	if err != nil {
		return fmt.Errorf("%s to %s: nobody came: %w", from.name, to, err)
	}
	defer s.Close()
	c.SetDeadline(time.Now().Add(testnet.Patience))
	s.SetDeadline(time.Now().Add(testnet.Patience))
	b := []byte("hello")
	if _, err = c.Write(b); err == nil {
		_, err = io.ReadFull(s, b)
	}
	if err == nil {
		_, err = s.Write(b)
	}
	if err == nil {
		_, err = io.ReadFull(c, b)
	}
	if err != nil {
		return fmt.Errorf("%s to %s: %w", from.name, to, err)
	}
	return nil
}

// torrent is a stream under way, both ways, of which no byte may be missing.
type torrent struct {
	t    *testing.T
	stop chan struct{}
	wg   sync.WaitGroup
}

func newTorrent(t *testing.T, l *lab, c *net.TCPConn, server *net.TCPListener) *torrent {
	t.Helper()
	s, err := server.AcceptTCP()
	must(t, err)
	x := &torrent{t: t, stop: make(chan struct{})}
	for _, way := range [][2]*net.TCPConn{{c, s}, {s, c}} {
		sent := make(chan int64, 1)
		x.wg.Go(func() {
			n, err := io.Copy(way[0], io.LimitReader(&untilStopped{x.stop, &endless{}}, 1<<50))
			if err = errors.Join(err, way[0].CloseWrite()); err != nil {
				t.Errorf("the transfer: %v", err)
			}
			sent <- n
		})
		x.wg.Go(func() {
			got, n, err := digest(way[1])
			if m := <-sent; err != nil || n != m || n == 0 || got != digestOf(m) {
				t.Errorf("the transfer: %d of %d bytes, %v", n, m, err)
			}
		})
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return x
}

func (x *torrent) end() {
	x.t.Helper()
	close(x.stop)
	x.wg.Wait()
}

// untilStopped is a reader that ends when it is told, and does not take all of the
// machine until then.
type untilStopped struct {
	stop chan struct{}
	r    io.Reader
}

func (u *untilStopped) Read(p []byte) (int, error) {
	select {
	case <-u.stop:
		return 0, io.EOF
	case <-time.After(time.Millisecond):
		return u.r.Read(p)
	}
}

// A spliced port trades the client's address for speed. What is sent is what comes.
func TestSplicedPorts(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("run", "-d", "--name", "web", "--publish-mode", "splice", "-p", "8080:80")
		listener := l.spot("web").listen(t, ":80")
		for _, from := range []*spot{l.world.host, l.world.far} {
			for _, order := range []string{"client first", "server first"} {
				c := from.connect(t, host4+":8080")
				s, err := listener.AcceptTCP()
				must(t, err)
				if got := s.RemoteAddr().String(); strings.HasPrefix(got, far4) {
					t.Errorf("the server sees %s", got)
				}
				l.spliced(c, s)
				a, b := c, s
				if order == "server first" {
					a, b = s, c
				}
				halfClose(t, a, b)
				s.Close()
			}
		}
		if p := l.ports()["8080"]; p.Mode != "splice" || p.Accepted != 4 {
			t.Errorf("%+v", p)
		}
		listener.Close()
		if got, err := l.world.far.fetch(host4 + ":8080"); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("nobody listens: %q, %v", got, err)
		}
		l.kill()
		again := l.spot("web").listen(t, ":80")
		must(t, reaches(l.world.far, host4+":8080", again))
	})
}

// spliced: conntrack ls has the connection, with the client that the container does not
// see.
func (l *lab) spliced(client, server *net.TCPConn) {
	l.t.Helper()
	want := api.Connection{
		Network: "bridge", Container: "web", Protocol: "tcp", State: "ESTABLISHED", Direction: "in", Path: "splice",
		Inside: server.LocalAddr().String(), Remote: server.RemoteAddr().String(),
		Outside: client.RemoteAddr().String(), Peer: client.LocalAddr().String(),
	}
	var all []api.Connection
	l.items(&all, "conntrack", "ls", "-f", "path=splice")
	if !slices.Contains(all, want) {
		l.t.Errorf("conntrack ls: %+v, want %+v", all, want)
	}
}
