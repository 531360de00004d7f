package dns

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Whom a query goes to, one after the other, and what comes of it.
func TestUpstreamOrder(t *testing.T) {
	fine := always(withA("192.0.2.99"))
	servfail, refusing := always(withCode(dnsmessage.RCodeServerFailure)), always(withCode(dnsmessage.RCodeRefused))
	nx := always(withCode(dnsmessage.RCodeNameError))
	bare := func(_ string, q dnsmessage.Message) [][]byte { // an error without the question
		return [][]byte{respond(q, withCode(dnsmessage.RCodeFormatError), func(m *dnsmessage.Message) { m.Questions = nil })}
	}
	cut := func(_ string, q dnsmessage.Message) [][]byte {
		whole := respond(q, withA("192.0.2.99"))
		return [][]byte{whole[:len(whole)-1]}
	}
	for what, c := range map[string]struct {
		servers []upstream // of first, second, ...; nil refuses
		asked   int
		want    dnsmessage.RCode
		stats   Stats
	}{
		"the first":            {[]upstream{fine, fine}, 1, 0, Stats{Forwarded: 1}},
		"after SERVFAIL":       {[]upstream{servfail, fine}, 2, 0, Stats{Forwarded: 1, UpstreamFailures: 1}},
		"after REFUSED":        {[]upstream{refusing, fine}, 2, 0, Stats{Forwarded: 1, UpstreamFailures: 1}},
		"NXDOMAIN is a reply":  {[]upstream{nx, fine}, 1, dnsmessage.RCodeNameError, Stats{Forwarded: 1}},
		"after nobody":         {[]upstream{nil, fine}, 2, 0, Stats{Forwarded: 1, UpstreamErrors: 1}},
		"after a bare error":   {[]upstream{bare, fine}, 2, 0, Stats{Forwarded: 1, UpstreamErrors: 1}},
		"after half a message": {[]upstream{cut, fine}, 2, 0, Stats{Forwarded: 1, UpstreamErrors: 1}},
		"after silence":        {[]upstream{silent, fine}, 2, 0, Stats{Forwarded: 1, UpstreamTimeouts: 1}},
		"the third":            {[]upstream{silent, servfail, fine}, 3, 0, Stats{Forwarded: 1, UpstreamTimeouts: 1, UpstreamFailures: 1}},
		"not the fourth": {[]upstream{silent, nil, refusing, fine}, 3, dnsmessage.RCodeServerFailure,
			Stats{Failed: 1, UpstreamTimeouts: 1, UpstreamErrors: 1, UpstreamFailures: 1}},
		"nobody": {nil, 0, dnsmessage.RCodeServerFailure, Stats{Failed: 1}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := []string{first, second, third, fourth}[:len(c.servers)]
				d := &dialer{servers: map[string]upstream{}}
				for i, u := range c.servers {
					d.servers[all[i]] = u
				}
				s := behind(d, all...)
				start := time.Now()
				reply := unpack(t, s.Answer(t.Context(), onBoth, message(t, "example.org.", a), false))
				if len(d.asked) != c.asked || reply.RCode != c.want || reply.ID != 0xbeef {
					t.Errorf("asked %v, reply %+v", d.asked, reply)
				}
				c.stats.Queries = 1
				if s.Stats() != c.stats {
					t.Errorf("counted %+v, want %+v", s.Stats(), c.stats)
				}
				// The bubble's clock moves by waiting only.
				if waited := time.Since(start); waited != time.Duration(c.stats.UpstreamTimeouts)*4*time.Second {
					t.Errorf("waited %v", waited)
				}
			})
		})
	}
}

// Datagrams that are not the reply change nothing, however many and however near.
func TestFalseReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		question := func(edit func(*dnsmessage.Question)) func(*dnsmessage.Message) {
			return func(m *dnsmessage.Message) {
				m.Questions = slices.Clone(m.Questions)
				edit(&m.Questions[0])
			}
		}
		d := &dialer{servers: map[string]upstream{first: func(_ string, q dnsmessage.Message) [][]byte {
			evil := withA("203.0.113.66")
			return [][]byte{
				{}, {1, 2, 3},
				respond(q, evil, func(m *dnsmessage.Message) { m.ID++ }),
				respond(q, evil, func(m *dnsmessage.Message) { m.Response = false }),
				respond(q, evil, question(func(q *dnsmessage.Question) { q.Name = dnsmessage.MustNewName("example.com.") })),
				respond(q, evil, question(func(q *dnsmessage.Question) { q.Type = aaaa })),
				respond(q, evil, question(func(q *dnsmessage.Question) { q.Class = 3 })),
				respond(q, func(m *dnsmessage.Message) { m.Questions = nil }),
				// The right one, by a server that folds the name.
				respond(q, withA("192.0.2.99"), question(func(q *dnsmessage.Question) { q.Name = dnsmessage.MustNewName("example.org.") })),
				respond(q, evil),
			}
		}}}
		s := behind(d, first)
		got := said(unpack(t, s.Answer(t.Context(), onBoth, message(t, "eXample.oRg.", a), false)))
		if !slices.Equal(got, []string{"192.0.2.99"}) {
			t.Errorf("answers %v", got)
		}
		if st := s.Stats(); st.Mismatched != 8 {
			t.Errorf("%+v", st)
		}
	})
}

