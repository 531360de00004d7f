package echo

import (
	"net/netip"
	"testing"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/uplink/report"
	"vswitch/internal/uplink/uplinktest"
)

// Beyond the host there is a router, and beyond it a link with a smaller MTU to a far
// station:
//
//	host 192.0.2.2 --- 192.0.2.1 router 198.51.100.1 --- 198.51.100.2 far
//	  2001:db8:1::2 ::1                2001:db8:2::1 (1400 bytes) ::2
var (
	router4, far4, lost4 = ip("192.0.2.1"), ip("198.51.100.2"), ip("203.0.113.9")
	router6, far6, lost6 = ip("2001:db8:1::1"), ip("2001:db8:2::2"), ip("2001:db8:3::9")
)

const pathMTU = 1400

func newPath(t *testing.T, way Way) *rig {
	t.Helper()
	r := newRig(t, way)
	router, far := newNS(t, Ping), newNS(t, Ping)
	for _, ns := range []*netnsx.NS{r.ns, router, far} {
		must(t, ns.SetSysctl("net.ipv6.conf.default.accept_dad", "0"))
		must(t, ns.SetSysctl("net.ipv4.icmp_ratelimit", "0"))
		must(t, ns.SetSysctl("net.ipv6.icmp.ratelimit", "0"))
	}
	must(t, netnsx.MakeVeth(netnsx.End{NS: r.ns, Name: "up"}, netnsx.End{NS: router, Name: "host"}, 1500))
	must(t, netnsx.MakeVeth(netnsx.End{NS: router, Name: "far"}, netnsx.End{NS: far, Name: "up"}, pathMTU))
	for _, s := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		must(t, router.SetSysctl(s, "1"))
	}
	link(t, r.ns, "up", "192.0.2.2/24", "2001:db8:1::2/64")
	link(t, router, "host", "192.0.2.1/24", "2001:db8:1::1/64")
	link(t, router, "far", "198.51.100.1/24", "2001:db8:2::1/64")
	link(t, far, "up", "198.51.100.2/24", "2001:db8:2::2/64")
	route(t, r.ns, router4, router6)
	route(t, far, ip("198.51.100.1"), ip("2001:db8:2::1"))
	return r
}

func link(t *testing.T, ns *netnsx.NS, name string, addrs ...string) {
	t.Helper()
	h, err := ns.Netlink()
	must(t, err)
	defer h.Close()
	for _, a := range addrs {
		must(t, h.AddAddr(name, netip.MustParsePrefix(a), netnsx.NoDAD))
	}
	must(t, h.Up(name))
}

func route(t *testing.T, ns *netnsx.NS, gateways ...netip.Addr) {
	t.Helper()
	h, err := ns.Netlink()
	must(t, err)
	defer h.Close()
	for _, g := range gateways {
		must(t, h.AddDefault("up", g))
	}
}

// told checks an error about an echo request of from.
func told(t *testing.T, f *frame.Frame, by netip.Addr, typ, code uint8, from uplinktest.Station, to netip.Addr, id, seq uint16) (rest uint32) {
	t.Helper()
	src, dst := uplinktest.Ends(f)
	m := frame.ICMPv4(uplinktest.L4(f))
	if src.Addr() != by || dst.Addr() != from.Addr || f.Dst != from.MAC || m.Type() != typ || m.Code() != code {
		t.Errorf("the error is %d/%d from %v to %v, want %d/%d from %v", m.Type(), m.Code(), src, dst, typ, code, by)
	}
	var qsrc, qdst netip.Addr
	quote := m.Payload()
	if q := frame.IPv4(quote); q[0]>>4 == 4 {
		qsrc, qdst, quote = q.Src(), q.Dst(), quote[frame.IPv4Len:]
	} else {
		q := frame.IPv6(quote)
		qsrc, qdst, quote = q.Src(), q.Dst(), quote[frame.IPv6Len:]
	}
	if echo := frame.ICMPv4(quote); qsrc != from.Addr || qdst != to || echo.Type() != requestType(to.Is6()) || echo.ID() != id || echo.Seq() != seq {
		t.Errorf("the quote is from %v to %v, type %d, identifier %d, sequence number %d", qsrc, qdst, echo.Type(), echo.ID(), echo.Seq())
	}
	return m.Rest()
}

// eachPath runs a test by both ways and for both families, on the path above.
func eachPath(t *testing.T, test func(t *testing.T, r *rig, p endpoints)) {
	for _, way := range []Way{Ping, Raw} {
		t.Run(way.String(), func(t *testing.T) {
			r := newPath(t, way)
			test(t, r, endpoints{alice4, router4, far4, lost4})
			test(t, r, endpoints{alice6, router6, far6, lost6})
		})
	}
}

type endpoints struct {
	from              uplinktest.Station
	router, far, lost netip.Addr
}

