package dns

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Local answers a query that came in a datagram without asking anybody else; it
// never blocks. ok is false when the query has to be forwarded, which Answer and
// Handle do. With ok the query is done with: its reply, or nil for what deserves
// none. query is not kept, the reply is the caller's.
func (s *Server) Local(v View, query []byte) (reply []byte, ok bool) {
	_, reply, ok = s.local(&v, query, false)
	return reply, ok
}

// local is Local for either transport. When not ok, q is to be forwarded.
func (s *Server) local(v *View, msg []byte, tcp bool) (q query, reply []byte, ok bool) {
	q, rcode, ok := parse(msg, tcp)
	if !ok {
		s.stats.count(ignored)
		return q, nil, true
	}
	if rcode != dnsmessage.RCodeSuccess {
		s.stats.count(outcomeOf(rcode))
		return q, q.pack(rcode, false), true
	}
	if reply := s.known(v, &q); reply != nil {
		s.stats.count(answered)
		return q, reply, true
	}
	if v.mayAsk() {
		return q, nil, false
	}
	s.stats.count(failed)
	return q, q.pack(dnsmessage.RCodeServerFailure, false), true
}

// mayAsk reports whether anybody may be asked on the asker's behalf.
func (v *View) mayAsk() bool {
	return !v.Internal || v.Dial != nil && len(v.Upstreams) > 0
}

// known returns the reply to what the asker's networks know; nil when they do not.
func (s *Server) known(v *View, q *query) []byte {
	if len(v.Host) > 0 && slices.Contains(HostNames, q.name) {
		return s.host(v, q)
	}
	if !v.Names {
		return nil
	}
	switch q.question.Type {
	case dnsmessage.TypeA:
		return s.address(v, q, v4)
	case dnsmessage.TypeAAAA:
		return s.address(v, q, v6)
	case dnsmessage.TypeMX:
		return s.mail(v, q)
	case dnsmessage.TypePTR:
		return s.pointer(v, q)
	}
	return nil
}

// host answers for the host's own name.
func (s *Server) host(v *View, q *query) []byte {
	var of family
	switch q.question.Type {
	case dnsmessage.TypeA:
		of = v4
	case dnsmessage.TypeAAAA:
		of = v6
	default:
		return q.pack(dnsmessage.RCodeSuccess, false)
	}
	var addrs []netip.Addr
	for _, a := range v.Host {
		if of(a) {
			addrs = append(addrs, a)
		}
	}
	reply, _ := q.addresses(addrs, s.cfg.TTL) // two at most: never truncated
	return reply
}

func (s *Server) address(v *View, q *query, of family) []byte {
	addrs, known := s.zone.resolve(v.Networks, q.name, of)
	if !known && !(v.NDotsSet && oneLabel(q.name)) {
		return nil
	}
	s.shuffle(addrs)
	reply, truncated := q.addresses(addrs, s.cfg.TTL)
	if truncated {
		s.stats.count(truncation)
	}
	return reply
}

func oneLabel(name string) bool { return name != "" && !strings.Contains(name, ".") }

// mail tells that a known name has no MX: its address is the mail server's (RFC
// 5321 section 5.1).
func (s *Server) mail(v *View, q *query) []byte {
	if _, known := s.zone.resolve(v.Networks, q.name, v4); !known {
		return nil
	}
	return q.pack(dnsmessage.RCodeSuccess, false)
}

func (s *Server) pointer(v *View, q *query) []byte {
	addr, ok := fromArpa(q.name)
	if !ok {
		return nil
	}
	name, ok := s.zone.reverse(v.Networks, addr)
	if !ok {
		return nil
	}
	if reply := q.pointer(name, s.cfg.TTL); reply != nil {
		return reply
	}
	return q.pack(dnsmessage.RCodeSuccess, false)
}

func (s *Server) shuffle(addrs []netip.Addr) {
	rand.New(source(s.cfg.Rand)).Shuffle(len(addrs), func(i, j int) {
		addrs[i], addrs[j] = addrs[j], addrs[i]
	})
}

// source makes a rand.Source of a function.
type source func() uint64

func (f source) Uint64() uint64 { return f() }
