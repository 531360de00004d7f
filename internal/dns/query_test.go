package dns

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// raw is a query by hand: counts of questions and additional records, then bytes.
func raw(questions, additionals uint16, rest string) []byte {
	b := []byte{0xbe, 0xef, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(b[4:], questions)
	binary.BigEndian.PutUint16(b[10:], additionals)
	return append(b, rest...)
}

const (
	webA = "\x03web\x00\x00\x01\x00\x01"
	// optOf is an OPT record up to its version.
	optOf = "\x00\x00\x29\x10\x00\x00"
)

// Queries that something is wrong with.
func TestBadQueries(t *testing.T) {
	label := "\x3f" + strings.Repeat("x", 63)
	type edit = func(*dnsmessage.Message)
	for _, c := range []struct {
		what  string
		query []byte
		want  string // "" is no reply
	}{
		{"nothing", nil, ""},
		{"less than a header", raw(1, 0, webA)[:11], ""},
		{"a reply", message(t, "web.", a, edit(func(m *dnsmessage.Message) { m.Response = true })), ""},
		{"no question", raw(0, 0, ""), "RCodeFormatError"},
		{"two questions", raw(2, 0, webA+webA), "RCodeFormatError"},
		{"half a question", raw(1, 0, webA[:7]), "RCodeFormatError"},
		{"name over 255 bytes", raw(1, 0, strings.Repeat(label, 4)+webA[4:]), "RCodeFormatError"},
		{"128 labels", raw(1, 0, strings.Repeat("\x01x", 128)+webA[4:]), "RCodeFormatError"},
		{"name that points to itself", raw(1, 0, "\xc0\x0c\x00\x01\x00\x01"), "RCodeFormatError"},
		{"names that point to each other", raw(1, 0, "\xc0\x0e\xc0\x0c\x00\x01\x00\x01"), "RCodeFormatError"},
		{"reserved label type", raw(1, 0, "\x43web\x00\x00\x01\x00\x01"), "RCodeFormatError"},
		{"a dot inside a label", raw(1, 0, "\x03a.b"+webA[4:]), "RCodeFormatError"},
		{"additional record missing", raw(1, 1, webA), "RCodeFormatError"},
		{"OPT cut off", raw(1, 1, webA+optOf), "RCodeFormatError"},
		{"OPT longer than the message", raw(1, 1, webA+optOf+"\x00\x00\x00\x00\xff"), "RCodeFormatError"},
		{"two OPT", message(t, "web.", a, edns(1232, false), edns(1232, false)), "RCodeFormatError"},
		{"OPT of a name", raw(1, 1, webA+"\x01x"+optOf+"\x00\x00\x00\x00\x00"), "RCodeFormatError"},
		{"EDNS version 1", raw(1, 1, webA+optOf[:5]+"\x00\x01\x00\x00\x00\x00"), "BADVERS"},
		{"opcode NOTIFY", message(t, "web.", a, func(m *dnsmessage.Message) { m.OpCode = 4 }), "RCodeNotImplemented"},
		{"opcode 15 and no question", append([]byte{0xbe, 0xef, 0x78}, raw(0, 0, "")[3:]...), "RCodeNotImplemented"},
		{"CHAOS", message(t, "version.bind.", txt, func(m *dnsmessage.Message) { m.Questions[0].Class = 3 }), "RCodeRefused"},
		{"class ANY", message(t, "web.", a, func(m *dnsmessage.Message) { m.Questions[0].Class = 255 }), "RCodeRefused"},
		{"AXFR", message(t, "example.org.", dnsmessage.TypeAXFR), "RCodeRefused"},
		{"IXFR", message(t, "example.org.", typeIXFR), "RCodeRefused"},
	} {
		s := New(Config{Zone: testZone()})
		kept := bytes.Clone(c.query)
		reply, ok := s.Local(onBoth, c.query)
		if !ok || (reply == nil) != (c.want == "") || !bytes.Equal(kept, c.query) {
			t.Errorf("%s: reply %x, done %v, query %x", c.what, reply, ok, c.query)
			continue
		}
		if st := s.Stats(); st.Queries != 1 || st.Answered+st.Forwarded+st.Failed != 0 {
			t.Errorf("%s: counted as %+v", c.what, st)
		}
		if c.want != "" && errorOf(t, reply) != c.want {
			t.Errorf("%s: %s, want %s", c.what, errorOf(t, reply), c.want)
		}
	}
}

// errorOf returns the code of a reply that has no answers, by way of EDNS where it
// is one of those.
func errorOf(t *testing.T, reply []byte) string {
	t.Helper()
	m := unpack(t, reply)
	if m.ID != 0xbeef || !m.Response || len(m.Answers) != 0 {
		t.Errorf("reply %+v", m)
	}
	if whole(m) == badVers {
		return "BADVERS"
	}
	return m.RCode.String()
}

// What is odd but right is answered.
func TestOddQueries(t *testing.T) {
	padding := optOf[:5] + "\x00\x00\x80\x00\x00\x08\x00\x0c\x00\x04\x00\x00\x00\x00"
	for what, query := range map[string][]byte{
		"bytes behind the message": append(message(t, "web.", a), "garbage"...),
		"an option":                raw(1, 1, webA+padding),
		"another record first":     raw(1, 2, webA+"\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x00"+padding),
		"records as answers": message(t, "web.", a, func(m *dnsmessage.Message) {
			withA("192.0.2.7")(m)
		}),
	} {
		s := New(Config{Zone: testZone()})
		reply, ok := s.Local(onBoth, query)
		if got := said(unpack(t, reply)); !ok || len(got) != 1 || got[0] != "10.1.0.2" {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// The size that queries compute for their question is that of the message.
func TestQuestionSize(t *testing.T) {
	for _, name := range []string{".", "a.", "web.net1.", strings.Repeat("x.", 126)} {
		msg := message(t, name, a)
		if q, _, ok := parse(msg, false); !ok || headerSize+q.questionSize() != len(msg) {
			t.Errorf("%.20s: %d bytes, computed %d", name, len(msg), headerSize+q.questionSize())
		}
	}
}
