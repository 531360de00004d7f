package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	a    = dnsmessage.TypeA
	aaaa = dnsmessage.TypeAAAA
	ptr  = dnsmessage.TypePTR
	mx   = dnsmessage.TypeMX
	txt  = dnsmessage.TypeTXT
)

// forwarding stands for what the zone leaves to others.
const forwarding = "forwarded"

// outcome says what Local made of a query: its answers sorted, or how it ended.
func outcome(t *testing.T, s *Server, v View, query []byte) string {
	t.Helper()
	reply, ok := s.Local(v, query)
	if !ok {
		return forwarding
	}
	m := unpack(t, reply)
	if m.RCode != dnsmessage.RCodeSuccess {
		return m.RCode.String()
	}
	list := said(m)
	slices.Sort(list)
	return strings.Join(list, " ")
}

// What Docker's server answers, by whose question it is.
func TestNames(t *testing.T) {
	on1, on3 := onBoth, onBoth
	on1.Networks, on3.Networks = []string{"n1"}, []string{"n3", "gone"}
	turned := onBoth
	turned.Networks = []string{"n2", "n1"}
	ndots, internal, bridge := onBoth, onBoth, onBoth
	ndots.NDotsSet, internal.Internal, bridge.Names = true, true, false
	both := ndots
	both.Internal = true
	const servfail = "RCodeServerFailure"
	for _, c := range []struct {
		name string
		typ  dnsmessage.Type
		view View
		want string
	}{
		// Names of all kinds, in any case.
		{"web.", a, onBoth, "10.1.0.2"},
		{"WEB.", a, onBoth, "10.1.0.2"},
		{"www.", a, onBoth, "10.1.0.2"},
		{"0123456789ab.", a, onBoth, "10.1.0.2"},
		{"host1.", aaaa, onBoth, "fd01::2"},
		{"a.b.", a, onBoth, "10.1.0.5"},
		// An alias of two has the addresses of both.
		{"store.", a, onBoth, "10.1.0.3 10.1.0.5"},
		{"Store.NET1.", a, onBoth, "10.1.0.3 10.1.0.5"},
		// The first of the asker's networks answers.
		{"web.", a, turned, "10.2.0.2"},
		{"web.", aaaa, turned, "fd01::2"},
		{"only2.", a, onBoth, "10.2.0.2"},
		{"six.", a, onBoth, "10.2.0.3"},
		{"six.", aaaa, onBoth, "fd01::4"},
		// The network's name behind the container's.
		{"web.net1.", a, onBoth, "10.1.0.2"},
		{"a.b.net1.", a, onBoth, "10.1.0.5"},
		{"only2.lan.net1.", a, onBoth, "10.2.0.2"},
		// "web.lan" on net1 comes before "web" on lan.net1.
		{"web.lan.net1.", a, onBoth, "10.1.0.6"},
		{"web.lan.net1.", aaaa, onBoth, ""},
		{"web.lan.net1.", a, View{Networks: []string{"n2"}, Names: true}, "10.2.0.2"},
		{"only2.net1.", a, onBoth, forwarding},
		{"net1.", a, onBoth, forwarding},
		{"xnet1.", a, onBoth, forwarding},
		// Other networks do not exist.
		{"hidden.", a, onBoth, forwarding},
		{"hidden.secret.", a, onBoth, forwarding},
		{"web.secret.", a, onBoth, forwarding},
		{"hidden.SECRET.", a, on3, "10.3.0.2"},
		{"only2.", a, on1, forwarding},
		// A known name without an address of the family.
		{"db.", aaaa, onBoth, ""},
		{"six.", a, on1, ""},
		{"six.net1.", a, onBoth, ""},
		// Mail.
		{"web.", mx, onBoth, ""},
		{"six.net1.", mx, on1, ""},
		{"example.org.", mx, onBoth, forwarding},
		// Other types, also of known names.
		{"web.", txt, onBoth, forwarding},
		{"web.", dnsmessage.TypeHTTPS, onBoth, forwarding},
		{"web.", dnsmessage.TypeALL, onBoth, forwarding},
		{".", dnsmessage.TypeNS, onBoth, forwarding},
		{".", a, onBoth, forwarding},
		// Addresses.
		{"2.0.1.10.in-addr.arpa.", ptr, onBoth, "web.net1."},
		{"2.0.2.10.IN-ADDR.arpa.", ptr, onBoth, "web.lan.net1."},
		{"2.0.3.10.in-addr.arpa.", ptr, onBoth, forwarding},
		{"2.0.3.10.in-addr.arpa.", ptr, on3, "hidden.Secret."},
		{"99.0.1.10.in-addr.arpa.", ptr, onBoth, forwarding},
		{"1.10.in-addr.arpa.", ptr, onBoth, forwarding},
		{reverse6("fd01::2"), ptr, onBoth, "web.net1."},
		{strings.ToUpper(reverse6("fd01::2")), ptr, onBoth, "web.net1."},
		{reverse6("fd01::3"), ptr, onBoth, forwarding},
		{"web.", ptr, onBoth, forwarding},
		// An ndots of the asker's own: one label only, addresses only.
		{"nobody.", a, ndots, ""},
		{"nobody.", aaaa, ndots, ""},
		{"nobody.", txt, ndots, forwarding},
		{"nobody.org.", a, ndots, forwarding},
		{".", a, ndots, forwarding},
		{"web.", a, ndots, "10.1.0.2"},
		// Internal networks only.
		{"web.", a, internal, "10.1.0.2"},
		{"db.", aaaa, internal, ""},
		{"example.org.", a, internal, servfail},
		{"web.", txt, internal, servfail},
		{"99.0.1.10.in-addr.arpa.", ptr, internal, servfail},
		{"nobody.", a, both, ""},
		// The default bridge.
		{"web.", a, bridge, forwarding},
		{"2.0.1.10.in-addr.arpa.", ptr, bridge, forwarding},
		{"web.", mx, bridge, forwarding},
	} {
		s := New(Config{Zone: testZone()})
		if got := outcome(t, s, c.view, message(t, c.name, c.typ)); got != c.want {
			t.Errorf("%s %v for %v: %q, want %q", c.name, c.typ, c.view.Networks, got, c.want)
		}
	}
}

