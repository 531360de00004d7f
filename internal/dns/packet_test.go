package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// serving runs ServePacket and ServeStream on a free port of the loopback. The
// returned function closes both and waits for their end.
func serving(t *testing.T, s *Server, v View) (at netip.AddrPort, stop func()) {
	t.Helper()
	c := listenPacket(t)
	at = c.LocalAddr().(*net.UDPAddr).AddrPort()
	l, err := net.Listen("tcp4", at.String())
	must(t, err)
	ends := make(chan error, 2)
	go func() { ends <- s.ServePacket(func() View { return v }, c) }()
	go func() { ends <- s.ServeStream(func(netip.AddrPort) (View, bool) { return v, true }, l) }()
	stop = func() {
		c.Close()
		l.Close()
		for range 2 {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
	}
	return at, stop
}

// exchangeUDP sends a datagram and returns the next that comes.
func exchangeUDP(t *testing.T, c net.Conn, msg []byte) []byte {
	t.Helper()
	must(t, c.SetDeadline(time.Now().Add(patience)))
	_, err := c.Write(msg)
	must(t, err)
	buf := make([]byte, 65535)
	n, err := c.Read(buf)
	must(t, err)
	return buf[:n]
}

// A socket answers what is right, ignores what is not, and is not held up by what
// others have to answer.
func TestServePacket(t *testing.T) {
	release := make(chan struct{})
	answer := always(withA("192.0.2.99"))
	d := &dialer{servers: map[string]upstream{first: answer}}
	s := behind(d, first)
	s.cfg.Timeout = patience
	s.cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return d.dial(ctx, network, address)
	}
	at, stop := serving(t, s, onBoth)
	defer stop()
	c, err := net.Dial("udp4", at.String())
	must(t, err)
	defer c.Close()
	_, err = c.Write(message(t, "example.org.", a))
	must(t, err)
	_, err = c.Write([]byte("garbage"))
	must(t, err)
	if got := said(unpack(t, exchangeUDP(t, c, message(t, "web.", a)))); !slices.Equal(got, []string{"10.1.0.2"}) {
		t.Errorf("first reply %v", got)
	}
	if m := unpack(t, exchangeUDP(t, c, append(message(t, "web.", a), make([]byte, 3000)...))); len(m.Answers) != 1 {
		t.Errorf("longer than the buffer, with a whole query in it: %+v", m)
	}
	close(release)
	buf := make([]byte, 512)
	n, err := c.Read(buf)
	must(t, err)
	if got := said(unpack(t, buf[:n])); !slices.Equal(got, []string{"192.0.2.99"}) {
		t.Errorf("forwarded %v", got)
	}
}

// Closing the socket ends queries that wait, and ServePacket with them.
func TestServePacketEnds(t *testing.T) {
	asked := make(chan struct{})
	s := New(Config{
		Zone: testZone(), Timeout: time.Hour,
		Upstreams: func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(first)} },
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			close(asked)
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	at, stop := serving(t, s, onBoth)
	c, err := net.Dial("udp4", at.String())
	must(t, err)
	defer c.Close()
	_, err = c.Write(message(t, "example.org.", a))
	must(t, err)
	<-asked
	stop()
	if st := s.Stats(); st != (Stats{Queries: 1, Failed: 1}) || s.slots.busy != 0 {
		t.Errorf("%+v, %d busy", st, s.slots.busy)
	}
}

// brokenConn fails to read.
type brokenConn struct{ net.PacketConn }

var errBroken = errors.New("broken by the test")

func (brokenConn) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, errBroken }

func TestServePacketError(t *testing.T) {
	s := New(Config{Zone: testZone()})
	err := s.ServePacket(func() View { return onBoth }, brokenConn{listenPacket(t)})
	if !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
}

// A socket costs one goroutine, and answering its names none.
func TestManySockets(t *testing.T) {
	const n = 200
	s := New(Config{Zone: testZone()})
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	var conns []net.PacketConn
	for range n {
		c := listenPacket(t)
		conns = append(conns, c)
		wg.Go(func() {
			if err := s.ServePacket(func() View { return onBoth }, c); err != nil {
				t.Error(err)
			}
		})
	}
	for _, to := range conns {
		c, err := net.Dial("udp4", to.LocalAddr().String())
		must(t, err)
		exchangeUDP(t, c, message(t, "web.", a))
		c.Close()
	}
	if got := runtime.NumGoroutine() - before; got > n {
		t.Errorf("%d goroutines for %d sockets", got, n)
	}
	for _, c := range conns {
		c.Close()
	}
	wg.Wait()
}
