package daemon

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"vswitch/internal/api"
)

var (
	to4 = netip.MustParseAddr("10.1.0.2")
	to6 = netip.MustParseAddr("fd01::2")
)

func testPinger(t *testing.T, p api.Ping, to netip.Addr) *pinger {
	t.Helper()
	q, err := newPinger(p, to)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// quote is what an ICMP error quotes of request seq of q, with so many bytes of IP
// options, or none of IPv6.
func quote(q *pinger, seq, options int) []byte {
	header := 40
	if !q.to.Is6() {
		header = 20 + options
	}
	b := make([]byte, header+8)
	b[0] = byte(header / 4)
	binary.BigEndian.PutUint16(b[header+4:], uint16(q.id))
	binary.BigEndian.PutUint16(b[header+6:], uint16(seq))
	return b
}

// What a pinger makes of what it hears.
func TestPingerHears(t *testing.T) {
	q4, q6 := testPinger(t, api.Ping{}, to4), testPinger(t, api.Ping{}, to6)
	echo := func(id, seq int) *icmp.Echo { return &icmp.Echo{ID: id, Seq: seq} }
	for _, c := range []struct {
		what string
		q    *pinger
		m    icmp.Message
		done bool
		says string
	}{
		{"the answer", q4, icmp.Message{Type: ipv4.ICMPTypeEchoReply, Body: echo(q4.id, 3)}, true, ""},
		{"the answer, IPv6", q6, icmp.Message{Type: ipv6.ICMPTypeEchoReply, Body: echo(q6.id, 3)}, true, ""},
		{"a late answer", q4, icmp.Message{Type: ipv4.ICMPTypeEchoReply, Body: echo(q4.id, 2)}, false, ""},
		{"another's answer", q4, icmp.Message{Type: ipv4.ICMPTypeEchoReply, Body: echo(q4.id^1, 3)}, false, ""},
		{"our own request", q4, icmp.Message{Type: ipv4.ICMPTypeEcho, Body: echo(q4.id, 3)}, false, ""},
		{"our own request, IPv6", q6, icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: echo(q6.id, 3)}, false, ""},
		{"unreachable", q4, icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable, Code: 1, Body: &icmp.DstUnreach{Data: quote(q4, 3, 0)}}, true, "host unreachable"},
		{"with options", q4, icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable, Code: 0, Body: &icmp.DstUnreach{Data: quote(q4, 3, 8)}}, true, "network unreachable"},
		{"prohibited", q6, icmp.Message{Type: ipv6.ICMPTypeDestinationUnreachable, Code: 1, Body: &icmp.DstUnreach{Data: quote(q6, 3, 0)}}, true, "administratively prohibited"},
		{"a new code", q6, icmp.Message{Type: ipv6.ICMPTypeDestinationUnreachable, Code: 7, Body: &icmp.DstUnreach{Data: quote(q6, 3, 0)}}, true, "unreachable, code 7"},
		{"of another request", q4, icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable, Code: 1, Body: &icmp.DstUnreach{Data: quote(q4, 2, 0)}}, false, ""},
		{"hops", q4, icmp.Message{Type: ipv4.ICMPTypeTimeExceeded, Body: &icmp.TimeExceeded{Data: quote(q4, 3, 0)}}, true, "time exceeded"},
		{"too big", q6, icmp.Message{Type: ipv6.ICMPTypePacketTooBig, Body: &icmp.PacketTooBig{MTU: 1280, Data: quote(q6, 3, 0)}}, true, "the MTU is 1280"},
		{"quoted too little", q4, icmp.Message{Type: ipv4.ICMPTypeTimeExceeded, Body: &icmp.TimeExceeded{Data: quote(q4, 3, 0)[:27]}}, false, ""},
		{"quoted nothing", q4, icmp.Message{Type: ipv4.ICMPTypeTimeExceeded, Body: &icmp.TimeExceeded{}}, false, ""},
		{"something else", q4, icmp.Message{Type: ipv4.ICMPTypeTimestamp, Body: &icmp.RawBody{Data: make([]byte, 16)}}, false, ""},
	} {
		b, err := c.m.Marshal(nil)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		done, err := c.q.heard(b, &net.IPAddr{IP: net.IPv4(10, 1, 0, 1)}, 3)
		if done != c.done || done && c.says == "" && err != nil || done && c.says != "" && !strings.Contains(err.Error(), "10.1.0.1 says: ") {
			t.Errorf("%s: %v, %v", c.what, done, err)
		}
		if done && c.says != "" && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.what, err, c.says)
		}
	}
	for _, b := range [][]byte{nil, {0}, {8, 0, 0}, make([]byte, 7)} {
		if done, _ := q4.heard(b, nil, 3); done {
			t.Errorf("% x is an answer", b)
		}
	}
}

