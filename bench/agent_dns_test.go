package bench

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers each query on the loopback with an address; of those it is
// told to it loses the first few and answers them with a wrong number before.
func nameServer(t *testing.T, addr netip.Addr, lose int) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		for buf, n := make([]byte, 512), 0; ; n++ {
			size, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if n >= warmupAsks && n < warmupAsks+lose {
				continue
			}
			b := reply(t, buf[:size], addr)
			b[0] ^= 0x80
			c.WriteToUDPAddrPort(b, from)
			b[0] ^= 0x80
			c.WriteToUDPAddrPort(b, from)
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// reply answers a query for an A record; with an invalid address it has none.
func reply(t testing.TB, query []byte, addr netip.Addr) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		t.Error(err)
		return make([]byte, 12)
	}
	m.Response = true
	if addr.IsValid() {
		h := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
		m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: addr.As4()}}}
	} else {
		m.RCode = dnsmessage.RCodeNameError
	}
	b, err := m.Pack()
	if err != nil {
		t.Error(err)
	}
	return b
}

func TestAgentLooksNamesUp(t *testing.T) {
	env, addr := testEnv(), netip.MustParseAddr("10.1.2.3")
	ask := func(server netip.AddrPort, want netip.Addr) (r PingReport, err error) {
		err = env.once(context.Background(), loopback("a"), &r, "dns", "-to", server.String(),
			"-name", "web", "-want", want.String(), "-count", "50")
		return r, err
	}
	r, err := ask(nameServer(t, addr, 2), addr)
	if err != nil || r.Answered != 48 || r.Lost != 2 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
		t.Errorf("%+v, %v", r, err)
	}
	for what, server := range map[string]netip.AddrPort{
		"not the address 10.1.2.4": nameServer(t, addr, 0),
		"RCodeNameError":           nameServer(t, netip.Addr{}, 0),
	} {
		if r, err := ask(server, addr.Next()); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

func TestAgentsRefuseUsage(t *testing.T) {
	env := testEnv()
	for _, args := range [][]string{
		{"dns", "-to", "127.0.0.1:53"}, {"dns", "-to", "127.0.0.1:53", "-name", "web", "-want", "x"},
		{"dns", "-to", "127.0.0.1:53", "-name", strings.Repeat("x", 300), "-want", "10.0.0.1"}, {"sysctl", "-name", "x"}, {"dhcp", "-count", "x"},
	} {
		if err := env.once(context.Background(), loopback("a"), nil, args...); err == nil || !strings.Contains(err.Error(), "wrong usage") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if err := env.once(context.Background(), loopback("a"), nil, "dhcp", "-link", "no-such-link"); err == nil {
		t.Error("an interface that there is not is asked on")
	}
}

func FuzzCheckAnswer(f *testing.F) {
	query, err := dnsQuery("web")
	if err != nil {
		f.Fatal(err)
	}
	want := netip.MustParseAddr("10.1.2.3")
	f.Add(reply(f, query, want))
	f.Add(reply(f, query, netip.Addr{}))
	f.Add(query)
	f.Fuzz(func(t *testing.T, b []byte) {
		if checkAnswer(b, want) != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(b); err != nil && len(m.Answers) == 0 {
			t.Errorf("%x is taken for an answer: %v", b, err)
		}
	})
}
