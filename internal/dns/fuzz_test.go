package dns

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/dns/dnsmessage"
)

// seeds are messages of all kinds.
func seeds(f *testing.F) [][]byte {
	many := func(m *dnsmessage.Message) {
		for range 5 {
			withA("192.0.2.1")(m)
		}
	}
	return [][]byte{
		nil, raw(1, 0, webA), raw(0, 0, ""), raw(1, 1, webA+optOf+"\x80\x00\x00\x00"), raw(1, 0, "\xc0\x0c\x00\x01\x00\x01"),
		message(f, "WEB.net1.", aaaa, edns(700, true)), message(f, "2.0.1.10.in-addr.arpa.", ptr),
		message(f, reverse6("fd01::2"), ptr), message(f, "store.", mx), message(f, ".", a, cookie),
		message(f, "example.org.", txt, many, edns(4096, false)),
		message(f, "example.org.", a, many, edns(512, true), func(m *dnsmessage.Message) { m.Response = true }),
		message(f, "example.org.", a, func(m *dnsmessage.Message) { m.Response, m.Truncated = true, true }),
		[]byte("\xbe\xef\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + webA + "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"),
	}
}

// law checks what holds for each reply that we make ourselves.
func law(t *testing.T, query, reply []byte, limit int) {
	t.Helper()
	if reply == nil {
		if len(query) >= headerSize && query[2]&0x80 == 0 {
			t.Fatalf("no reply to %x", query)
		}
		return
	}
	var m dnsmessage.Message
	if err := m.Unpack(reply); err != nil || !m.Response || len(reply) > limit || !bytes.Equal(reply[:2], query[:2]) {
		t.Fatalf("%x: reply %x (%v)", query, reply, err)
	}
	if len(m.Questions) > 0 && !strings.Contains(string(query), strings.Split(m.Questions[0].Name.String(), ".")[0]) {
		t.Fatalf("%x: another question: %v", query, m.Questions)
	}
	agree(t, m, reply)
}

// agree compares what the codec reads in a reply with what gopacket reads.
func agree(t *testing.T, m dnsmessage.Message, reply []byte) {
	t.Helper()
	var d layers.DNS
	if err := d.DecodeFromBytes(reply, gopacket.NilDecodeFeedback); err != nil {
		t.Fatalf("gopacket: %v\n%x", err, reply)
	}
	if d.ID != m.ID || d.QR != m.Response || d.TC != m.Truncated || d.RD != m.RecursionDesired || d.RA != m.RecursionAvailable ||
		uint16(d.ResponseCode) != uint16(whole(m)) || uint16(d.OpCode) != uint16(m.OpCode) || int(d.QDCount) != len(m.Questions) {
		t.Fatalf("gopacket: %+v\n%+v", d, m.Header)
	}
	var names, theirs []string
	for _, q := range m.Questions {
		names = append(names, strings.TrimSuffix(q.Name.String(), "."))
	}
	for _, q := range d.Questions {
		theirs = append(theirs, string(q.Name))
	}
	for _, r := range d.Answers {
		switch r.Type {
		case layers.DNSTypePTR:
			theirs = append(theirs, string(r.PTR)+".")
		case layers.DNSTypeA, layers.DNSTypeAAAA:
			ip, _ := netip.AddrFromSlice(r.IP)
			theirs = append(theirs, ip.String())
		}
	}
	if names = append(names, said(m)...); !slices.Equal(names, theirs) {
		t.Fatalf("we say %q, gopacket reads %q", names, theirs)
	}
}

// whole is a reply's code with the part that is in its OPT record.
func whole(m dnsmessage.Message) dnsmessage.RCode {
	if len(m.Additionals) == 0 {
		return m.RCode
	}
	return m.Additionals[0].Header.ExtendedRCode(m.RCode)
}

// limitOf is the most that a datagram's asker may be sent.
func limitOf(query []byte) int {
	var m dnsmessage.Message
	if m.Unpack(query) != nil {
		return largestUDP
	}
	limit := plainUDP
	for _, r := range m.Additionals {
		if r.Header.Type == dnsmessage.TypeOPT {
			limit = max(limit, min(int(r.Header.Class), largestUDP))
		}
	}
	return limit
}

// Arbitrary bytes to our own names.
func FuzzLocal(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, true, false)
		f.Add(b, false, true)
	}
	s := New(Config{Zone: testZone()})
	f.Fuzz(func(t *testing.T, query []byte, names, internal bool) {
		kept := bytes.Clone(query)
		v := onBoth
		v.Names, v.Internal, v.NDotsSet = names, internal, internal
		reply, ok := s.Local(v, query)
		if !bytes.Equal(kept, query) {
			t.Fatal("the query was written to")
		}
		if ok {
			law(t, query, reply, limitOf(query))
		} else if internal {
			t.Fatalf("forwarded from an internal network: %x", query)
		}
	})
}

