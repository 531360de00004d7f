package socket

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	ut "vswitch/internal/uplink/uplinktest"
)

// clients are connections that wait in a listener.
func clients(t testing.TB, at netip.AddrPort, n int) (all []*net.TCPConn) {
	for range n {
		all = append(all, dial(t, at))
	}
	return all
}

// wasReset fails unless a client sees a reset.
func wasReset(t testing.TB, c *net.TCPConn) {
	t.Helper()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("a client sees %v", err)
	}
}

// synsTo counts the SYNs to a port of the containers that entered.
func (r *rig) synsTo(port uint16) (n int) {
	for _, f := range r.Entered {
		if seg := ut.TCP(f.Frame); seg.Flags() == syn && seg.DstPort() == port {
			n++
		}
	}
	return n
}

// ready is one call without events.
func (r *rig) ready() {
	r.T.Helper()
	r.Outside(func() { r.s.Ready(r.Worker, nil) })
}

// Clients that wait already are taken, and what is accepted has the options of the
// listener.
func TestOpenWithClients(t *testing.T) {
	r := newRig(t)
	fd, at := listener(t, 8)
	c := dial(t, at)
	id := r.open(Port{FD: fd, Host: at, Inside: netip.AddrPortFrom(alice4.Addr, 80)})
	r.Until("in", func() bool { return r.synsTo(80) == 1 })
	for _, o := range [][2]int{{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.SOL_SOCKET, unix.SO_OOBINLINE}} {
		if v, err := unix.GetsockoptInt(fd, o[0], o[1]); err != nil || v == 0 {
			t.Errorf("option %v of the listener is %d, %v", o, v, err)
		}
	}
	f := r.flows()
	if len(f) != 1 || !f[0].In || f[0].Peer != addrOf(c.LocalAddr()) || f[0].Host != at {
		t.Errorf("%+v", f)
	}
	if got := r.shut(id); got != (PortCounts{Accepted: 1}) {
		t.Errorf("%+v", got)
	}
	if n := len(r.flows()); n != 1 {
		t.Errorf("%d connections after Shut", n)
	}
}

// A crowd at one port does not keep the clients of another waiting, nor the worker.
func TestAcceptIsFair(t *testing.T) {
	r := newRig(t)
	var ports [3]netip.AddrPort
	for i := range ports {
		var fd int
		fd, ports[i] = listener(t, 512)
		if i == 0 {
			clients(t, ports[0], 150)
		}
		r.open(Port{FD: fd, Host: ports[i], Inside: netip.AddrPortFrom(alice4.Addr, uint16(80+i))})
	}
	clients(t, ports[1], 40)
	clients(t, ports[2], 1)
	for round := 0; ; round++ {
		before := len(r.Entered)
		if round == 0 {
			r.Poll(0)
		} else {
			r.ready()
		}
		one, two := r.synsTo(80), r.synsTo(81)
		if took := len(r.Entered) - before; took > acceptCall && round > 0 {
			t.Errorf("%d clients in one call", took)
		}
		if one-two > 2*acceptTurn && two < 40 {
			t.Errorf("round %d: %d clients of one port, %d of the other", round, one, two)
		}
		if one == 150 && two == 40 && r.synsTo(82) == 1 {
			break
		}
		if round > 20 {
			t.Fatalf("%d, %d and %d clients", one, two, r.synsTo(82))
		}
	}
	r.Settle(0)
	if len(r.s.ports.ready) != 0 || r.Wanted() {
		t.Error("somebody is waited for")
	}
}

// A client that has gone before it was accepted leaves nothing.
func TestAcceptGone(t *testing.T) {
	r := newRig(t)
	fd, at := listener(t, 8)
	c := dial(t, at)
	must(t, c.SetLinger(0))
	must(t, c.Close())
	stays := dial(t, at)
	id := r.open(Port{FD: fd, Host: at, Inside: netip.AddrPortFrom(alice4.Addr, 80)})
	b := newBox(alice4)
	b.serve = func(e *end) { e.say = []byte("hello") }
	r.Until("served", func() bool {
		r.exchange(b)
		return len(r.flows()) <= 1 && r.s.PortCounts(id).Accepted >= 1
	})
	said := make(chan error, 1)
	go func() { _, err := io.ReadFull(stays, make([]byte, 5)); said <- err }()
	r.Until("said", func() bool { r.exchange(b); return len(said) > 0 })
	must(t, <-said)
	stays.Close()
	r.Until("over", func() bool {
		r.exchange(b)
		r.Advance(time.Second)
		return r.s.Counts().Flows == 0
	})
}