func FuzzPingerHears(f *testing.F) {
	q4, _ := newPinger(api.Ping{}, to4)
	q6, _ := newPinger(api.Ping{}, to6)
	m := icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable, Body: &icmp.DstUnreach{Data: quote(q4, 1, 0)}}
	seed, _ := m.Marshal(nil)
	f.Add(seed)
	f.Add([]byte{3, 0, 0, 0, 0, 0, 0, 0, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		from := &net.IPAddr{IP: net.IPv4(10, 1, 0, 1)}
		for _, q := range []*pinger{q4, q6} {
			if done, err := q.heard(b, from, 1); done && len(b) < 8 {
				t.Errorf("%x: an answer, %v", b, err)
			}
		}
	})
}

func TestPingLimits(t *testing.T) {
	for _, p := range []api.Ping{
		{Count: -1}, {Count: 101}, {Size: 7}, {Size: 65001}, {Timeout: -1}, {Timeout: 60_001}, {Interval: -1}, {Interval: 1 << 40},
	} {
		if _, err := newPinger(p, to4); api.AsError(err) == nil || api.AsError(err).Code != api.InvalidValue {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// From a container's namespace: answers, large ones, an error, and an end that does
// not wait for the time-out.
func TestPingFromInside(t *testing.T) {
	r := newRig(t, Config{})
	a, b := r.join("a", 1), r.join("b", 2)
	ping := func(ctx context.Context, p api.Ping, to netip.Addr) (out api.Pong) {
		t.Helper()
		q := testPinger(t, p, to)
		if err := a.Sandbox().NetNS().Do(q.open); err != nil {
			t.Fatal(err)
		}
		defer q.conn.Close()
		q.run(ctx, &out)
		return out
	}
	for _, c := range []struct {
		to   netip.Addr
		size int
	}{{b.V4, 0}, {b.V6, 0}, {b.V4, 20_000}, {b.V6, 20_000}, {a.V4, 8}} {
		out := ping(t.Context(), api.Ping{Count: 3, Size: c.size, Interval: 1, Timeout: 20_000}, c.to)
		if out.Sent != 3 || out.Received != 3 || len(out.Times) != 3 || out.Error != "" {
			t.Errorf("%v, %d bytes: %+v", c.to, c.size, out)
		}
	}
	if out := ping(t.Context(), api.Ping{Count: 1, Timeout: 20_000}, netip.MustParseAddr("192.0.2.1")); out.Received != 0 || out.Error == "" {
		t.Errorf("where no route leads: %+v", out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q := testPinger(t, api.Ping{Timeout: 60_000}, netip.MustParseAddr("10.77.9.9"))
	if err := a.Sandbox().NetNS().Do(q.open); err != nil {
		t.Fatal(err)
	}
	defer q.conn.Close()
	if _, err := q.once(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestRankOf(t *testing.T) {
	if !(rankOf(true, true) > rankOf(true, false) && rankOf(true, false) > rankOf(false, true) && rankOf(false, true) > rankOf(false, false)) {
		t.Error("a shared network goes before the family")
	}
}
