package udp

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink/uplinktest"
)

// published opens a published port and returns where it is; the socket is the test's.
func (r *rig) published(host string, inside netip.AddrPort) (id uint32, at netip.AddrPort, s *server) {
	r.T.Helper()
	s = serve(r.T, host)
	return r.open(s, inside), s.at(), s
}

func (r *rig) open(s *server, inside netip.AddrPort) (id uint32) {
	r.T.Helper()
	var err error
	r.Outside(func() { id, err = r.s.Open(r.Worker, r.Net, rawOf(r.T, s), inside, s.at()) })
	if err != nil {
		r.T.Fatal(err)
	}
	return id
}

func (r *rig) shut(id uint32) {
	r.T.Helper()
	r.Outside(func() { r.s.Shut(r.Worker, id) })
}

// external is a server at hostAddr, for a test on a host of its own.
func external(t *testing.T) *server {
	t.Helper()
	return serve(t, netip.AddrPortFrom(hostAddr, 0).String())
}

// A client of the host's loopback is seen as the gateway's, by its own port, and is
// answered from where it has asked.
func TestPublished(t *testing.T) {
	both(t, func(t *testing.T, s uplinktest.Station, listen func(testing.TB) *server) {
		r := newRig(t)
		host, gateway := "127.0.0.1:0", gateway4
		if s.Addr.Is6() {
			host, gateway = "[::1]:0", gateway6
		}
		id, at, _ := r.published(host, port(s.Addr, 80))
		client := listen(t)
		for range 2 {
			client.put([]byte("question"), at)
			wantUDP(t, r.Await(), port(gateway, client.at().Port()), port(s.Addr, 80), s.MAC, []byte("question"))
			r.send(s.UDP(80, port(gateway, client.at().Port()), []byte("answer"), 0))
			if got, from := client.get(); string(got) != "answer" || from != at {
				t.Errorf("%q from %v", got, from)
			}
		}
		if f := r.flows()[0]; !f.In || f.State != "REPLIED" || f.Host != at || f.Peer != client.at() {
			t.Errorf("%+v", f)
		}
		r.shut(id)
		r.shut(id)
		if r.Watched() != 0 || len(r.flows()) != 0 {
			t.Error("something is left")
		}
	})
}

// A client is seen by the address that it has; a socket bound to all addresses answers
// from that which was asked.
func TestPublishedKeepsTheClient(t *testing.T) {
	for _, network := range []string{"udp4", "udp"} { // the second is for both families
		t.Run(network, func(t *testing.T) {
			r := newRig(t)
			onOwnHost(t, func() { testKeepsTheClient(t, r, network) })
		})
	}
}

func testKeepsTheClient(t *testing.T, r *rig, network string) {
	c, err := net.ListenUDP(network, &net.UDPAddr{IP: net.IPv4zero})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := &server{c, t}
	r.open(s, port(alice4.Addr, 80))
	client := external(t)
	at := port(hostAddr, s.at().Port())
	client.put([]byte("question"), at)
	wantUDP(t, r.Await(), client.at(), port(alice4.Addr, 80), alice4.MAC, []byte("question"))
	r.send(alice4.UDP(80, client.at(), []byte("answer"), 0))
	if got, from := client.get(); string(got) != "answer" || from != at {
		t.Errorf("%q from %v, want from %v", got, from, at)
	}

	local := serve(t, "127.0.0.1:0")
	for _, host := range []string{"127.0.0.1", "127.0.0.9"} {
		asked := port(netip.MustParseAddr(host), s.at().Port())
		local.put([]byte("question"), asked)
		src, _ := uplinktest.Ends(r.Await())
		r.send(alice4.UDP(80, src, []byte("answer"), 0))
		if _, from := local.get(); from != asked {
			t.Errorf("asked %v, answered by %v", asked, from)
		}
	}
	if n := len(r.flows()); n != 3 {
		t.Errorf("%d sessions, want 3", n)
	}
}

// Clients that the gateway stands for do not get in each other's way, whatever their
// ports are.
func TestPublishedToTwoClientsWithOnePort(t *testing.T) {
	r := newRig(t)
	_, at, _ := r.published("127.0.0.1:0", port(alice4.Addr, 80))
	a := serve(t, "127.0.0.1:0")
	b := serve(t, port(netip.MustParseAddr("127.0.0.2"), a.at().Port()).String())
	for i, c := range []*server{a, b} {
		c.put([]byte{byte(i)}, at)
	}
	r.Until("both in", func() bool { return len(r.Entered) == 2 })
	first, second := r.Take1(), r.Take1()
	one, _ := uplinktest.Ends(first)
	two, _ := uplinktest.Ends(second)
	if one == two || one.Addr() != gateway4 || two.Addr() != gateway4 || one.Port() != a.at().Port() || two.Port() < 1024 {
		t.Fatalf("clients are %v and %v", one, two)
	}
	r.send(alice4.UDP(80, two, []byte("two"), 0), alice4.UDP(80, one, []byte("one"), 0))
	if got, _ := a.get(); string(got) != "one" {
		t.Errorf("the first got %q", got)
	}
	if got, _ := b.get(); string(got) != "two" {
		t.Errorf("the second got %q", got)
	}
}

