package socket

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/socket/echo"
	ut "vswitch/internal/uplink/uplinktest"
)

// fragment makes a parsed IPv4 packet a first fragment. Its header's checksum is the
// gateway's to look at, which has done so.
func fragment(f *frame.Frame) *frame.Frame {
	f.Bytes()[f.L3+6] |= 0x20 // more fragments
	return ut.Parse(f)
}

// protocol makes a packet one of another transport protocol.
func protocol(f *frame.Frame, proto uint8) *frame.Frame {
	if f.Flags&frame.FlagIPv4 != 0 {
		f.Bytes()[f.L3+9] = proto
	} else {
		f.Bytes()[f.L3+6] = proto
	}
	return ut.Parse(f)
}

// Packets of a run go to the protocol that they are of, in order, and each is told how
// it ended.
func TestDispatch(t *testing.T) {
	r := newRig(t)
	udp := udpServer(t)
	_, at := listener(t, 8)
	to := netip.AddrPortFrom(ut.Loopback4, at.Port())
	ping := frame.DropUplinkProtocol
	if way, _ := echo.Probe(); way != echo.None {
		ping = frame.Consumed
	}
	const sctp, gre, esp = 132, 47, 50
	far := netip.MustParseAddr("2001:db8::1")
	run := []*frame.Frame{
		alice4.TCP(4000, to, frame.TCPFields{Seq: 1, Flags: syn, Window: 65535}, nil, 0),
		alice4.UDP(4000, alias(udp.LocalAddr()), []byte("one"), 0),
		alice4.Echo(ut.Loopback4, 1, 1, []byte("ping")),
		protocol(alice4.UDP(4000, to, make([]byte, 8), 0), sctp),
		protocol(alice4.UDP(4000, to, make([]byte, 8), 0), gre),
		protocol(alice6.UDP(4000, netip.AddrPortFrom(far, 1), make([]byte, 8), 0), esp),
		fragment(alice4.TCP(4001, to, frame.TCPFields{Flags: syn}, make([]byte, 8), 0)),
		alice4.UDP(4000, alias(udp.LocalAddr()), []byte("two"), 0),
		alice4.TCP(4002, to, frame.TCPFields{Flags: ack}, nil, 0),
	}
	want := []frame.Reason{
		frame.Consumed, frame.Consumed, ping,
		frame.DropUplinkProtocol, frame.DropUplinkProtocol, frame.DropUplinkProtocol,
		frame.DropNATFragment, frame.Consumed, frame.DropNoFlow,
	}
	if got := r.ends(run...); !slices.Equal(got, want) {
		t.Errorf("ended as %v, want %v", got, want)
	}
	b := make([]byte, 9)
	for _, want := range []string{"one", "two"} {
		if n, err := udp.Read(b); err != nil || string(b[:n]) != want {
			t.Errorf("%q, %v, want %q", b[:n], err, want)
		}
	}
	r.Until("answered", func() bool { return len(r.Entered) >= 2 })
	kinds := map[string]int{}
	for _, f := range r.flows() {
		kinds[f.Proto]++
	}
	if kinds["tcp"] != 1 || kinds["udp"] != 1 || kinds["icmp"] != 1 && ping == frame.Consumed {
		t.Errorf("connections: %v", kinds)
	}
}

// Sockets of all protocols count for one container.
func TestBudgetIsShared(t *testing.T) {
	if way, _ := echo.Probe(); way == echo.None {
		testnet.NeedRoot(t)
	}
	r := newRig(t)
	r.Net.MaxFlows = 3
	udp := alias(udpServer(t).LocalAddr())
	_, at := listener(t, 8)
	to := netip.AddrPortFrom(ut.Loopback4, at.Port())
	connect := func(from ut.Station, port uint16) *frame.Frame {
		return from.TCP(port, to, frame.TCPFields{Flags: syn}, nil, 0)
	}
	r.send(connect(alice4, 1), alice4.UDP(1, udp, nil, 0), alice4.Echo(ut.Loopback4, 1, 1, nil))
	more := []*frame.Frame{connect(alice4, 2), alice4.UDP(2, udp, nil, 0), alice4.Echo(ut.Loopback4, 2, 1, nil)}
	for i, end := range r.ends(more...) {
		if end != frame.DropUplinkLimit {
			t.Errorf("one too many, %d: %v", i, end)
		}
	}
	r.send(connect(bob4, 2), bob4.UDP(2, udp, nil, 0))
	r.Outside(func() { r.s.DropInside(r.Worker, 1, alice4.Addr) })
	r.send(more...)
	if c := r.s.Counts(); c.Limited != 3 || c.Flows != 5 {
		t.Errorf("%+v", c)
	}
}

