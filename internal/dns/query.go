package dns

import (
	"encoding/binary"

	"golang.org/x/net/dns/dnsmessage"
)

// Sizes of messages, in bytes.
const (
	headerSize = 12
	optSize    = 11 // an OPT record without options
	// plainUDP is what a datagram may have when the asker says nothing (RFC 1035
	// section 4.2.1).
	plainUDP = 512
	// largestUDP is what we take and send at most: it is not fragmented anywhere
	// that IPv6 works (RFC 9715 section 3).
	largestUDP = 1232
	largestTCP = 65535
)

// Values that the codec has no name for.
const (
	typeIXFR = dnsmessage.Type(251)
	badVers  = dnsmessage.RCode(16)
)

// query is a question with what its reply has to respect.
type query struct {
	header   dnsmessage.Header
	question dnsmessage.Question
	asks     bool   // question was read
	name     string // folded, without the final dot; the root is ""
	tcp      bool
	edns     bool // an OPT record came with it
	dnssec   bool // its DO bit
	limit    int  // bytes that the reply may have
}

// parse reads a query. ok is false for what deserves no reply: too short, or a
// reply itself. An rcode but success is the reply. msg is not kept.
func parse(msg []byte, tcp bool) (q query, rcode dnsmessage.RCode, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response {
		return query{}, 0, false
	}
	q = query{header: h, tcp: tcp, limit: plainUDP}
	if tcp {
		q.limit = largestTCP
	}
	if binary.BigEndian.Uint16(msg[4:]) == 1 {
		q.readQuestion(&p)
	}
	rcode = q.readOPT(&p)
	switch {
	case h.OpCode != 0:
		rcode = dnsmessage.RCodeNotImplemented
	case !q.asks:
		rcode = dnsmessage.RCodeFormatError
	case rcode == dnsmessage.RCodeSuccess:
		rcode = q.acceptable()
	}
	return q, rcode, true
}

func (q *query) readQuestion(p *dnsmessage.Parser) {
	question, err := p.Question()
	if err != nil {
		return
	}
	q.question, q.asks = question, true
	n := question.Name
	q.name = fold(string(n.Data[:n.Length-1]))
}

// readOPT looks for the OPT record among the additional ones. There may be one
// (RFC 6891 section 6.1.1), and its version has to be 0 (section 6.1.3).
func (q *query) readOPT(p *dnsmessage.Parser) dnsmessage.RCode {
	if p.SkipAllQuestions() != nil || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return dnsmessage.RCodeFormatError
	}
	version := byte(0)
	for {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil || p.SkipAdditional() != nil {
			return dnsmessage.RCodeFormatError
		}
		if h.Type != dnsmessage.TypeOPT {
			continue
		}
		if q.edns || h.Name.Length != 1 {
			return dnsmessage.RCodeFormatError
		}
		q.edns, q.dnssec, version = true, h.DNSSECAllowed(), byte(h.TTL>>16)
		if !q.tcp {
			q.limit = max(plainUDP, min(int(h.Class), largestUDP))
		}
	}
	if version != 0 {
		return badVers
	}
	return dnsmessage.RCodeSuccess
}

// acceptable refuses what is neither ours nor for forwarding: other classes, of
// which CHAOS would tell about the host's resolver, and zone transfers, whose reply
// has many messages.
func (q *query) acceptable() dnsmessage.RCode {
	if q.question.Class != dnsmessage.ClassINET {
		return dnsmessage.RCodeRefused
	}
	switch q.question.Type {
	case dnsmessage.TypeAXFR, typeIXFR:
		return dnsmessage.RCodeRefused
	}
	return dnsmessage.RCodeSuccess
}

// questionSize is the bytes in a message of a question that was read.
func (q *query) questionSize() int {
	if q.name == "" {
		return 1 + 4
	}
	return int(q.question.Name.Length) + 1 + 4
}

// outgoing returns the message that asks a server the same, with an identifier of
// its own. EDNS is between neighbours (RFC 6891 section 6.2.6), so the OPT record
// is ours and has no options.
func (q *query) outgoing(id uint16) ([]byte, error) {
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: id, RecursionDesired: q.header.RecursionDesired,
			AuthenticData: q.header.AuthenticData, CheckingDisabled: q.header.CheckingDisabled,
		},
		Questions: []dnsmessage.Question{q.question},
	}
	if q.edns {
		m.Additionals = []dnsmessage.Resource{q.opt(min(q.limit, largestUDP), dnsmessage.RCodeSuccess)}
	}
	return m.Pack()
}

// opt returns our OPT record. size is what we take in a datagram; rcode is one
// that the header has no room for, or any.
func (q *query) opt(size int, rcode dnsmessage.RCode) dnsmessage.Resource {
	r := dnsmessage.Resource{Body: &dnsmessage.OPTResource{}}
	_ = r.Header.SetEDNS0(size, rcode, q.dnssec) // always nil
	return r
}
