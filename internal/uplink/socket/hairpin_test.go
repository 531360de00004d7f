package socket

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"vswitch/internal/frame"
	"vswitch/internal/testnet"
	ut "vswitch/internal/uplink/uplinktest"
)

// Published ports, as containers reach them: by the address of a gateway.

var (
	gateway6 = netip.MustParseAddr("fd00:1::1")
	bob6     = ut.Station{Addr: netip.MustParseAddr("fd00:1::3"), MAC: ut.Bob4.MAC}
	loopback = map[bool]string{true: "127.0.0.1", false: "::1"}
)

// pair is two workers, each with a container of one network: alice's, who asks, and
// bob's, who has published a port; or one worker with one container, who asks herself.
type pair struct {
	asks, serves *rig
	from, to     ut.Station
	gateway      netip.Addr
}

// eachPair runs a test in both families, for two containers and for one.
func eachPair(t *testing.T, test func(t *testing.T, p *pair)) {
	for _, c := range []struct {
		name     string
		from, to ut.Station
		gateway  netip.Addr
	}{
		{"IPv4", alice4, bob4, gateway4}, {"IPv6", alice6, bob6, gateway6},
		{"itself by IPv4", alice4, alice4, gateway4}, {"itself by IPv6", alice6, alice6, gateway6},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &pair{asks: newRig(t), from: c.from, to: c.to, gateway: c.gateway}
			p.serves = p.asks
			if c.from != c.to {
				p.serves = moreRig(t)
			}
			lookup := p.serves.Net.Lookup
			p.serves.Net.Lookup = func(a netip.Addr) (frame.MAC, bool) {
				if a == bob6.Addr {
					return bob6.MAC, true
				}
				return lookup(a)
			}
			test(t, p)
		})
	}
}

// published has a port be known as published on all addresses.
func (p *pair) published(proto uint8, port uint16) {
	p.asks.Net.Published = func(q uint8, v6 bool, n uint16) bool {
		return q == proto && n == port && v6 == p.to.Addr.Is6()
	}
}

// until lets both workers work.
func (p *pair) until(what string, ok func() bool) {
	p.asks.T.Helper()
	p.asks.Until(what, func() bool { p.serves.Poll(time.Millisecond); return ok() })
}