// A client of IPv6 reaches a container of IPv4: the gateway stands for it.
func TestPublishedAcrossFamilies(t *testing.T) {
	r := newRig(t)
	_, at, _ := r.published("[::1]:0", port(alice4.Addr, 80))
	client := loopback6(t)
	body := payload(3 * 1000)
	putSegmented(t, client, body, 1000, at)
	f := r.Await()
	src, _ := uplinktest.Ends(f)
	if src.Addr() != gateway4 || len(segments(t, f)) != 3 {
		t.Errorf("from %v", src)
	}
	r.send(alice4.UDP(80, src, []byte("answer"), 0))
	if got, from := client.get(); string(got) != "answer" || from != at {
		t.Errorf("%q from %v", got, from)
	}
}

// What a container sends from its published port has that port outside as well.
func TestPublishedPortIsTheMapping(t *testing.T) {
	r := newRig(t)
	s := serve(t, "0.0.0.0:0")
	r.open(s, port(alice4.Addr, 80))
	to := loopback4(t)
	r.send(alice4.UDP(80, to.alias(), []byte("x"), 0))
	_, from := to.get()
	if from.Port() != s.at().Port() {
		t.Errorf("from port %d, published is %d", from.Port(), s.at().Port())
	}
	to.put([]byte("y"), from)
	wantUDP(t, r.Await(), to.alias(), port(alice4.Addr, 80), alice4.MAC, []byte("y"))

	six := loopback6(t)
	r.send(alice6.UDP(80, six.alias(), []byte("x"), 0))
	six.get()
	if r.Watched() != 2 {
		t.Errorf("%d descriptors, want 2", r.Watched())
	}
}

// A port bound to an address that cannot reach the destination is not used for it.
func TestPublishedOnLoopbackOnly(t *testing.T) {
	r := newRig(t)
	onOwnHost(t, func() { testOnLoopbackOnly(t, r) })
}

func testOnLoopbackOnly(t *testing.T, r *rig) {
	r.published("127.0.0.1:0", port(alice4.Addr, 80))
	to := external(t)
	r.send(alice4.UDP(80, to.at(), []byte("x"), 0))
	to.get()
	if r.Watched() != 2 {
		t.Errorf("%d descriptors, want 2", r.Watched())
	}
}

// The next container that publishes a port gets its clients at once, those of its
// predecessor too, and also what waits in the socket.
func TestPublishedMovesOn(t *testing.T) {
	r := newRig(t)
	id, at, s := r.published("127.0.0.1:0", port(alice4.Addr, 80))
	client := loopback4(t)
	client.put([]byte("1"), at)
	wantUDP(t, r.Await(), port(gateway4, client.at().Port()), port(alice4.Addr, 80), alice4.MAC, []byte("1"))
	r.shut(id)
	client.put([]byte("2"), at)
	r.open(s, port(bob4.Addr, 81))
	wantUDP(t, r.Await(), port(gateway4, client.at().Port()), port(bob4.Addr, 81), bob4.MAC, []byte("2"))
	if end := r.run(alice4.UDP(80, port(gateway4, client.at().Port()), []byte("late"), 0))[0]; end != frame.DropNoService {
		t.Errorf("the predecessor's answer ended as %v", end)
	}
	client.quiet()
}

// A container that has left takes its sessions along, and its port stays open until
// Shut.
func TestDropInsideAndDropNet(t *testing.T) {
	for _, drop := range []func(r *rig){
		func(r *rig) { r.s.DropInside(r.Worker, 1, alice4.Addr) },
		func(r *rig) { r.s.DropNet(r.Worker, 1) },
	} {
		r := newRig(t)
		to, client := loopback4(t), loopback4(t)
		id, at, _ := r.published("127.0.0.1:0", port(alice4.Addr, 80))
		client.put([]byte("1"), at)
		r.Await()
		r.send(alice4.UDP(4000, to.alias(), []byte("x"), 0), alice4.UDP(4001, to.alias(), []byte("x"), 0))
		_, outside := to.get()
		r.Outside(func() { drop(r) })
		if n, w := len(r.flows()), r.Watched(); n != 0 || w != 1 {
			t.Errorf("%d sessions and %d descriptors are left", n, w)
		}
		to.put([]byte("late"), outside)
		r.Settle(0)
		if len(r.Entered) != 0 {
			t.Error("something came in late")
		}
		r.shut(id)
		if c := r.s.Counts(); c.Opened != 3 || c.Closed != 3 || c.Flows != 0 {
			t.Errorf("%+v", c)
		}
	}
}

// Only the named container's sessions end.
func TestDropInsideLeavesOthers(t *testing.T) {
	r, to := newRig(t), loopback4(t)
	r.send(alice4.UDP(4000, to.alias(), nil, 0), bob4.UDP(4000, to.alias(), nil, 0))
	r.s.DropInside(r.Worker, 1, alice4.Addr)
	r.s.DropInside(r.Worker, 2, bob4.Addr)
	if f := r.flows(); len(f) != 1 || f[0].Inside.Addr() != bob4.Addr {
		t.Errorf("left: %+v", f)
	}
}

// A socket that is none cannot be opened.
func TestOpenOfNothing(t *testing.T) {
	r := newRig(t)
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r.Outside(func() {
		if _, err := r.s.Open(r.Worker, r.Net, fd, port(alice4.Addr, 80), port(gateway4, 80)); err == nil {
			t.Error("it was")
		}
	})
	if !slices.Equal(r.flows(), nil) {
		t.Error("sessions")
	}
}
