package dns

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"

	"golang.org/x/net/dns/dnsmessage"
)

// maxUpstreams is how many servers are asked, one after the other.
const maxUpstreams = 3

var (
	errFailure   = errors.New("the server said SERVFAIL or REFUSED")
	errMalformed = errors.New("the server's reply is malformed")
)

// forward returns the reply of the first server that has one, or SERVFAIL.
func (s *Server) forward(ctx context.Context, v *View, q *query) []byte {
	servers, dial := s.upstreams(v)
	for _, to := range servers {
		reply, err := s.ask(ctx, dial, to, q)
		s.note(ctx, q, to, err)
		if err == nil {
			s.stats.count(forwarded)
			return reply
		}
		if ctx.Err() != nil {
			break
		}
	}
	s.stats.count(failed)
	return q.pack(dnsmessage.RCodeServerFailure, false)
}

// upstreams returns whom to ask for v, and how to reach them. What is asked at our
// own addresses would come back to us.
func (s *Server) upstreams(v *View) ([]netip.AddrPort, DialFunc) {
	list, dial, theirs := v.Upstreams, v.Dial, true
	if len(list) == 0 {
		list, dial, theirs = s.cfg.Upstreams(), nil, false
	}
	if dial == nil {
		dial = s.cfg.Dial
	}
	use := make([]netip.AddrPort, 0, maxUpstreams)
	for _, to := range list {
		a := to.Addr().Unmap()
		if len(use) < maxUpstreams && !s.cfg.Own(a) && !(theirs && a == Embedded) {
			use = append(use, to)
		}
	}
	return use, dial
}

// ask returns the reply of one server, ready for the asker.
func (s *Server) ask(ctx context.Context, dial DialFunc, to netip.AddrPort, q *query) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	sent, err := q.outgoing(uint16(s.cfg.Rand()))
	if err != nil {
		return nil, err
	}
	x := exchange{dial: dial, to: to.String(), sent: sent, question: sent[headerSize : headerSize+q.questionSize()]}
	got, err := x.udp(ctx, func() { s.stats.count(mismatch) })
	if err == nil && q.tcp && hasTC(got) {
		got, err = x.tcp(ctx)
	}
	if err != nil {
		return nil, err
	}
	reply, cut, err := q.relay(got)
	if cut {
		s.stats.count(truncation)
	}
	return reply, err
}

// note counts and logs what came of asking a server. A query that was given up
// because the asker is gone says nothing about the server.
func (s *Server) note(ctx context.Context, q *query, to netip.AddrPort, err error) {
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, errFailure):
		s.stats.count(upstreamFailure)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		s.stats.count(upstreamTimeout)
	default:
		s.stats.count(upstreamError)
	}
	if s.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		s.cfg.Log.DebugContext(ctx, "dns: forwarded", "name", q.name, "type", q.question.Type, "server", to, "err", err)
	}
}