// Bob sees the gateway, by a port that is no service's, and alice what she has asked.
func TestHairpinUDP(t *testing.T) {
	eachPair(t, func(t *testing.T, p *pair) {
		c, err := net.ListenPacket("udp", net.JoinHostPort(loopback[p.to.Addr.Is4()], "0"))
		must(t, err)
		t.Cleanup(func() { c.Close() })
		host := addrOf(c.LocalAddr())
		p.published(frame.ProtoUDP, host.Port())
		p.serves.open(Port{UDP: true, FD: raw(t, c.(*net.UDPConn)), Host: host, Inside: netip.AddrPortFrom(p.to.Addr, 53)})

		asked := netip.AddrPortFrom(p.gateway, host.Port())
		for i := range 3 {
			p.asks.send(p.from.UDP(4000, asked, fmt.Appendf(nil, "question %d", i), 0))
			p.until("asked", func() bool { return len(p.serves.Entered) > 0 })
			q := p.serves.Take1()
			src, dst := ut.Ends(q)
			if src.Addr() != p.gateway || src.Port() < 1024 || dst != netip.AddrPortFrom(p.to.Addr, 53) || q.Dst != p.to.MAC {
				t.Fatalf("from %v to %v", src, dst)
			}
			p.serves.send(p.to.UDP(53, src, append([]byte("answer to "), q.UDP().Payload()...), 0))
			p.until("answered", func() bool { return len(p.asks.Entered) > 0 })
			a := p.asks.Take1()
			if src, dst := ut.Ends(a); src != asked || dst != netip.AddrPortFrom(p.from.Addr, 4000) {
				t.Fatalf("from %v to %v", src, dst)
			}
			if got, want := string(a.UDP().Payload()), fmt.Sprintf("answer to question %d", i); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	})
}

// The same with a connection.
func TestHairpinTCP(t *testing.T) {
	eachPair(t, func(t *testing.T, p *pair) {
		fd, host := listenAt(t, netip.AddrPortFrom(netip.MustParseAddr(loopback[p.to.Addr.Is4()]), 0), 8)
		p.published(frame.ProtoTCP, host.Port())
		p.serves.open(Port{FD: fd, Host: host, Inside: netip.AddrPortFrom(p.to.Addr, 80)})

		alice := newBox(p.from)
		bob := alice
		if p.from != p.to {
			bob = newBox(p.to)
		}
		var client netip.AddrPort
		bob.serve = func(e *end) { e.echo, client = true, e.name.peer }
		e := alice.dial(4000, netip.AddrPortFrom(p.gateway, host.Port()), []byte("hello"))
		p.until("over", func() bool {
			p.asks.exchange(alice)
			p.serves.exchange(bob)
			return e.ended && len(bob.conns) == 0
		})
		if e.reset || string(e.got) != "hello" || client.Addr() != p.gateway || client.Port() < 1024 {
			t.Errorf("reset %v, heard %q; the client was %v", e.reset, e.got, client)
		}
	})
}

// A port of the gateway's that is not published is refused by the gateway, once: nobody
// else answers.
func TestHairpinNoService(t *testing.T) {
	r := newRig(t)
	r.Net.Published = func(proto uint8, v6 bool, port uint16) bool { return port == 80 && proto == frame.ProtoUDP && !v6 }
	r.Net.Own = func(a netip.Addr) bool { return a == netip.MustParseAddr("10.2.0.1") }
	for _, to := range []string{"10.1.0.1:80", "10.1.0.1:81", "10.2.0.1:80"} {
		f := alice4.TCP(4000, netip.MustParseAddrPort(to), frame.TCPFields{Seq: 5, Flags: syn}, nil, 0)
		if end := r.ends(f)[0]; end != frame.DropNoService {
			t.Errorf("to %s: %v", to, end)
		}
	}
	if end := r.ends(alice4.UDP(1, netip.MustParseAddrPort("10.1.0.1:81"), nil, 0))[0]; end != frame.DropNoService {
		t.Errorf("a datagram: %v", end)
	}
	if n := len(r.Entered); n != 0 || r.s.Counts().Opened != 0 {
		t.Errorf("%d frames entered", n)
	}
}

// Clients that the gateway stands for do not come from the ports of its services, whose
// answers would go there.
func TestClientPorts(t *testing.T) {
	testnet.NeedRoot(t) // for the clients' ports
	r := newRig(t)
	_, at := r.publish()
	published, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	t.Cleanup(func() { published.Close() })
	r.open(Port{UDP: true, FD: raw(t, published), Host: addrOf(published.LocalAddr()), Inside: netip.AddrPortFrom(alice4.Addr, 80)})
	for i, port := range []int{53, 67, 547, 1023, 1024} {
		host := fmt.Sprintf("127.0.1.%d", i+1)
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host), Port: port}}
		c, err := d.Dial("tcp", at.String())
		must(t, err)
		defer c.Close()
		wantPort(t, r, port)
		d.LocalAddr = &net.UDPAddr{IP: net.ParseIP(host), Port: port}
		c, err = d.Dial("udp", published.LocalAddr().String())
		must(t, err)
		defer c.Close()
		_, err = c.Write(nil)
		must(t, err)
		wantPort(t, r, port)
	}
}

// wantPort looks at the source of what enters: the client's own port, or another.
func wantPort(t *testing.T, r *rig, port int) {
	t.Helper()
	src, _ := ut.Ends(r.Await())
	if src.Addr() != gateway4 || src.Port() < 1024 || port >= 1024 && int(src.Port()) != port {
		t.Errorf("the client with port %d is %v", port, src)
	}
}