// What a server is told: the question as it was spelt, the flags that concern it,
// an identifier of our own, and no options.
func TestOutgoing(t *testing.T) {
	for what, c := range map[string]struct {
		tcp    bool
		edit   func(*dnsmessage.Message)
		header dnsmessage.Header
		size   int // of OPT; 0: none
		do     bool
	}{
		"plain":   {false, func(m *dnsmessage.Message) {}, dnsmessage.Header{RecursionDesired: true}, 0, false},
		"no RD":   {false, func(m *dnsmessage.Message) { m.RecursionDesired = false }, dnsmessage.Header{}, 0, false},
		"flags":   {false, func(m *dnsmessage.Message) { m.AuthenticData, m.CheckingDisabled = true, true }, dnsmessage.Header{RecursionDesired: true, AuthenticData: true, CheckingDisabled: true}, 0, false},
		"small":   {false, edns(800, false), dnsmessage.Header{RecursionDesired: true}, 800, false},
		"large":   {false, edns(4096, true), dnsmessage.Header{RecursionDesired: true}, 1232, true},
		"TCP":     {true, edns(512, true), dnsmessage.Header{RecursionDesired: true}, 1232, true},
		"options": {false, cookie, dnsmessage.Header{RecursionDesired: true}, 1232, false},
	} {
		d := &dialer{servers: map[string]upstream{first: always()}}
		s := behind(d, first)
		s.cfg.Rand = func() uint64 { return 0x1234 }
		reply := unpack(t, s.Answer(t.Context(), onBoth, message(t, "eXample.oRg.", txt, c.edit), c.tcp))
		got := d.got[0]
		c.header.ID = 0x1234
		if got.Header != c.header || got.Questions[0].Name.String() != "eXample.oRg." || reply.ID != 0xbeef {
			t.Errorf("%s: sent %+v, reply %+v", what, got, reply.Header)
		}
		if c.size == 0 != (len(got.Additionals) == 0) {
			t.Errorf("%s: additionals %v", what, got.Additionals)
		}
		for _, r := range got.Additionals {
			if int(r.Header.Class) != c.size || r.Header.DNSSECAllowed() != c.do || r.Header.Length != 0 {
				t.Errorf("%s: OPT %v", what, r.GoString())
			}
		}
	}
}

// cookie adds an OPT record with an option.
func cookie(m *dnsmessage.Message) {
	edns(1232, false)(m)
	m.Additionals[0].Body = &dnsmessage.OPTResource{Options: []dnsmessage.Option{{Code: 10, Data: make([]byte, 8)}}}
}

// A reply that does not fit a datagram: who came by TCP gets it whole, others are
// told to.
func TestForwardTruncated(t *testing.T) {
	many := func(m *dnsmessage.Message) {
		for range 100 {
			withA("192.0.2.99")(m)
		}
	}
	d := &dialer{servers: map[string]upstream{first: func(network string, q dnsmessage.Message) [][]byte {
		if network == "tcp" {
			return [][]byte{respond(q, many)}
		}
		return [][]byte{respond(q, func(m *dnsmessage.Message) { m.Truncated = true })}
	}}}
	s := behind(d, first)
	query := message(t, "example.org.", a)
	if m := unpack(t, s.Answer(t.Context(), onBoth, query, false)); !m.Truncated || len(m.Answers) != 0 {
		t.Errorf("by UDP: %+v", m)
	}
	if m := unpack(t, s.Answer(t.Context(), onBoth, query, true)); m.Truncated || len(m.Answers) != 100 || m.ID != 0xbeef {
		t.Errorf("by TCP: %+v", m)
	}
	want := []string{"udp " + first, "udp " + first, "tcp " + first}
	if !slices.Equal(d.asked, want) {
		t.Errorf("asked %v, want %v", d.asked, want)
	}
}

