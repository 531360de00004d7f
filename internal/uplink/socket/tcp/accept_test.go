package tcp

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	ut "vswitch/internal/uplink/uplinktest"
)

var inside = netip.AddrPortFrom(ut.Alice4.Addr, 80)

// client connects to a listener made by hand, and returns both ends: the client's as a
// connection, the other as a descriptor.
func client(t *testing.T) (*net.TCPConn, int) {
	t.Helper()
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(l)
	must(t, SetListener(l))
	must(t, unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, unix.Listen(l, 4))
	sa, err := unix.Getsockname(l)
	must(t, err)
	c, err := net.Dial("tcp", addrPort(sa).String())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	fd, _, err := unix.Accept4(l, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	must(t, err)
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.TCPConn), fd
}

// accept publishes: fd is a connection of from to the container.
func (r *rig) published(fd int, from string) error {
	var err error
	r.Outside(func() {
		err = r.s.Accept(r.Worker, r.Net, fd, netip.MustParseAddrPort(from), netip.AddrPort{}, inside, ut.Alice4.MAC)
	})
	return err
}

// server plays the container's end: it takes the SYN and answers it.
func (r *rig) server() *end {
	r.T.Helper()
	f := r.Await()
	seg := ut.TCP(f)
	src, _ := ut.Ends(f)
	e := r.end(80)
	e.to = src
	e.scale = 7
	if seg.Flags() != syn || seg.DstPort() != 80 || f.Dst != ut.Alice4.MAC {
		r.T.Fatalf("flags %#x to port %d", seg.Flags(), seg.DstPort())
	}
	e.take(seg)
	return e
}

// A client talks to the container, with its own address, and what it sent early waits in
// its socket.
func TestAccept(t *testing.T) {
	r := newRig(t)
	c, fd := client(t)
	if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || v == 0 {
		t.Error("the listener's options are not taken over")
	}
	c.Write([]byte("early"))
	must(t, r.published(fd, "203.0.113.9:5555"))
	e := r.server()
	if e.to != netip.MustParseAddrPort("203.0.113.9:5555") {
		t.Errorf("the client is %v", e.to)
	}
	r.Settle(5 * time.Millisecond)
	e.say(syn|ack, nil)
	for string(e.got) != "early" {
		e.hear()
	}
	e.say(ack|psh, []byte("answer"))
	same(t, read(t, c, 6), []byte("answer"))
	r.s.Flows(func(f uplink.Flow) {
		if !f.In || f.Inside != inside || f.Remote != e.to || f.State != "ESTABLISHED" || f.Network != "test" ||
			f.Peer != addrOf(c.LocalAddr()) || f.Host != addrOf(c.RemoteAddr()) || f.TxBytes != 6 || f.RxBytes != 5 {
			t.Errorf("%+v", f)
		}
	})
	c.Close()
	for !r0(e).has(flagFinSent) {
		e.hear()
	}
	e.say(fin|ack, nil)
	e.want(ack)
}

func addrOf(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// A container that refuses, and one that does not answer.
func TestAcceptRefused(t *testing.T) {
	for _, answer := range []bool{true, false} {
		r := newRig(t)
		c, fd := client(t)
		must(t, r.published(fd, "203.0.113.9:5555"))
		e := r.server()
		if answer {
			e.say(rst|ack, nil)
		} else {
			r.Advance(time.Minute)
			syns := 0
			for _, f := range r.Entered {
				if ut.TCP(f.Frame).Flags() == syn {
					syns++
				}
			}
			if syns != maxSyns-1 {
				t.Errorf("the SYN was repeated %d times", syns)
			}
		}
		if _, err := c.Read(make([]byte, 1)); !isReset(err) {
			t.Errorf("answered %v: the client sees %v", answer, err)
		}
		if r.s.live != 0 {
			t.Error("the connection is left")
		}
	}
}

// Clients that no packet can come from, and those with the same name, get the gateway's,
// and none of its services' ports.
func TestAcceptNames(t *testing.T) {
	r := newRig(t)
	seen := map[netip.AddrPort]bool{}
	for _, from := range []string{"127.0.0.1:5555", "127.0.0.1:5555", "203.0.113.9:1", "203.0.113.9:1", "[2001:db8::1]:7000", "127.0.0.1:53", "[2001:db8::1]:547"} {
		_, fd := client(t)
		must(t, r.published(fd, from))
		e := r.server()
		if seen[e.to] {
			t.Errorf("two clients are %v", e.to)
		}
		if e.to.Addr() == r.Net.Addr4 && e.to.Port() < servicePorts {
			t.Errorf("%s is %v, where the gateway has its services", from, e.to)
		}
		seen[e.to] = true
	}
	for _, want := range []string{"10.1.0.1:5555", "203.0.113.9:1", "10.1.0.1:7000"} {
		if !seen[netip.MustParseAddrPort(want)] {
			t.Errorf("nobody is %s", want)
		}
	}
}

// One too many: the client is reset, and its descriptor closed.
func TestAcceptLimit(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxFlows = 1 })
	_, fd := client(t)
	must(t, r.published(fd, "203.0.113.9:1"))
	c, fd := client(t)
	if err := r.published(fd, "203.0.113.9:2"); !errors.Is(err, ErrLimit) {
		t.Errorf("%v", err)
	}
	if _, err := c.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the client sees %v", err)
	}
	if got := r.s.Counts(); got.Limited != 1 || got.Flows != 1 {
		t.Errorf("%+v", got)
	}
}

// Answers that are none.
func TestAcceptStray(t *testing.T) {
	r := newRig(t)
	_, fd := client(t)
	must(t, r.published(fd, "203.0.113.9:1"))
	e := r.server()
	e.ack += 5
	if got := e.say(syn|ack, nil); got != frame.DropTCPWindow {
		t.Error(got)
	}
	if got := e.want(rst); got.Seq() != e.ack {
		t.Errorf("a reset with number %d", got.Seq())
	}
	if got := e.say(rst|ack, nil); got != frame.DropTCPWindow {
		t.Error(got)
	}
	if r.s.live != 1 {
		t.Error("a forged reset ended the connection")
	}
}

// A client that leaves before the container has answered: it is not asked any more.
func TestAcceptedClientLeaves(t *testing.T) {
	r := newRig(t)
	c, fd := client(t)
	must(t, r.published(fd, "203.0.113.9:1"))
	e := r.server()
	r.Settle(5 * time.Millisecond)
	c.SetLinger(0)
	c.Close()
	e.want(rst | ack)
	if r.s.live != 0 {
		t.Error("the connection is left")
	}
}
