package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// transcript is a buffer that is read while it is written.
type transcript struct {
	mu sync.Mutex
	b  []byte
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = append(s.b, p...)
	return len(p), nil
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.b)
}

// material is what streams of the tests are made of: bytes without an order, again and
// again, in blocks of a length that is no multiple of anybody's buffer.
var material = func() []byte {
	b := make([]byte, 1<<20-7)
	rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}()

// bulk is n bytes of it.
func bulk(n int64) io.Reader { return io.LimitReader(&endless{}, n) }

type endless struct{ at int }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, material[e.at:])
	e.at = (e.at + n) % len(material)
	return n, nil
}

// digest is the SHA-256 of what r has, in hex, as sha256sum prints it.
func digest(r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%x", h.Sum(nil)), n, err
}

// digestOf is that of a stream.
func digestOf(n int64) string {
	s, _, _ := digest(bulk(n))
	return s
}

// web is an HTTP server: GET /N gives N bytes of the material, PUT answers with the sum
// of what came, and GET /who with the client's address.
type web struct{ conns atomic.Int64 }

func (s *spot) serveWeb(t testing.TB, where string) *web {
	t.Helper()
	w := &web{}
	srv := &http.Server{Handler: w, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			w.conns.Add(1)
		}
	}}
	l := s.listen(t, where)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // until it is closed
	}()
	t.Cleanup(func() { srv.Close(); <-done })
	return w
}

func (*web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPut:
		got, _, err := digest(r.Body)
		if err != nil {
			got = err.Error()
		}
		fmt.Fprintln(w, got)
	case r.URL.Path == "/who":
		fmt.Fprintln(w, netip.MustParseAddrPort(r.RemoteAddr).Addr())
	default:
		n, _ := strconv.ParseInt(r.URL.Path[1:], 10, 64)
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		_, _ = io.Copy(w, bulk(n)) // the client sees what is missing
	}
}

// serve hands clients of a TCP port to a function, one after the other.
func (s *spot) serve(t testing.TB, where string, client func(*net.TCPConn)) {
	t.Helper()
	l := s.listen(t, where)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			client(c)
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
}

// mirror answers datagrams with where they came from, as STUN does (RFC 8489), from the
// socket that got them.
func mirror(t testing.TB, c *net.UDPConn) {
	t.Helper()
	respond(t, c, func(b []byte, from netip.AddrPort) []byte { return []byte(from.String()) })
}

// respond answers datagrams; nil is none.
func respond(t testing.TB, c *net.UDPConn, to func(b []byte, from netip.AddrPort) []byte) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			if out := to(b[:n], from); out != nil {
				_, _ = c.WriteToUDPAddrPort(out, from) // as UDP is
			}
		}
	})
	t.Cleanup(func() { c.Close(); wg.Wait() })
}

// serveNames is a DNS server that knows one host, far.example.
func (s *spot) serveNames(t testing.TB, where string) {
	t.Helper()
	respond(t, s.bind(t, where), func(b []byte, _ netip.AddrPort) []byte { return nameAnswer(b) })
	s.serve(t, where, func(c *net.TCPConn) {
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		b := make([]byte, int(head[0])<<8|int(head[1]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		out := nameAnswer(b)
		_, _ = c.Write(append([]byte{byte(len(out) >> 8), byte(len(out))}, out...)) // the client misses it
	})
}

func nameAnswer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m = dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
	h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}
	switch {
	case q.Name.String() != "far.example.":
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: netip.MustParseAddr(far4).As4()}}}
	case q.Type == dnsmessage.TypeAAAA:
		m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(far6).As16()}}}
	}
	out, _ := m.Pack() // of parts that were parsed
	return out
}

// ask sends a datagram from c to a mirror until an answer comes, and returns it; empty
// when none came to tries.
func ask(t testing.TB, c *net.UDPConn, to string, tries int) string {
	t.Helper()
	b := make([]byte, 1<<16)
	for range tries {
		if _, err := c.WriteToUDPAddrPort([]byte("who am I"), netip.MustParseAddrPort(to)); err != nil {
			t.Fatal(err)
		}
		must(t, c.SetReadDeadline(time.Now().Add(2*time.Second)))
		if n, _, err := c.ReadFromUDPAddrPort(b); err == nil {
			return string(b[:n])
		}
	}
	return ""
}

// exchange is ask for who has to get an answer.
func (s *spot) exchange(t testing.TB, to string) string {
	t.Helper()
	return s.exchangeBy(t, 0, to)
}

// exchangeBy is exchange by a port of one's choice.
func (s *spot) exchangeBy(t testing.TB, port int, to string) string {
	t.Helper()
	any := "0.0.0.0"
	if netip.MustParseAddrPort(to).Addr().Is6() {
		any = "::"
	}
	c := s.bind(t, at(any, port))
	defer c.Close()
	got := ask(t, c, to, 10)
	if got == "" {
		t.Errorf("%s: no answer from %s", s.name, to)
	}
	return got
}