// A container that nobody knows, a network that is gone: the client is reset.
func TestAcceptNobody(t *testing.T) {
	r := newRig(t)
	fd, at := listener(t, 8)
	id := r.open(Port{FD: fd, Host: at, Inside: netip.MustParseAddrPort("10.1.0.99:80")})
	c := dial(t, at)
	r.Until("refused", func() bool { return r.s.PortCounts(id).Refused == 1 })
	wasReset(t, c)

	id, at = r.publish()
	r.Ports[ut.GatewayPort] = false
	c = dial(t, at)
	r.Until("refused", func() bool { return r.s.PortCounts(id).Refused == 1 })
	wasReset(t, c)
	if n := r.s.Counts().Flows; n != 0 || len(r.Entered) != 0 {
		t.Errorf("%d connections, %d frames", n, len(r.Entered))
	}
}

// A port is shut while its clients wait, and its number used again.
func TestShutWhileWaiting(t *testing.T) {
	r := newRig(t)
	one, at := listener(t, 64)
	clients(t, at, 2*acceptTurn)
	id := r.open(Port{FD: one, Host: at, Inside: netip.AddrPortFrom(alice4.Addr, 80)})
	r.ready()
	if got := r.shut(id); got.Accepted != acceptCall && got.Accepted != 2*acceptTurn {
		t.Errorf("%+v", got)
	}
	clients(t, at, 3)
	id = r.open(Port{FD: one, Host: at, Inside: netip.AddrPortFrom(alice4.Addr, 80)})
	r.shut(id)
	server := udpServer(t)
	if again := r.open(Port{UDP: true, FD: raw(t, server), Host: addrOf(server.LocalAddr()), Inside: netip.AddrPortFrom(alice4.Addr, 80)}); again != id {
		t.Errorf("number %d, want %d again", again, id)
	}
	if n := len(r.s.ports.ready); n != 0 {
		t.Errorf("%d ports have clients", n)
	}
	r.Settle(0)
	if got := r.shut(id); got != (PortCounts{}) {
		t.Errorf("%+v", got)
	}
	if got := r.shut(id) == r.shut(99); !got {
		t.Error("a number that is not in use has clients")
	}
	if len(r.s.ports.free) != 1 {
		t.Errorf("free are %v", r.s.ports.free)
	}
}

// What cannot be published leaves nothing behind.
func TestOpenFails(t *testing.T) {
	r := newRig(t)
	watched := r.Watched()
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(null)
	for _, udp := range []bool{false, true} {
		r.Outside(func() {
			p := Port{UDP: udp, FD: null, Net: r.Net, Inside: netip.AddrPortFrom(alice4.Addr, 80)}
			if _, err := r.s.Open(r.Worker, p); !errors.Is(err, unix.ENOTSOCK) {
				t.Errorf("UDP %v: %v", udp, err)
			}
		})
	}
	if id, _ := r.publish(); id != 0 || r.Watched() != watched+1 {
		t.Errorf("number %d, %d descriptors watched", id, r.Watched())
	}
}

// With a network its ports fall silent, until their owner shuts them; another network of
// its number has nothing to do with them.
func TestDropNetSilencesPorts(t *testing.T) {
	r := newRig(t)
	watched := r.Watched()
	id, at := r.publish()
	server := udpServer(t)
	udp := r.open(Port{UDP: true, FD: raw(t, server), Host: addrOf(server.LocalAddr()), Inside: netip.AddrPortFrom(alice4.Addr, 80)})
	clients(t, at, 3)
	r.Outside(func() { r.s.DropNet(r.Worker, 1) })
	dial(t, at)
	_, err := udpServer(t).WriteTo([]byte("x"), server.LocalAddr())
	must(t, err)
	r.Outside(func() { r.s.Flows(r.Worker, nil) })
	r.Settle(10 * time.Millisecond)
	r.send(alice4.UDP(9, alias(server.LocalAddr()), nil, 0)) // the number is in use again
	r.Settle(10 * time.Millisecond)
	if len(r.Entered) != 0 || r.Watched() != watched+1 {
		t.Errorf("%d frames entered, %d descriptors are watched, before %d", len(r.Entered), r.Watched(), watched)
	}
	r.Outside(func() { r.s.DropNet(r.Worker, 1) })
	for _, id := range []uint32{id, udp} {
		if got := r.shut(id); got != (PortCounts{}) {
			t.Errorf("%+v", got)
		}
	}
}

// The container's answer to a client.
func TestPublished(t *testing.T) {
	r := newRig(t)
	_, at := r.publish()
	b := newBox(alice4)
	b.serve = func(e *end) { e.echo = true }
	c := dial(t, at)
	_, err := c.Write([]byte("hello"))
	must(t, err)
	must(t, c.CloseWrite())
	done := make(chan string, 1)
	go func() {
		got, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		done <- string(got)
	}()
	r.Until("answered", func() bool { r.exchange(b); return len(done) > 0 })
	if got := <-done; got != "hello" {
		t.Errorf("%q", got)
	}
	r.Until("over", func() bool { r.exchange(b); return r.s.Counts().Flows == 0 })
	if len(b.conns) != 0 {
		t.Errorf("the container has %d connections", len(b.conns))
	}
}
