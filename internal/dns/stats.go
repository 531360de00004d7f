package dns

import (
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"
)

// Stats counts since the server was made.
type Stats struct {
	// Queries is all messages that are done with: the sum of the outcomes that
	// follow, up to Failed. Each message has one.
	Queries uint64
	// Ignored got no reply: too short, or replies.
	Ignored uint64
	// Malformed, NotImplemented, BadVersion and Refused got FORMERR, NOTIMP, BADVERS
	// and REFUSED.
	Malformed, NotImplemented, BadVersion, Refused uint64
	// Answered by what the zone knows; Forwarded have the reply of another server.
	Answered, Forwarded uint64
	// Failed got SERVFAIL: nobody had an answer, or nobody might be asked.
	Failed uint64

	// Overload is how many of Refused were too many at once.
	Overload uint64
	// Truncated is how many replies were cut to what the asker takes.
	Truncated uint64
	// UpstreamTimeouts, UpstreamErrors and UpstreamFailures count servers that were
	// silent, could not be reached or sent what cannot be used, and said SERVFAIL or
	// REFUSED.
	UpstreamTimeouts, UpstreamErrors, UpstreamFailures uint64
	// Mismatched counts datagrams of servers that were not the reply to what they
	// were asked.
	Mismatched uint64
	// ConnsRefused counts connections closed because there were too many.
	ConnsRefused uint64
}

// event is something that is counted.
type event int

const (
	ignored event = iota
	malformed
	notImplemented
	badVersion
	refused
	answered
	forwarded
	failed

	// What follows is counted beside the outcome.
	overload
	truncation
	upstreamTimeout
	upstreamError
	upstreamFailure
	mismatch
	connRefused
	events
)

type counters [events]atomic.Uint64

func (c *counters) count(e event) { c[e].Add(1) }

// outcomeOf returns what is counted for an error found in the query itself.
func outcomeOf(rcode dnsmessage.RCode) event {
	switch rcode {
	case dnsmessage.RCodeFormatError:
		return malformed
	case dnsmessage.RCodeNotImplemented:
		return notImplemented
	case badVers:
		return badVersion
	}
	return refused
}

// Stats returns the counts. They are read one after the other.
func (s *Server) Stats() Stats {
	get := func(e event) uint64 { return s.stats[e].Load() }
	st := Stats{
		Ignored: get(ignored), Malformed: get(malformed), NotImplemented: get(notImplemented),
		BadVersion: get(badVersion), Refused: get(refused), Answered: get(answered),
		Forwarded: get(forwarded), Failed: get(failed),
		Overload: get(overload), Truncated: get(truncation),
		UpstreamTimeouts: get(upstreamTimeout), UpstreamErrors: get(upstreamError),
		UpstreamFailures: get(upstreamFailure), Mismatched: get(mismatch), ConnsRefused: get(connRefused),
	}
	st.Queries = st.Ignored + st.Malformed + st.NotImplemented + st.BadVersion +
		st.Refused + st.Answered + st.Forwarded + st.Failed
	return st
}
