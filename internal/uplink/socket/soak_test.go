package socket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/socket/echo"
	ut "vswitch/internal/uplink/uplinktest"
)

// soak has a container and the host speak to each other, many at once and in no order.
type soak struct {
	*rig
	rng   *rand.Rand
	alice *box

	echoes, resets netip.AddrPort // servers of the host, as alice names them
	datagrams      netip.AddrPort
	in, inReset    netip.AddrPort // alice's published ports, of TCP
	inDatagrams    net.Addr

	ends    map[*end][]byte // alice's own connections, and what each has to hear
	waits   map[string]bool // datagrams and pings of hers that are not answered
	results chan error      // of clients of the host
	clients int
	port    uint16
}

const soakPort = 53

func newSoak(t *testing.T) *soak {
	s := &soak{
		rig: newRig(t), rng: rand.New(rand.NewPCG(1, 2)), alice: newBox(alice4), port: 10000,
		ends: map[*end][]byte{}, waits: map[string]bool{}, results: make(chan error, 100),
	}
	s.alice.serve = func(e *end) { e.echo, e.abort = true, e.name.port == 81 }
	s.echoes = alias(tcpServer(t, func(c *net.TCPConn) {
		_, _ = io.Copy(c, c) // it may be reset
	}))
	s.resets = alias(tcpServer(t, func(c *net.TCPConn) { _ = c.SetLinger(0) }))
	server := udpServer(t)
	s.datagrams = alias(server.LocalAddr())
	go echoDatagrams(server)
	for i, at := range []*netip.AddrPort{&s.in, &s.inReset} {
		var fd int
		fd, *at = listener(t, 512)
		s.open(Port{FD: fd, Host: *at, Inside: netip.AddrPortFrom(alice4.Addr, uint16(80+i))})
	}
	published := udpServer(t)
	s.inDatagrams = published.LocalAddr()
	s.open(Port{UDP: true, FD: raw(t, published), Host: addrOf(s.inDatagrams), Inside: netip.AddrPortFrom(alice4.Addr, soakPort)})
	return s
}

// tcpServer serves each client on a goroutine, and closes it.
func tcpServer(t testing.TB, serve func(c *net.TCPConn)) net.Addr {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr()
}

func echoDatagrams(c *net.UDPConn) {
	for b := make([]byte, 65536); ; {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		_, _ = c.WriteToUDPAddrPort(b[:n], from)
	}
}

func (s *soak) payload() []byte {
	b := make([]byte, 1+s.rng.IntN(20000))
	for i := range b {
		b[i] = byte(s.rng.Uint32())
	}
	return b
}

// begin begins something.
func (s *soak) begin() {
	s.port++
	switch say := s.payload(); s.rng.IntN(9) {
	case 0, 1:
		s.ends[s.alice.dial(s.port, s.echoes, say)] = say
	case 2:
		s.ends[s.alice.dial(s.port, s.resets, nil)] = nil
	case 3:
		e := s.alice.dial(s.port, s.echoes, say)
		e.abort = true
		s.ends[e] = nil
	case 4, 5:
		s.client(func() error { return askTCP(s.in, say) })
	case 6:
		s.client(func() error { return wantReset(askTCP(s.inReset, say)) })
	case 7:
		s.client(func() error { return askUDP(s.inDatagrams, say[:min(len(say), 1400)]) })
	case 8:
		s.ask(say[:min(len(say), 1400)])
	}
}

// client does something on a goroutine, as a program of the host.
func (s *soak) client(do func() error) {
	s.clients++
	go func() { s.results <- do() }()
}

// askTCP has something said back by a port, and fails if it is not the same.
func askTCP(at netip.AddrPort, say []byte) error {
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write(say); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	return same(got, say, err)
}

// wantReset fails unless err is what a client sees of a reset, whatever it was doing.
func wantReset(err error) error {
	for _, is := range []error{unix.ECONNRESET, unix.EPIPE, unix.ENOTCONN} {
		if errors.Is(err, is) {
			return nil
		}
	}
	return fmt.Errorf("not reset: %w", err)
}

func askUDP(at net.Addr, say []byte) error {
	c, err := net.DialUDP("udp", nil, at.(*net.UDPAddr))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write(say); err != nil {
		return err
	}
	got := make([]byte, 65536)
	n, err := c.Read(got)
	return same(got[:n], say, err)
}

func same(got, want []byte, err error) error {
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%d bytes came back, %d were said", len(got), len(want))
	}
	return err
}

// ask has alice send a datagram or a ping.
func (s *soak) ask(say []byte) {
	f := alice4.UDP(s.port, s.datagrams, say, 0)
	if way, _ := echo.Probe(); way != echo.None && s.rng.IntN(2) == 0 {
		f = alice4.Echo(ut.Loopback4, s.port, 1, say)
	}
	s.waits[string(ut.L4(f)[frame.UDPLen:])] = true // both headers have eight bytes
	s.send(f)
}

// step lets everybody do what there is to do.
func (s *soak) step() {
	s.T.Helper()
	s.exchange(s.alice)
	s.Poll(time.Millisecond)
	s.Advance(time.Millisecond)
	s.exchange(s.alice)
	if due, first := s.s.timer.due, s.earliest(); first != 0 && (due == 0 || due > first) {
		s.T.Errorf("the timer goes off %v after the first deadline", time.Duration(due-first))
	}
	entered := s.Entered
	s.Entered = nil
	for _, f := range entered {
		s.hear(f.Frame)
	}
	for e, want := range s.ends {
		if e.ended {
			s.check(e, want)
			delete(s.ends, e)
		}
	}
	for s.clients > 0 && len(s.results) > 0 {
		s.clients--
		if err := <-s.results; err != nil {
			s.T.Error(err)
		}
	}
}

// hear takes what entered and is not TCP: clients of the published port are answered.
func (s *soak) hear(f *frame.Frame) {
	_, dst := ut.Ends(f)
	if dst.Port() != soakPort {
		delete(s.waits, string(ut.L4(f)[frame.UDPLen:]))
		return
	}
	src, _ := ut.Ends(f)
	for _, p := range split(f) {
		s.send(alice4.UDP(soakPort, src, p, 0))
	}
}

// check looks at a connection of alice's that has ended.
func (s *soak) check(e *end, want []byte) {
	switch to := e.name.peer; {
	case e.abort:
	case to == s.resets:
		if !e.reset {
			s.T.Error("a connection to who resets was not reset")
		}
	case e.reset || !bytes.Equal(e.got, want):
		s.T.Errorf("reset %v, %d bytes came back, %d were said", e.reset, len(e.got), len(want))
	}
}

// Two thousand connections, datagrams and pings in both directions, each with what was
// said; and nothing is left.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	watched := s.Watched()
	for left := 2000; left > 0 || s.busy() > 0; {
		for ; left > 0 && s.busy() < 80; left-- {
			s.begin()
		}
		if s.step(); t.Failed() {
			t.FailNow()
		}
	}
	s.Advance(time.Hour)
	s.Until("over", func() bool { s.step(); return s.Counts().Flows == 0 })
	if c := s.Counts(); c.Opened != c.Closed || c.Opened < 1500 {
		t.Errorf("%+v", c)
	}
	if n := s.Watched(); n != watched || len(s.alice.conns) != 0 || s.s.timer.due != 0 {
		t.Errorf("%d descriptors are watched, before %d; %d connections are left to the container", n, watched, len(s.alice.conns))
	}
}

// busy is how many things are under way.
func (s *soak) busy() int { return len(s.ends) + len(s.waits) + s.clients }

// Counts are the shard's.
func (s *soak) Counts() uplink.Counts { return s.s.Counts() }