// reverse6 is the name of an IPv6 address, made with the digits of its long form.
func reverse6(addr string) string {
	digits := []byte(strings.ReplaceAll(netip.MustParseAddr(addr).StringExpanded(), ":", ""))
	slices.Reverse(digits)
	var b strings.Builder
	for _, d := range digits {
		b.WriteByte(d)
		b.WriteByte('.')
	}
	return b.String() + "ip6.arpa."
}

// A reply repeats what has to be repeated.
func TestReplyHeader(t *testing.T) {
	s := New(Config{Zone: testZone()})
	query := message(t, "wEb.", a, edns(4096, true), func(m *dnsmessage.Message) { m.CheckingDisabled = true })
	reply, ok := s.Local(onBoth, query)
	m := unpack(t, reply)
	want := dnsmessage.Header{
		ID: 0xbeef, Response: true, RecursionDesired: true, RecursionAvailable: true, CheckingDisabled: true,
	}
	if !ok || m.Header != want {
		t.Errorf("header %+v, want %+v", m.Header, want)
	}
	if len(m.Questions) != 1 || m.Questions[0].Name.String() != "wEb." {
		t.Errorf("questions %v", m.Questions)
	}
	if h := m.Answers[0].Header; h.Name.String() != "wEb." || h.TTL != 600 || h.Class != dnsmessage.ClassINET {
		t.Errorf("answer %v", h.GoString())
	}
	opt := m.Additionals[0].Header
	if len(m.Additionals) != 1 || opt.Type != dnsmessage.TypeOPT || opt.Class != largestUDP || !opt.DNSSECAllowed() {
		t.Errorf("additionals %v", m.Additionals)
	}
	reply, _ = s.Local(onBoth, message(t, "web.", a, func(m *dnsmessage.Message) { m.RecursionDesired = false }))
	if m := unpack(t, reply); m.RecursionDesired || len(m.Additionals) != 0 {
		t.Errorf("without RD and OPT: %+v", m)
	}
}

