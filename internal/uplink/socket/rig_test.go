package socket

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
	"vswitch/internal/uplink"
	ut "vswitch/internal/uplink/uplinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const syn, ack, rst, fin = frame.TCPSyn, frame.TCPAck, frame.TCPRst, frame.TCPFin

var (
	alice4, alice6, bob4 = ut.Alice4, ut.Alice6, ut.Bob4
	gateway4             = netip.MustParseAddr("10.1.0.1")
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// front shows a shard of all protocols to a worker as one of them. Runs are given to it
// whole.
type front struct {
	*Shard
	run []*frame.Frame
}

func (f *front) Take(_ uplink.Outbox, _ *uplink.Net, p *frame.Frame) frame.Reason {
	f.run = append(f.run, p)
	return frame.Consumed
}

func (f *front) Done(x uplink.Outbox, n *uplink.Net) {
	f.Shard.Take(x, n, f.run)
	f.run = f.run[:0]
}

func (f *front) Ready(x uplink.Outbox, key int32, events uint32) {
	f.Shard.Ready(x, []uplink.Event{{Events: events, Fd: key}})
}

func (f *front) Resume(x uplink.Outbox) bool {
	f.Shard.Ready(x, nil)
	return false // it has asked by itself
}

// Next is the deadline that the timer is set to.
func (f *front) Next() (int64, bool) { return f.timer.due, f.timer.due != 0 }

// Expire is what the timer brings.
func (f *front) Expire(x uplink.Outbox) { f.Ready(x, kindTimer<<kindBits, unix.EPOLLIN) }

// rig is a worker with a shard.
type rig struct {
	*ut.Worker
	s *Shard
}

func newRig(t testing.TB, edit ...func(*Config)) *rig {
	t.Helper()
	testnet.NoLeaks(t)
	return moreRig(t, edit...)
}

// moreRig is newRig for a test that has one, and with that looks for what is left.
func moreRig(t testing.TB, edit ...func(*Config)) *rig {
	t.Helper()
	w := ut.New(t)
	c := Config{Seed: 7, MaxFlows: 1 << 12}
	for _, e := range edit {
		e(&c)
	}
	r := &rig{w, New(c)}
	w.Shard = &front{Shard: r.s}
	must(t, r.s.Start(w, w.Clock))
	t.Cleanup(func() {
		r.s.Close()
		if n := r.Watched(); n != 0 {
			t.Errorf("%d descriptors are still watched", n)
		}
		if c := r.s.Counts(); c.Flows != 0 || c.Opened != c.Closed {
			t.Errorf("left: %+v", c)
		}
	})
	return r
}

// ends gives the shard a run, and returns how each frame ended.
func (r *rig) ends(frames ...*frame.Frame) (ends []frame.Reason) {
	r.T.Helper()
	r.Run(frames...)
	for _, f := range frames {
		ends = append(ends, f.Drop)
	}
	return ends
}

// send is ends for frames that are to be consumed.
func (r *rig) send(frames ...*frame.Frame) {
	r.T.Helper()
	for i, end := range r.ends(frames...) {
		if end != frame.Consumed {
			r.T.Fatalf("frame %d ended as %v", i, end)
		}
	}
}

// flows returns all connections.
func (r *rig) flows() (all []uplink.Flow) {
	r.Outside(func() { r.s.Flows(r.Worker, func(f uplink.Flow) { all = append(all, f) }) })
	return all
}

// open publishes a socket of the host.
func (r *rig) open(p Port) (id uint32) {
	r.T.Helper()
	if p.Net == nil {
		p.Net = r.Net
	}
	r.Outside(func() {
		var err error
		id, err = r.s.Open(r.Worker, p)
		must(r.T, err)
	})
	return id
}

func (r *rig) shut(id uint32) (c PortCounts) {
	r.T.Helper()
	r.Outside(func() { c = r.s.Shut(r.Worker, id) })
	return c
}

// Hosts

// alias is what a container calls a socket of the loopback.
func alias(a net.Addr) netip.AddrPort {
	at := addrOf(a)
	if at.Addr().Is4() {
		return netip.AddrPortFrom(ut.Loopback4, at.Port())
	}
	return netip.AddrPortFrom(ut.Loopback6, at.Port())
}

func addrOf(a net.Addr) netip.AddrPort {
	at := netip.MustParseAddrPort(a.String())
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// listener is a listening socket of the host's loopback that the test owns, and where it
// is.
func listener(t testing.TB, backlog int) (fd int, at netip.AddrPort) {
	t.Helper()
	return listenAt(t, netip.MustParseAddrPort("127.0.0.1:0"), backlog)
}

func listenAt(t testing.TB, at netip.AddrPort, backlog int) (int, netip.AddrPort) {
	t.Helper()
	family, sa := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: at.Addr().As16()})
	if at.Addr().Is4() {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Addr: at.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, sa))
	must(t, unix.Listen(fd, backlog))
	sa, err = unix.Getsockname(fd)
	must(t, err)
	if sa, ok := sa.(*unix.SockaddrInet6); ok {
		return fd, netip.AddrPortFrom(at.Addr(), uint16(sa.Port))
	}
	return fd, netip.AddrPortFrom(at.Addr(), uint16(sa.(*unix.SockaddrInet4).Port))
}

// publish makes a listener and publishes it as alice's port 80.
func (r *rig) publish() (id uint32, at netip.AddrPort) {
	r.T.Helper()
	fd, at := listener(r.T, 1024)
	return r.open(Port{FD: fd, Host: at, Inside: netip.AddrPortFrom(alice4.Addr, 80)}), at
}

// dial connects to a published port, as a client of the host's.
func dial(t testing.TB, at netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(at))
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c
}

// udpServer is a bound socket of the host's loopback.
func udpServer(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c
}

// raw is the descriptor of a socket, which keeps it.
func raw(t testing.TB, c *net.UDPConn) (fd int) {
	t.Helper()
	rc, err := c.SyscallConn()
	must(t, err)
	must(t, rc.Control(func(n uintptr) { fd = int(n) }))
	return fd
}
