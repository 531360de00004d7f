package bench

import (
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

var clientMAC = net.HardwareAddr{2, 0x42, 1, 2, 3, 4}

// What this client says is what a library's reads.
func TestDHCPQuestions(t *testing.T) {
	addr, server := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.1.0.1")
	for _, q := range []dhcpQuestion{
		{kind: dhcpDiscover, xid: 7, mac: clientMAC},
		{kind: dhcpRequest, xid: 1 << 31, mac: clientMAC, addr: addr, server: server},
	} {
		b := q.message()
		m, err := dhcpv4.FromBytes(b)
		if err != nil || len(b) < dhcpLeast {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		if byte(m.MessageType()) != q.kind || m.ClientHWAddr.String() != clientMAC.String() || !m.IsBroadcast() || m.OpCode != dhcpv4.OpcodeBootRequest {
			t.Errorf("%s", m.Summary())
		}
		if a, _ := netip.AddrFromSlice(m.RequestedIPAddress().To4()); a != q.addr {
			t.Errorf("asks for %v, want %v", a, q.addr)
		}
		if s, _ := netip.AddrFromSlice(m.ServerIdentifier().To4()); s != q.server {
			t.Errorf("of %v, want %v", s, q.server)
		}
		if _, ok := parseDHCP(b); ok {
			t.Error("a client's message is taken for a server's")
		}
	}
}

// answer is a server's message, made by the library.
func answer(t testing.TB, kind dhcpv4.MessageType) []byte {
	t.Helper()
	m, err := dhcpv4.New(
		dhcpv4.WithReply(must(t)(dhcpv4.NewDiscovery(clientMAC, dhcpv4.WithTransactionID(dhcpv4.TransactionID{1, 2, 3, 4})))),
		dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.IPv4(10, 1, 2, 3)), dhcpv4.WithServerIP(net.IPv4(9, 9, 9, 9)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 1, 0, 1))), dhcpv4.WithLeaseTime(60),
	)
	if err != nil {
		t.Fatal(err)
	}
	return m.ToBytes()
}

func must(t testing.TB) func(*dhcpv4.DHCPv4, error) *dhcpv4.DHCPv4 {
	return func(m *dhcpv4.DHCPv4, err error) *dhcpv4.DHCPv4 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
}

func TestParseDHCP(t *testing.T) {
	good := answer(t, dhcpv4.MessageTypeOffer)
	want := dhcpAnswer{dhcpOfferKind, 0x01020304, netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.1.0.1")}
	if got, ok := parseDHCP(good); !ok || got != want {
		t.Errorf("%+v, %v, want %+v", got, ok, want)
	}
	fixed := good[:dhcpFixed:dhcpFixed]
	for name, tt := range map[string]struct {
		b  []byte
		ok bool
	}{
		"padding first":       {append(fixed, 0, 0, dhcpOptionType, 1, 5), true},
		"after the end":       {append(fixed, dhcpOptionEnd, dhcpOptionType, 1, 5), false},
		"no type":             {fixed, false},
		"a type of two bytes": {append(fixed, dhcpOptionType, 2, 5, 5), false},
		"an option cut off":   {append(fixed, dhcpOptionType, 1, 5, dhcpOptionServer, 4, 1), false},
		"a code alone":        {append(fixed, dhcpOptionType, 1, 5, 1), false},
		"too short":           {good[:dhcpFixed-1], false},
	} {
		if got, ok := parseDHCP(tt.b); ok != tt.ok {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

// What the library takes for an answer with a type is read alike here.
func FuzzParseDHCP(f *testing.F) {
	f.Add(answer(f, dhcpv4.MessageTypeAck))
	f.Add(answer(f, dhcpv4.MessageTypeNak))
	f.Add(dhcpQuestion{kind: dhcpDiscover, mac: clientMAC}.message())
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := parseDHCP(b)
		m, err := dhcpv4.FromBytes(b)
		if !ok || err != nil || m.Options.Get(dhcpv4.OptionOptionOverload) != nil {
			return
		}
		if byte(m.YourIPAddr.To4()[0]) != got.addr.As4()[0] || m.TransactionID[0] != byte(got.xid>>24) {
			t.Errorf("%+v, the library has %s", got, m.Summary())
		}
		// The library joins options that stand twice (RFC 3396); a server's do not.
		if v := m.Options.Get(dhcpv4.OptionDHCPMessageType); len(v) == 1 && v[0] != got.kind {
			t.Errorf("type %d, the library has %d", got.kind, v[0])
		}
	})
}