// crowd is a zone where n endpoints share a name.
func crowd(n int) *Zone {
	z := NewZone()
	for i := range n {
		four := netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)})
		six := netip.AddrFrom16([16]byte{0: 0xfd, 14: byte(i >> 8), 15: byte(i)})
		z.Set(Record{"n1", "net1", fmt.Sprint(i), []string{fmt.Sprint("c", i), "all"}, []netip.Addr{four, six}})
	}
	return z
}

// What does not fit is left out and said to be; what is there is used.
func TestTruncation(t *testing.T) {
	s := New(Config{Zone: crowd(1000)})
	for _, c := range []struct {
		typ         dnsmessage.Type
		tcp         bool
		edit        []func(*dnsmessage.Message)
		limit, each int
		truncated   bool
	}{
		{a, false, nil, 512, 16, true},
		{aaaa, false, nil, 512, 28, true},
		{a, false, []func(*dnsmessage.Message){edns(100, false)}, 512, 16, true},
		{a, false, []func(*dnsmessage.Message){edns(700, false)}, 700, 16, true},
		{aaaa, false, []func(*dnsmessage.Message){edns(65535, false)}, 1232, 28, true},
		{a, true, nil, 65535, 16, false},
		{aaaa, true, []func(*dnsmessage.Message){edns(512, false)}, 65535, 28, false},
	} {
		reply := s.Answer(t.Context(), onBoth, message(t, "aLl.net1.", c.typ, c.edit...), c.tcp)
		m := unpack(t, reply)
		if len(reply) > c.limit || m.Truncated != c.truncated {
			t.Errorf("%v tcp %v: %d bytes, TC %v", c.typ, c.tcp, len(reply), m.Truncated)
		}
		if !c.truncated && len(m.Answers) != 1000 {
			t.Errorf("%v tcp %v: %d answers", c.typ, c.tcp, len(m.Answers))
		}
		if c.truncated && len(reply)+c.each <= c.limit {
			t.Errorf("%v: %d of %d bytes used, there was room for more", c.typ, len(reply), c.limit)
		}
	}
	if st := s.Stats(); st.Truncated != 5 || st.Answered != 7 {
		t.Errorf("%+v", st)
	}
}

// More than a message can count or hold is cut over TCP as well.
func TestTruncationOverTCP(t *testing.T) {
	s := New(Config{Zone: crowd(5000)})
	reply := s.Answer(t.Context(), onBoth, message(t, "all.", a), true)
	if m := unpack(t, reply); !m.Truncated || len(m.Answers) < 4000 {
		t.Errorf("TC %v, %d answers", m.Truncated, len(m.Answers))
	}
}

// Over many questions every address of a name comes first sometimes.
func TestShuffle(t *testing.T) {
	next := uint64(0)
	s := New(Config{Zone: crowd(4), Rand: func() uint64 { next += 0x9e3779b97f4a7c15; return next }})
	seen := map[string]bool{}
	for range 200 {
		reply, _ := s.Local(onBoth, message(t, "all.", a))
		list := said(unpack(t, reply))
		seen[list[0]] = true
		if len(list) != 4 {
			t.Fatalf("answers %v", list)
		}
	}
	if len(seen) != 4 {
		t.Errorf("first were only %v", seen)
	}
}

// A name that no message can hold is not made up.
func TestUnspeakableNames(t *testing.T) {
	z := NewZone()
	z.Set(Record{"n1", strings.Repeat("n", 64), "e1", []string{"web"}, addrs("10.0.0.1")})
	z.Set(Record{"n1", strings.Repeat("n.", 126) + "n", "e2", []string{"long"}, addrs("10.0.0.2")})
	z.Set(Record{"n4", "net4", "e3", nil, addrs("10.0.0.3")})
	s := New(Config{Zone: z})
	v := View{Networks: []string{"n1", "n4"}, Names: true}
	for name, want := range map[string]string{
		"1.0.0.10.in-addr.arpa.": "", "2.0.0.10.in-addr.arpa.": "", "3.0.0.10.in-addr.arpa.": forwarding,
	} {
		if got := outcome(t, s, v, message(t, name, ptr)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func BenchmarkLocal(b *testing.B) {
	s := New(Config{Zone: crowd(1000)})
	query := message(b, "c500.", a, edns(1232, false))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Local(onBoth, query); !ok {
			b.Fatal("not known")
		}
	}
}
