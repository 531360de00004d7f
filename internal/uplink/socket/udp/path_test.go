package udp

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/testnet"
	"vswitch/internal/uplink/uplinktest"
)

func addr(a string) netip.Addr { return netip.MustParseAddr(a) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// namespace is a network of the test's own.
func namespace(t testing.TB) *netnsx.NS {
	testnet.NeedRoot(t)
	ns, err := netnsx.New()
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	return ns
}

// within runs fn on a thread in ns: sockets made there belong to it.
func within(t testing.TB, ns *netnsx.NS, fn func()) {
	t.Helper()
	must(t, ns.Do(func() error { fn(); return nil }))
}

// path is two routers behind the host: the link to the far one has an MTU of 1400.
//
//	host .1 -- 10.77.1.0/24 -- .2 near .1 -- 10.77.2.0/24, MTU 1400 -- .2 far
type path struct{ host, near, far *netnsx.NS }

func newPath(t testing.TB) *path {
	p := &path{namespace(t), namespace(t), namespace(t)}
	link := func(a, b *netnsx.NS, name string, mtu int, net int) {
		must(t, netnsx.MakeVeth(netnsx.End{NS: a, Name: name + "0"}, netnsx.End{NS: b, Name: name + "1"}, mtu))
		for i, ns := range []*netnsx.NS{a, b} {
			h, err := ns.Netlink()
			must(t, err)
			dev := name + string(rune('0'+i))
			must(t, h.AddAddr(dev, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, byte(net), byte(i + 1)}), 24)))
			must(t, h.AddAddr(dev, netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x77, 3: byte(net), 15: byte(i + 1)}), 64), netnsx.NoDAD))
			must(t, h.Up(dev))
			h.Close()
		}
	}
	link(p.host, p.near, "a", 1500, 1)
	link(p.near, p.far, "b", 1400, 2)
	for _, s := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		must(t, p.near.SetSysctl(s, "1"))
	}
	for ns, via := range map[*netnsx.NS][3]string{p.host: {"a0", "10.77.1.2", "fd77:1::2"}, p.far: {"b1", "10.77.2.1", "fd77:2::1"}} {
		h, err := ns.Netlink()
		must(t, err)
		must(t, h.AddDefault(via[0], addr(via[1])))
		must(t, h.AddDefault(via[0], addr(via[2])))
		h.Close()
	}
	return p
}

// listen makes a server in the far network.
func (p *path) listen(t testing.TB, at string) (s *server) {
	within(t, p.far, func() {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
		if err != nil {
			t.Error(err)
			return
		}
		s = &server{c, t}
	})
	if s == nil {
		t.FailNow()
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Each router on the way, and the destination's closed port, are seen as traceroute
// expects to see them.
func TestTraceroute(t *testing.T) {
	p := newPath(t)
	for _, c := range []struct {
		s         uplinktest.Station
		far, near string
		exceeded  uint8
	}{
		{alice4, "10.77.2.2", "10.77.1.2", frame.ICMPTimeExceeded},
		{alice6, "fd77:2::2", "fd77:1::2", frame.ICMPv6TimeExceeded},
	} {
		r := newRig(t)
		to := port(addr(c.far), 33434)
		for ttl := uint8(2); ttl <= 3; ttl++ {
			f := c.s.UDP(4000, to, []byte("probe"), 0)
			if c.s.Addr.Is4() {
				f.IPv4().SetTTL(ttl)
			} else {
				f.IPv6().SetHopLimit(ttl)
			}
			within(t, p.host, func() { r.send(f) })
			got := r.Await()
			from, _ := uplinktest.Ends(got)
			if ttl == 2 {
				wantError(t, got, c.s, to, [2]uint8{c.exceeded, 0}, []byte("probe"))
				if from.Addr() != addr(c.near) {
					t.Errorf("the first hop is %v", from)
				}
				continue
			}
			wantError(t, got, c.s, to, unreachable(c.s), []byte("probe"))
			if from.Addr() != addr(c.far) {
				t.Errorf("the end is %v", from)
			}
		}
	}
}

// What is too big for the path and may not be fragmented is told of with the path's MTU:
// by the router that found out first, and then by the gateway; what may be is.
func TestPathMTU(t *testing.T) {
	p := newPath(t)
	to := p.listen(t, "10.77.2.2:0")
	r := newRig(t)
	body := payload(1450)
	out := func(want frame.Reason, gso int, body []byte, whole bool) {
		t.Helper()
		f := alice4.UDP(4000, to.at(), body, gso)
		if !whole {
			f.IPv4()[6] = 0
			f.IPv4().FillChecksum()
		}
		within(t, p.host, func() {
			if got := r.run(f)[0]; got != want {
				t.Errorf("ended as %v, want %v", got, want)
			}
		})
	}
	tooBig := func(from string) {
		t.Helper()
		f := r.Await()
		wantError(t, f, alice4, to.at(), [2]uint8{3, 4}, body[:100])
		if src, _ := uplinktest.Ends(f); f.ICMPv4().MTU() != 1400 || src.Addr() != addr(from) {
			t.Errorf("MTU %d by %v, want 1400 by %v", f.ICMPv4().MTU(), src, from)
		}
	}
	out(frame.Consumed, 0, body, true)
	tooBig("10.77.1.2")
	out(frame.DropTooBig, 0, body, true)
	tooBig("10.1.0.1")
	out(frame.DropTooBig, 1450, payload(1500), true)
	tooBig("10.1.0.1")
	out(frame.Consumed, 0, body, false)
	wantDatagrams(t, to, [][]byte{body})
	long := payload(3000)
	out(frame.Consumed, 1450, long, false)
	wantDatagrams(t, to, slices.Collect(slices.Chunk(long, 1450)))
	out(frame.Consumed, 0, payload(1300), true)
	wantDatagrams(t, to, [][]byte{payload(1300)})
}

// IPv6 is never fragmented on the way.
func TestPathMTU6(t *testing.T) {
	p := newPath(t)
	to := p.listen(t, "[fd77:2::2]:0")
	r := newRig(t)
	body := payload(1430)
	for i := range 2 {
		within(t, p.host, func() {
			if got := r.run(alice6.UDP(4000, to.at(), body, 0))[0]; got != []frame.Reason{frame.Consumed, frame.DropTooBig}[i] {
				t.Errorf("ended as %v", got)
			}
		})
		f := r.Await()
		wantError(t, f, alice6, to.at(), [2]uint8{frame.ICMPv6TooBig, 0}, body[:100])
		if mtu := be.Uint32(f.Bytes()[f.L4+4:]); mtu != 1400 {
			t.Errorf("MTU %d", mtu)
		}
	}
	// What the container has cut itself is cut anew for the path.
	within(t, p.host, func() { r.send(cut(alice6, to.at(), 9, payload(5000), 1400)...) })
	wantDatagrams(t, to, [][]byte{payload(5000)})
}