// A server that sends more than the asker takes, or more than we do.
func TestForwardTooLong(t *testing.T) {
	for _, n := range []int{40, 300} {
		d := &dialer{servers: map[string]upstream{first: func(_ string, q dnsmessage.Message) [][]byte {
			return [][]byte{respond(q, func(m *dnsmessage.Message) {
				for range n {
					withA("192.0.2.99")(m)
				}
			})}
		}}}
		s := behind(d, first)
		reply := s.Answer(t.Context(), onBoth, message(t, "example.org.", a), false)
		if m := unpack(t, reply); len(reply) > 512 || !m.Truncated || s.Stats().Truncated != 1 {
			t.Errorf("%d answers: %d bytes, %+v", n, len(reply), m.Header)
		}
	}
}

// A reply is passed on byte by byte but for identifier and the size in OPT.
func TestRelayIsVerbatim(t *testing.T) {
	var sent []byte
	d := &dialer{servers: map[string]upstream{first: func(_ string, q dnsmessage.Message) [][]byte {
		sent = respond(q, withA("192.0.2.99"), edns(4096, true), func(m *dnsmessage.Message) {
			m.Authoritative, m.AuthenticData = true, true
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.UnknownResource{Type: 65280, Data: []byte("\xc0\x0cdata.")},
			})
		})
		return [][]byte{append(bytes.Clone(sent), "behind"...)}
	}}}
	s := behind(d, first)
	got := s.Answer(t.Context(), onBoth, message(t, "example.org.", a, edns(1232, true)), false)
	want := bytes.Clone(sent)
	copy(want, "\xbe\xef")
	copy(want[len(want)-8:], "\x04\xd0")
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
}

// Whose servers are asked, and by what way.
func TestWhoseUpstreams(t *testing.T) {
	answer := always(withA("192.0.2.99"))
	all := map[string]upstream{first: answer, second: answer, "127.0.0.11:53": answer, "10.1.0.1:53": answer}
	own := func(list ...string) View {
		v := onBoth
		for _, a := range list {
			v.Upstreams = append(v.Upstreams, netip.MustParseAddrPort(a))
		}
		return v
	}
	host, inside := &dialer{servers: all}, &dialer{servers: all}
	within := func(v View, internal bool) View {
		v.Dial, v.Internal = inside.dial, internal
		return v
	}
	internal := own(second)
	internal.Internal = true
	for what, c := range map[string]struct {
		view         View
		servers      []string
		host, inside []string
		want         dnsmessage.RCode
	}{
		"the host's":                 {own(), []string{first}, []string{"udp " + first}, nil, 0},
		"its own":                    {own(second), []string{first}, []string{"udp " + second}, nil, 0},
		"its own from inside":        {within(own(second), false), []string{first}, nil, []string{"udp " + second}, 0},
		"the host's not inside":      {within(own(), false), []string{first}, []string{"udp " + first}, nil, 0},
		"internal":                   {internal, []string{first}, nil, nil, dnsmessage.RCodeServerFailure},
		"internal, from inside":      {within(own(second), true), []string{first}, nil, []string{"udp " + second}, 0},
		"internal, not the host's":   {within(own(), true), []string{first}, nil, nil, dnsmessage.RCodeServerFailure},
		"itself":                     {own("127.0.0.11:53"), []string{first}, nil, nil, dnsmessage.RCodeServerFailure},
		"itself and another":         {own("127.0.0.11:53", second), nil, []string{"udp " + second}, nil, 0},
		"a gateway":                  {own("[::ffff:10.1.0.1]:53", second), nil, []string{"udp " + second}, nil, 0},
		"the host's is a gateway":    {own(), []string{"10.1.0.1:53", first}, []string{"udp " + first}, nil, 0},
		"the host is in a container": {own(), []string{"127.0.0.11:53"}, []string{"udp 127.0.0.11:53"}, nil, 0},
	} {
		host.asked, inside.asked = nil, nil
		s := behind(host, c.servers...)
		s.cfg.Own = func(a netip.Addr) bool { return a == netip.MustParseAddr("10.1.0.1") }
		reply := unpack(t, s.Answer(t.Context(), c.view, message(t, "example.org.", a), false))
		if !slices.Equal(host.asked, c.host) || !slices.Equal(inside.asked, c.inside) || reply.RCode != c.want {
			t.Errorf("%s: asked %v and inside %v, %v", what, host.asked, inside.asked, reply.RCode)
		}
	}
}

