package dns

import (
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// pack returns a reply. It repeats identifier, question and its spelling, RD and CD
// (RFC 4035 section 3.1.6), and offers recursion. A question that could be read can
// be written, so it is nil only for answers that cannot.
func (q *query) pack(rcode dnsmessage.RCode, truncated bool, answers ...dnsmessage.Resource) []byte {
	m := dnsmessage.Message{Answers: answers, Header: dnsmessage.Header{
		ID: q.header.ID, Response: true, OpCode: q.header.OpCode, Truncated: truncated,
		RecursionDesired: q.header.RecursionDesired, RecursionAvailable: true,
		CheckingDisabled: q.header.CheckingDisabled, RCode: rcode & 0xf,
	}}
	if q.asks {
		m.Questions = []dnsmessage.Question{q.question}
	}
	if q.edns {
		m.Additionals = []dnsmessage.Resource{q.opt(largestUDP, rcode)}
	}
	msg, err := m.Pack()
	if err != nil {
		return nil
	}
	return msg
}

// addresses returns the reply with A or AAAA records of one size. Those that do
// not fit are left out, and TC says so (RFC 2181 section 9).
func (q *query) addresses(addrs []netip.Addr, ttl uint32) (reply []byte, truncated bool) {
	n := min(len(addrs), q.room()/q.recordSize())
	records := make([]dnsmessage.Resource, n)
	for i, a := range addrs[:n] {
		records[i] = dnsmessage.Resource{Header: q.record(ttl), Body: addressOf(a)}
	}
	return q.pack(dnsmessage.RCodeSuccess, n < len(addrs), records...), n < len(addrs)
}

// room is the bytes that are left for answers.
func (q *query) room() int {
	room := q.limit - headerSize - q.questionSize()
	if q.edns {
		room -= optSize
	}
	return room
}

// recordSize is the bytes of an A or AAAA record whose name points to the question.
func (q *query) recordSize() int {
	if q.question.Type == dnsmessage.TypeA {
		return 12 + 4
	}
	return 12 + 16
}

// record is the header of a record of the name that was asked for.
func (q *query) record(ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: q.question.Name, Class: dnsmessage.ClassINET, TTL: ttl}
}

func addressOf(a netip.Addr) dnsmessage.ResourceBody {
	if a.Is4() {
		return &dnsmessage.AResource{A: a.As4()}
	}
	return &dnsmessage.AAAAResource{AAAA: a.As16()}
}

// pointer returns the reply with one PTR record; nil when no message can hold the
// name, as one with a label of more than 63 bytes.
func (q *query) pointer(name string, ttl uint32) []byte {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil
	}
	r := dnsmessage.Resource{Header: q.record(ttl), Body: &dnsmessage.PTRResource{PTR: n}}
	return q.pack(dnsmessage.RCodeSuccess, false, r)
}