// traceroute -I: the router is found by a request whose hops end there, the far station
// by one with a hop more.
func TestTrace(t *testing.T) {
	eachPath(t, func(t *testing.T, r *rig, p endpoints) {
		exceeded := uint8(frame.ICMPTimeExceeded)
		if p.from.Addr.Is6() {
			exceeded = frame.ICMPv6TimeExceeded
		}
		for seq := range uint16(3) {
			r.Run(hops(p.from.Echo(p.far, 42, seq, pattern(32)), 2))
			told(t, r.Await(), p.router, exceeded, 0, p.from, p.far, 42, seq)
			r.Run(hops(p.from.Echo(p.far, 42, seq, pattern(32)), 3))
			f := r.Await()
			checkReply(t, f, p.from, p.far, 42, seq, pattern(32))
			if hopsOf(f) != 62 {
				t.Errorf("%d hops are left of the answer", hopsOf(f))
			}
		}
		// One flow asks several: the error is about the one that it is about.
		r.Run(hops(p.from.Echo(p.far, 42, 7, nil), 2), p.from.Echo(p.router, 42, 8, nil))
		r.Until("both", func() bool { return len(r.Entered) == 2 })
		for range 2 {
			if f := r.Take1(); frame.ICMPv4(uplinktest.L4(f)).Type() == exceeded {
				told(t, f, p.router, exceeded, 0, p.from, p.far, 42, 7)
			} else {
				checkReply(t, f, p.from, p.router, 42, 8, nil)
			}
		}
	})
}

// An error that is pending on the socket does not cost the next request.
func TestPending(t *testing.T) {
	eachPath(t, func(t *testing.T, r *rig, p endpoints) {
		for seq := range uint16(20) {
			wantEnds(t, r.Run(p.from.Echo(p.lost, 9, seq, nil), p.from.Echo(p.router, 9, seq, nil)), frame.Consumed, frame.Consumed)
		}
		replies := 0
		r.Until("all answers", func() bool {
			for ; len(r.Entered) > 0; r.Take1() {
				if m := frame.ICMPv4(uplinktest.L4(r.Entered[0].Frame)); m.Type() == replyType(p.from.Addr.Is6()) {
					replies++
				}
			}
			return replies == 20
		})
	})
}

// The router knows no way.
func TestUnreachable(t *testing.T) {
	eachPath(t, func(t *testing.T, r *rig, p endpoints) {
		typ := uint8(frame.ICMPUnreachable)
		if p.from.Addr.Is6() {
			typ = frame.ICMPv6Unreachable
		}
		r.Run(p.from.Echo(p.lost, 42, 1, pattern(32)))
		told(t, r.Await(), p.router, typ, 0, p.from, p.lost, 42, 1)
	})
}

// A request that is too long for the path: the router says so, and the host from then
// on. What may be fragmented arrives.
func TestTooBig(t *testing.T) {
	eachPath(t, func(t *testing.T, r *rig, p endpoints) {
		typ, code, gateway := uint8(frame.ICMPUnreachable), uint8(frame.ICMPCodeFragmentationNeeded), r.Net.Addr4
		if p.from.Addr.Is6() {
			typ, code, gateway = frame.ICMPv6TooBig, 0, r.Net.Addr6
		}
		wantEnds(t, r.Run(p.from.Echo(p.far, 42, 1, pattern(1440))), frame.Consumed)
		if mtu := told(t, r.Await(), p.router, typ, code, p.from, p.far, 42, 1); mtu != pathMTU {
			t.Errorf("the router says %d", mtu)
		}
		wantEnds(t, r.Run(p.from.Echo(p.far, 42, 2, pattern(1440))), frame.DropTooBig)
		if mtu := told(t, r.Await(), gateway, typ, code, p.from, p.far, 42, 2); mtu != pathMTU {
			t.Errorf("the host says %d", mtu)
		}
		for _, f := range fragments(p.from.Echo(p.far, 42, 3, pattern(1440)), 1200, 1) {
			wantEnds(t, r.Run(f), frame.Consumed)
		}
		checkReply(t, r.Await(), p.from, p.far, 42, 3, pattern(1440))
	})
}

// Whose an error is: that of the flow whose request it quotes, and of nobody where it
// quotes another's, or nothing.
func TestAccused(t *testing.T) {
	r := newRig(t, Raw)
	r.Run(alice4.Echo(loop4, 5, 1, nil))
	r.Await()
	wire := r.s.records[0].wire
	quote := func(typ uint8, id uint16) *report.Error {
		return &report.Error{Payload: []byte{typ, 0, 0, 0, byte(id >> 8), byte(id), 0, 1}}
	}
	for _, c := range []struct {
		key  uint32
		e    *report.Error
		want uint32
	}{
		{rawKey, quote(8, wire), 0}, {rawKey, quote(8, wire+stride), none}, {rawKey + 1, quote(128, wire), none},
		{rawKey, quote(0, wire), none}, {rawKey, &report.Error{}, none}, {rawKey, &report.Error{Payload: []byte{8, 0, 0}}, none},
		{0, quote(8, wire), 0}, {0, quote(8, wire+1), none},
	} {
		if got := r.s.accused(c.key, c.e); got != c.want {
			t.Errorf("key %#x, %x: flow %d, want %d", c.key, c.e.Payload, got, c.want)
		}
	}
}
