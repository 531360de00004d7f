package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// soakTime is how long the soak lasts: VSWITCH_SOAK=10m for one that is to find what
// grows slowly.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("VSWITCH_SOAK")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	must(t, err)
	return d
}

// Connections of all kinds come and go by all ways for a while, as fast as they can.
// When they have gone nothing is left of them: no row in a table, no descriptor, and
// no memory that would grow with their number.
func TestSoak(t *testing.T) {
	eachWorld(t, func(t *testing.T, l *lab) {
		l.ok("network", "create", "--ipv6", "lan")
		l.ok("network", "create", "--uplink", "network:lan", "inner")
		l.ok("run", "--rm", "--", "true") // what is opened for the first container stays
		pid := l.status().PID
		files := openFiles(t, pid)
		l.ok("run", "-d", "--name", "c", "--network", "lan", "-p", "8080:80", "-p", "5000:5000/udp")
		l.ok("run", "-d", "--name", "n", "--network", "inner")
		c, n, far := l.spot("c"), l.spot("n"), l.world.far
		one := func(c *net.TCPConn) { _, _ = c.Write([]byte{1}) } // the client misses it
		far.serve(t, ":81", one)
		far.serveWeb(t, ":80")
		mirror(t, far.bind(t, far4+":5000"))
		mirror(t, far.bind(t, at(far6, 5000)))
		c.serve(t, ":80", one)
		mirror(t, c.bind(t, ":5000"))

		s := &soak{t: t, over: make(chan struct{}), done: map[string]int{}}
		s.repeat("TCP out", byteOf(c, far4+":81"))
		s.repeat("TCP out, IPv6", byteOf(c, at(far6, 81)))
		s.repeat("TCP through a NAT", byteOf(n, far4+":81"))
		s.repeat("TCP in", byteOf(far, host4+":8080"))
		s.repeat("UDP out", datagram(t, c, 20000, far4+":5000"))
		s.repeat("UDP out, IPv6", datagram(t, c, 21000, at(far6, 5000)))
		s.repeat("UDP through a NAT", datagram(t, n, 20000, far4+":5000"))
		s.repeat("UDP in", datagram(t, far, 20000, host4+":5000"))
		client := &http.Client{Timeout: testnet.Patience, Transport: &http.Transport{
			DialContext: func(_ context.Context, _, to string) (net.Conn, error) { return c.dial(to) },
		}}
		s.repeat("HTTP", page(client, "http://"+far4+"/10000"))
		s.repeat("ping", func() error {
			out, code := c.try(t, "ping", "-n", "-q", "-c", "10", "-i", "0.01", "-w", "10", far4)
			if code != 0 {
				return errors.New(out)
			}
			return nil
		})
		half := soakTime(t) / 2
		time.Sleep(half)
		warm := resident(t, pid)
		time.Sleep(half)
		grown := resident(t, pid) - warm
		s.end()
		client.CloseIdleConnections()

		// What TCP's end leaves for a while is all that is left of it, and goes with the
		// container as mappings of UDP do.
		if !testnet.Eventually(func() bool { return len(l.open("tcp", "TIME_WAIT", "CLOSED", "TRANSITORY")) == 0 }) {
			t.Errorf("connections that are closed are open: %+v", l.open("tcp", "TIME_WAIT", "CLOSED", "TRANSITORY"))
		}
		l.balanced()
		l.ok("rm", "-f", "c", "n")
		l.ok("network", "rm", "inner") // what others made of its connections goes with its leg
		if left := append(l.open("tcp"), append(l.open("udp"), l.open("icmp")...)...); len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
		if now := l.status().PID; now != pid {
			t.Errorf("the switch process is %d, it was %d", now, pid)
		}
		if !testnet.Eventually(func() bool { return len(openFiles(t, pid)) <= len(files) }) {
			t.Errorf("descriptors:\n%s\n\nbefore:\n%s", strings.Join(openFiles(t, pid), "\n"), strings.Join(files, "\n"))
		}
		if grown > 64<<20 {
			t.Errorf("the switch process has grown by %d MiB in the second half", grown>>20)
		}
		t.Logf("%s; grown by %d KiB", s.counts(), grown>>10)
	})
}

// soak is loops that go on until they are told to end.
type soak struct {
	t    *testing.T
	over chan struct{}
	wg   sync.WaitGroup
	mu   sync.Mutex
	done map[string]int // how often each has gone round
}

// repeat does something again and again. The first failure ends that, and the test with
// it.
func (s *soak) repeat(what string, do func() error) {
	s.wg.Go(func() {
		for {
			select {
			case <-s.over:
				return
			default:
			}
			if err := do(); err != nil {
				s.t.Errorf("%s: %v", what, err)
				return
			}
			s.mu.Lock()
			s.done[what]++
			s.mu.Unlock()
		}
	})
}

func (s *soak) end() {
	close(s.over)
	s.wg.Wait()
}

func (s *soak) counts() string { return fmt.Sprint(s.done) }

// byteOf connects, is told one byte, and leaves.
func byteOf(from *spot, to string) func() error {
	return func() error {
		got, err := from.fetch(to)
		if err == nil && len(got) != 1 {
			err = fmt.Errorf("%d bytes from %s", len(got), to)
		}
		return err
	}
}

// datagram asks a mirror, by a thousand ports in their turn: a mapping lasts for
// minutes, and a long soak must come back to it.
func datagram(t *testing.T, from *spot, port int, to string) func() error {
	n := 0
	return func() error {
		if n++; from.exchangeBy(t, port+n%1000, to) == "" {
			return errors.New("no answer from " + to)
		}
		return nil
	}
}

// page fetches one.
func page(client *http.Client, url string) func() error {
	return func() error {
		r, err := client.Get(url)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		n, err := io.Copy(io.Discard, r.Body)
		if err == nil && n != r.ContentLength {
			err = fmt.Errorf("%d of %d bytes", n, r.ContentLength)
		}
		return err
	}
}

// open are the connections of a protocol that are in none of these states.
func (l *lab) open(proto string, but ...string) []api.Connection {
	l.t.Helper()
	var all, out []api.Connection
	l.items(&all, "conntrack", "ls", "-f", "proto="+proto)
	for _, c := range all {
		keep := true
		for _, state := range but {
			keep = keep && c.State != state
		}
		if keep {
			out = append(out, c)
		}
	}
	return out
}

// openFiles are a process's descriptors.
func openFiles(t *testing.T, pid int) []string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	all, err := os.ReadDir(dir)
	must(t, err)
	var out []string
	for _, e := range all {
		to, _ := os.Readlink(filepath.Join(dir, e.Name())) // it may be closed by now
		out = append(out, e.Name()+" "+to)
	}
	return out
}

// resident is a process's memory, in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	must(t, err)
	var size, pages int
	_, err = fmt.Sscan(string(b), &size, &pages)
	must(t, err)
	return pages * os.Getpagesize()
}