// When the asker's time ends, the query does.
func TestForwardEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{servers: map[string]upstream{first: silent, second: silent}}
		s := behind(d, first, second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		reply := unpack(t, s.Answer(ctx, onBoth, message(t, "example.org.", a), false))
		if reply.RCode != dnsmessage.RCodeServerFailure || len(d.asked) != 1 || time.Since(start) != time.Second {
			t.Errorf("%v after %v, asked %v", reply.RCode, time.Since(start), d.asked)
		}
		if st := s.Stats(); st != (Stats{Queries: 1, Failed: 1}) {
			t.Errorf("a server was blamed: %+v", st)
		}
	})
}

// A server that is good over UDP only is followed by the next.
func TestTCPFails(t *testing.T) {
	for what, overTCP := range map[string]func(q dnsmessage.Message) []byte{
		"another identifier": func(q dnsmessage.Message) []byte {
			return respond(q, func(m *dnsmessage.Message) { m.ID++ })
		},
		"an empty message": func(dnsmessage.Message) []byte { return nil },
	} {
		d := &dialer{servers: map[string]upstream{
			first: func(network string, q dnsmessage.Message) [][]byte {
				if network == "tcp" {
					return [][]byte{overTCP(q)}
				}
				return [][]byte{respond(q, func(m *dnsmessage.Message) { m.Truncated = true })}
			},
			second: always(withA("192.0.2.99")),
		}}
		s := behind(d, first, second)
		got := said(unpack(t, s.Answer(t.Context(), onBoth, message(t, "example.org.", a), true)))
		if !slices.Equal(got, []string{"192.0.2.99"}) || s.Stats().UpstreamErrors != 1 {
			t.Errorf("%s: %v, %+v", what, got, s.Stats())
		}
	}
}

// What users ask for is told at debug level only.
func TestLogIsQuiet(t *testing.T) {
	for level, want := range map[slog.Level]bool{slog.LevelDebug: true, slog.LevelInfo: false} {
		var log bytes.Buffer
		s := behind(&dialer{servers: map[string]upstream{second: always()}}, first, second)
		s.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		s.Answer(t.Context(), onBoth, message(t, "private.example.", a), false)
		s.Answer(t.Context(), onBoth, message(t, "web.", a), false)
		if got := strings.Count(log.String(), "private.example"); got != 0 != want || !want && log.Len() > 0 {
			t.Errorf("%v: %s", level, log.String())
		}
	}
}

// Real sockets: nobody at the port is known at once, a reply from another address
// is not one, and what is too long comes over TCP.
func TestRealUpstreams(t *testing.T) {
	closed := listenPacket(t)
	gone := closed.LocalAddr().(*net.UDPAddr).AddrPort()
	closed.Close()
	real := startUpstream(t)
	s := New(Config{
		Zone: testZone(), Timeout: patience,
		Upstreams: func() []netip.AddrPort { return []netip.AddrPort{gone, real} },
	})
	for _, tcp := range []bool{false, true} {
		got := said(unpack(t, s.Answer(t.Context(), onBoth, message(t, "example.org.", a), tcp)))
		want := []string{"192.0.2.1"}
		if tcp {
			want = []string{"192.0.2.2"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("tcp %v: %v, want %v", tcp, got, want)
		}
	}
	if st := s.Stats(); st.UpstreamErrors != 2 || st.UpstreamTimeouts != 0 || st.Forwarded != 2 || st.Mismatched != 0 {
		t.Errorf("%+v", st)
	}
}

func listenPacket(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// startUpstream runs a server on real sockets. Before each reply by UDP, another
// socket sends a false one with the right identifier. By UDP it says 192.0.2.1, with
// TC; by TCP 192.0.2.2.
func startUpstream(t *testing.T) netip.AddrPort {
	t.Helper()
	c, liar := listenPacket(t), listenPacket(t)
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	l, err := net.Listen("tcp4", at.String())
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if q.Unpack(buf[:n]) == nil {
				_, _ = liar.WriteTo(respond(q, withA("203.0.113.66")), from)
				_, _ = c.WriteTo(respond(q, withA("192.0.2.1"), func(m *dnsmessage.Message) { m.Truncated = true }), from)
			}
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if b, err := readFramed(c, largestTCP); err == nil && q.Unpack(b) == nil {
				_ = writeFramed(c, respond(q, withA("192.0.2.2")))
			}
			c.Close()
		}
	}()
	return at
}