// Arbitrary bytes to everything, with an upstream that answers.
func FuzzAnswer(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, true)
		f.Add(b, false)
	}
	d := &dialer{servers: map[string]upstream{first: always()}}
	s := behind(d, first)
	f.Fuzz(func(t *testing.T, query []byte, tcp bool) {
		limit := largestTCP
		if !tcp {
			limit = limitOf(query)
		}
		law(t, query, s.Answer(t.Context(), onBoth, query, tcp), limit)
	})
}

// Arbitrary bytes from an upstream: only a reply to the question is taken, and what
// is passed on has our identifier and fits.
func FuzzRelay(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, got []byte, tcp bool) {
		q, _, _ := parse(message(t, "eXample.org.", a), tcp)
		sent, err := q.outgoing(0xbeef)
		must(t, err)
		q.header.ID = 0xcafe
		x := exchange{sent: sent, question: sent[headerSize:]}
		if !x.answeredBy(got) {
			return
		}
		code, flags := rcodeOf(got), got[2]
		reply, cut, err := q.relay(bytes.Clone(got))
		if err != nil {
			return
		}
		var p dnsmessage.Parser
		h, err := p.Start(reply)
		if err != nil || !h.Response || h.ID != 0xcafe || h.RCode != code || len(reply) > q.limit {
			t.Fatalf("%x: reply %x", got, reply)
		}
		if question, err := p.Question(); err != nil || fold(question.Name.String()) != "example.org." {
			t.Fatalf("%x: question %v, %v", got, question, err)
		}
		if !skips(reply) {
			t.Fatalf("%x: cannot be walked over: %x", got, reply)
		}
		if !cut && (reply[2] != flags || !bytes.Equal(reply[4:headerSize], got[4:headerSize])) {
			t.Fatalf("%x: changed: %x", got, reply)
		}
	})
}

// Names of addresses: what is read is what would be written.
func FuzzArpa(f *testing.F) {
	for _, s := range []string{"4.3.2.1.in-addr.arpa", strings.TrimSuffix(reverse6("2001:db8::1"), "."), "1.in-addr.arpa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, ok := fromArpa(name)
		if !ok {
			return
		}
		want := strings.TrimSuffix(reverse6(got.String()), ".")
		if got.Is4() {
			b := got.As4()
			slices.Reverse(b[:])
			want = netip.AddrFrom4(b).String() + arpa4
		}
		if name != want {
			t.Fatalf("%q was read as %v, which is %q", name, got, want)
		}
	})
}

// A resolv.conf of any kind gives servers, of port 53.
func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nsearch a b\noptions ndots:1\n")
	f.Add("nameserver fe80::1%eth0\n;x\ndomain d")
	f.Fuzz(func(t *testing.T, text string) {
		c := ParseResolvConf(text)
		if len(c.Servers) == 0 || len(c.Servers) > strings.Count(text, "nameserver")+1 {
			t.Fatalf("%q: %v", text, c.Servers)
		}
		for _, s := range c.Servers {
			if !s.IsValid() || s.Port() != 53 {
				t.Fatalf("%q: %v", text, c.Servers)
			}
		}
	})
}

// skips reports whether the codec can walk over a whole message.
func skips(msg []byte) bool {
	var p dnsmessage.Parser
	_, err := p.Start(msg)
	return err == nil && p.SkipAllQuestions() == nil && p.SkipAllAnswers() == nil &&
		p.SkipAllAuthorities() == nil && p.SkipAllAdditionals() == nil
}

// scan finds the same messages whole as the codec, and ends where it does.
func FuzzScan(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) < headerSize {
			return
		}
		end, opt, ok := scan(msg)
		if ok != skips(msg) {
			t.Fatalf("%x: whole %v, the codec says %v", msg, ok, !ok)
		}
		if ok && (!skips(msg[:end]) || end > headerSize && skips(msg[:end-1])) {
			t.Fatalf("the codec does not end at %d of %x", end, msg)
		}
		if opt > 0 && (opt+2 > end || binary.BigEndian.Uint16(msg[opt-2:]) != 41) {
			t.Fatalf("%x: end %d, OPT %d", msg, end, opt)
		}
	})
}
