package dns

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// hall is a listener whose connections are pipes.
type hall struct {
	come   chan net.Conn
	errs   chan error
	closed chan struct{}
}

func newHall() *hall {
	return &hall{come: make(chan net.Conn), errs: make(chan error), closed: make(chan struct{})}
}

func (h *hall) Accept() (net.Conn, error) {
	select {
	case c := <-h.come:
		return c, nil
	case err := <-h.errs:
		return nil, err
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *hall) Close() error   { close(h.closed); return nil }
func (h *hall) Addr() net.Addr { return &net.TCPAddr{} }

// from is a connection that comes from an address.
type from struct {
	net.Conn
	remote net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.remote }

// enter connects from an address.
func (h *hall) enter(addr string) net.Conn {
	ours, theirs := net.Pipe()
	h.come <- from{theirs, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}
	return ours
}

// inHall runs a test with a server on a hall, in a bubble with a clock of its own.
func inHall(t *testing.T, s *Server, v func(netip.AddrPort) (View, bool), test func(t *testing.T, h *hall)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		end := make(chan error, 1)
		go func() { end <- s.ServeStream(v, h) }()
		test(t, h)
		h.Close()
		if err := <-end; err != nil {
			t.Error(err)
		}
	})
}

func everybody(netip.AddrPort) (View, bool) { return onBoth, true }

// Queries of a connection are answered as soon as they can be; those that wait for
// others do not hold up the next, and an asker that has closed its side gets all.
func TestPipelining(t *testing.T) {
	release := make(chan struct{})
	d := &dialer{servers: map[string]upstream{first: func(_ string, q dnsmessage.Message) [][]byte {
		<-release
		return [][]byte{respond(q)}
	}}}
	s := behind(d, first)
	s.cfg.Timeout = patience
	at, stop := serving(t, s, onBoth)
	defer stop()
	c, err := net.Dial("tcp4", at.String())
	must(t, err)
	defer c.Close()
	var all bytes.Buffer
	for _, typ := range []dnsmessage.Type{300, 200, 100} {
		must(t, writeFramed(&all, message(t, "example.org.", typ)))
	}
	must(t, writeFramed(&all, message(t, "web.", a)))
	_, err = c.Write(all.Bytes())
	must(t, err)
	must(t, c.(*net.TCPConn).CloseWrite())
	must(t, c.SetReadDeadline(time.Now().Add(patience)))
	var got []dnsmessage.Type
	for {
		msg, err := readFramed(c, largestTCP)
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if got = append(got, unpack(t, msg).Questions[0].Type); len(got) == 1 {
			close(release)
		}
	}
	if slices.Sort(got[1:]); !slices.Equal(got, []dnsmessage.Type{a, 100, 200, 300}) {
		t.Errorf("order %v", got)
	}
}

// A connection ends when it is idle, is slow in the midst of a query, sends too
// much, takes nothing, or when nobody is known at its address.
func TestConnectionEnds(t *testing.T) {
	for what, c := range map[string]struct {
		send  []byte
		after time.Duration
	}{
		"idle":              {nil, 10 * time.Second},
		"half a length":     {[]byte{0}, 10 * time.Second},
		"half a query":      {[]byte{0, 40, 1, 2, 3}, 10 * time.Second},
		"too long":          {[]byte{0x10, 0x01}, 0},
		"takes no reply":    {append([]byte{0, 25}, raw(1, 0, webA+"tail")...), 10 * time.Second},
		"nobody we know of": {nil, 0},
	} {
		t.Run(what, func(t *testing.T) {
			s := New(Config{Zone: testZone()})
			known := func(from netip.AddrPort) (View, bool) { return onBoth, from.Addr() != netip.MustParseAddr("10.1.0.66") }
			inHall(t, s, known, func(t *testing.T, h *hall) {
				client := "[::ffff:10.1.0.2]:1000"
				if what == "nobody we know of" {
					client = "10.1.0.66:1000"
					var b bytes.Buffer
					must(t, writeFramed(&b, message(t, "web.", a)))
					c.send = b.Bytes()
				}
				conn := h.enter(client)
				start := time.Now()
				if c.send != nil {
					_, err := conn.Write(c.send)
					must(t, err)
				}
				if what == "takes no reply" {
					time.Sleep(11 * time.Second)
					start = start.Add(time.Second)
				}
				if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
					t.Errorf("read %d bytes, %v", n, err)
				}
				if got := time.Since(start); got != c.after {
					t.Errorf("ended after %v, want %v", got, c.after)
				}
			})
		})
	}
}

// Each query moves the end of a connection.
func TestConnectionStays(t *testing.T) {
	inHall(t, New(Config{Zone: testZone()}), everybody, func(t *testing.T, h *hall) {
		c := h.enter("10.1.0.2:1000")
		defer c.Close()
		for range 5 {
			time.Sleep(9 * time.Second)
			must(t, writeFramed(c, message(t, "web.", a)))
			msg, err := readFramed(c, largestTCP)
			must(t, err)
			if len(unpack(t, msg).Answers) != 1 {
				t.Errorf("%x", msg)
			}
		}
	})
}

// So many connections of all, so many of one address; a place is free again when
// its connection has ended.
func TestConnectionLimits(t *testing.T) {
	s := New(Config{Zone: testZone(), Conns: 3, ConnsPerClient: 2})
	inHall(t, s, everybody, func(t *testing.T, h *hall) {
		refused := func(c net.Conn) bool {
			synctest.Wait()
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := c.Read(make([]byte, 1))
			return errors.Is(err, io.EOF)
		}
		var open []net.Conn
		for _, c := range []struct {
			addr    string
			refused bool
		}{
			{"10.1.0.2:1", false}, {"10.1.0.2:2", false}, {"10.1.0.2:3", true},
			{"10.1.0.3:1", false}, {"10.1.0.4:1", true},
		} {
			conn := h.enter(c.addr)
			open = append(open, conn)
			if got := refused(conn); got != c.refused {
				t.Errorf("%s: refused %v", c.addr, got)
			}
		}
		open[0].Close()
		synctest.Wait()
		again := h.enter("10.1.0.2:4")
		if refused(again) {
			t.Error("refused after a place was free")
		}
		for _, c := range append(open, again) {
			c.Close()
		}
	})
	if s.Stats().ConnsRefused != 2 {
		t.Errorf("%+v", s.Stats())
	}
}

// No more queries of a connection wait at once than its share.
func TestPipelineLimit(t *testing.T) {
	var dialed atomic.Int32
	s := New(Config{
		Zone: testZone(), Upstreams: func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(first)} },
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialed.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	inHall(t, s, everybody, func(t *testing.T, h *hall) {
		c := h.enter("10.1.0.2:1000")
		defer c.Close()
		go func() {
			for writeFramed(c, message(t, "example.org.", a)) == nil {
			}
		}()
		synctest.Wait()
		if got := dialed.Load(); got != pipelined {
			t.Errorf("%d at once, want %d", got, pipelined)
		}
	})
}

// Errors of accepting that pass are waited out, others end it.
func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		end := make(chan error, 1)
		go func() { end <- New(Config{Zone: testZone()}).ServeStream(everybody, h) }()
		for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
			h.errs <- &net.OpError{Op: "accept", Err: errno}
		}
		h.enter("10.1.0.2:1").Close()
		h.errs <- errBroken
		if err := <-end; !errors.Is(err, errBroken) {
			t.Errorf("%v", err)
		}
	})
}