// What a network, or a container, leaves behind is nothing.
func TestDrop(t *testing.T) {
	for name, drop := range map[string]func(r *rig){
		"network":   func(r *rig) { r.s.DropNet(r.Worker, 1) },
		"container": func(r *rig) { r.s.DropInside(r.Worker, 1, alice4.Addr) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, at := listener(t, 8)
			watched := r.Watched()
			r.send(alice4.TCP(1, netip.AddrPortFrom(ut.Loopback4, at.Port()), frame.TCPFields{Flags: syn}, nil, 0),
				alice4.UDP(1, alias(udpServer(t).LocalAddr()), nil, 0))
			if r.Watched() == watched {
				t.Fatal("nothing is watched")
			}
			r.Outside(func() { drop(r) })
			if n := len(r.flows()); n != 0 || r.Watched() != watched {
				t.Errorf("%d connections are left, %d descriptors watched, before %d", n, r.Watched(), watched)
			}
		})
	}
}

// A shard that is not started yet, or closed, has no way for anybody, and a second Close
// closes nothing that is somebody else's by now.
func TestClosed(t *testing.T) {
	testnet.NoLeaks(t)
	w := ut.New(t)
	s := New(Config{MaxFlows: 8})
	w.Shard = &front{Shard: s}
	refuses := func(when string) {
		t.Helper()
		f := alice4.UDP(1, netip.AddrPortFrom(ut.Loopback4, 9), nil, 0)
		if w.Run(f); f.Drop != frame.DropUplinkUnreachable {
			t.Errorf("%s: ended as %v", when, f.Drop)
		}
		fd, _ := listener(t, 1)
		w.Outside(func() {
			s.Ready(w, nil)
			if _, err := s.Open(w, Port{FD: fd, Net: w.Net}); !errors.Is(err, errClosed) {
				t.Errorf("%s: open: %v", when, err)
			}
		})
	}
	s.Close()
	refuses("before")
	must(t, s.Start(w, w.Clock))
	timer := s.timer.fd
	s.Close()
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, timer)
	must(t, err)
	defer unix.Close(fd)
	refuses("after")
	if s.Close(); fd != timer || !valid(fd) {
		t.Errorf("descriptor %d, where the timer was at %d, is closed", fd, timer)
	}
	w.Outside(func() {
		s.DropNet(w, 1)
		s.DropInside(w, 1, alice4.Addr)
		s.Flows(w, func(uplink.Flow) { t.Error("a connection") })
		s.Shut(w, 0)
	})
}

func valid(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// mute is a Watcher that watches nothing.
type mute struct{ *ut.Worker }

var errMute = errors.New("no room in the set")

func (mute) Watch(int, uint32, int32) error { return errMute }

// A shard that cannot be started leaves nothing open.
func TestStartFails(t *testing.T) {
	testnet.NoLeaks(t)
	w := ut.New(t)
	s := New(Config{MaxFlows: 8})
	if err := s.Start(mute{w}, w.Clock); !errors.Is(err, errMute) {
		t.Errorf("%v", err)
	}
	s.Close()
}

// Nothing is allocated for connections that there are, nor for events.
func TestNoAllocations(t *testing.T) {
	r := newRig(t)
	server := udpServer(t)
	fd, at := listener(t, 8)
	e := r.connect(4000, netip.AddrPortFrom(ut.Loopback4, at.Port()))
	peer := accept(t, fd)
	defer unix.Close(peer)
	one := alice4.UDP(4000, alias(server.LocalAddr()), []byte("x"), 0)
	r.send(one)
	_, from, err := server.ReadFrom(make([]byte, 9))
	must(t, err)
	to := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: from.(*net.UDPAddr).Port}
	r.publish()
	r.Settle(0)
	r.Clean = true
	r.OnEnter = func(frame.PortID, []byte) {}

	keep := e.segment(ack, nil)
	refused := protocol(alice4.UDP(1, netip.AddrPortFrom(ut.Loopback4, 9), nil, 0), 132)
	run := []*frame.Frame{keep, one, refused, one, keep}
	events := []uplink.Event{{Fd: kindTimer << kindBits, Events: unix.EPOLLIN}, {Fd: kindPort << kindBits, Events: unix.EPOLLIN}}
	out := raw(t, server)
	in := []uplink.Event{{Fd: kindUDP << kindBits, Events: unix.EPOLLIN}} // its only socket
	for name, fn := range map[string]func(){
		"a run":     func() { r.s.Take(r.Worker, r.Net, run) },
		"events":    func() { r.s.Ready(r.Worker, events) },
		"no events": func() { r.s.Ready(r.Worker, nil) },
		"a datagram": func() {
			must(t, unix.Sendto(out, []byte("y"), 0, &to)) // which allocates once
			r.s.Ready(r.Worker, in)
		},
	} {
		got := 0.0
		r.Outside(func() { got = testing.AllocsPerRun(100, fn) })
		if got != 0 && name != "a datagram" || got > 1 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
