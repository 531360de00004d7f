package dns

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Config is what a server works with. Only Zone is required. Functions are called
// from any goroutine, also at once.
type Config struct {
	Zone *Zone
	// Upstreams returns the host's servers, in order; nil: there are none.
	Upstreams func() []netip.AddrPort
	// Own reports whether an address is one at which this server itself is asked, as
	// those of gateways: it is never asked in turn. nil: none is.
	Own func(netip.Addr) bool
	// Dial reaches the host's servers; nil: a net.Dialer's.
	Dial DialFunc
	// Now is the clock of deadlines on the asker's side; nil: time.Now.
	Now func() time.Time
	// Rand returns random numbers that nobody can guess, for identifiers; nil:
	// math/rand/v2's, whose generator is seeded by the system.
	Rand func() uint64
	// TTL of our own records in seconds; 0 is 600, Docker's.
	TTL uint32
	// Timeout is how long one server is waited for; 0 is 4 s.
	Timeout time.Duration
	// Idle is how long a connection may stay without a whole query; 0 is 10 s.
	Idle time.Duration
	// Concurrency is how many queries are forwarded at once, 0 is 1024; PerAsker how
	// many of one asker, 0 is 128. What is more is REFUSED.
	Concurrency, PerAsker int
	// Conns is how many connections a listener holds, 0 is 256; ConnsPerClient how many
	// of one address, 0 is 16. What is more is closed.
	Conns, ConnsPerClient int
	// Log gets what is forwarded, with its name, at debug level; nil: nobody.
	Log *slog.Logger
}

// Server answers queries. Its methods may be called from any goroutine.
type Server struct {
	cfg   Config
	zone  *Zone
	slots *limiter
	stats counters
}

// New returns a server. It holds nothing that has to be closed.
func New(c Config) *Server {
	if c.Upstreams == nil {
		c.Upstreams = func() []netip.AddrPort { return nil }
	}
	if c.Own == nil {
		c.Own = func(netip.Addr) bool { return false }
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Uint64
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.numbers()
	return &Server{cfg: c, zone: c.Zone, slots: newLimiter(c.Concurrency, c.PerAsker)}
}

// numbers puts defaults in the place of zeros.
func (c *Config) numbers() {
	c.TTL = cmp.Or(c.TTL, 600)
	c.Timeout = cmp.Or(c.Timeout, 4*time.Second)
	c.Idle = cmp.Or(c.Idle, 10*time.Second)
	c.Concurrency = cmp.Or(c.Concurrency, 1024)
	c.PerAsker = cmp.Or(c.PerAsker, 128)
	c.Conns = cmp.Or(c.Conns, 256)
	c.ConnsPerClient = cmp.Or(c.ConnsPerClient, 16)
}

// Answer answers one message that came in a datagram, or over TCP (without the two
// bytes of its length). The reply is nil for what deserves none, else it has at most
// as many bytes as the asker takes: 512, or what its OPT record says up to 1232; over
// TCP 65535. It may wait for other servers, until ctx ends: then it is SERVFAIL.
// query is not kept, the reply is the caller's.
func (s *Server) Answer(ctx context.Context, v View, query []byte, tcp bool) []byte {
	q, reply, ok := s.local(&v, query, tcp)
	if ok {
		return reply
	}
	if !s.slots.take(v.Asker) {
		return s.busy(&q)
	}
	defer s.slots.give(v.Asker)
	return s.forward(ctx, &v, &q)
}

// Handle is Answer for those who cannot wait: reply gets the reply, or is not
// called where there is none. It is called before Handle returns, or by a goroutine
// of wg when other servers have to be asked; there are never more such goroutines
// than Config.Concurrency. query is not kept, what reply gets is its own.
func (s *Server) Handle(ctx context.Context, wg *sync.WaitGroup, v View, query []byte, tcp bool, reply func([]byte)) {
	s.handle(ctx, wg, v, query, tcp, func(msg []byte) {
		if msg != nil {
			reply(msg)
		}
	})
}

// handle is Handle; done is always called once, with nil where there is no reply.
func (s *Server) handle(ctx context.Context, wg *sync.WaitGroup, v View, msg []byte, tcp bool, done func([]byte)) {
	q, reply, ok := s.local(&v, msg, tcp)
	switch {
	case ok:
		done(reply)
	case !s.slots.take(v.Asker):
		done(s.busy(&q))
	default:
		wg.Go(func() {
			defer s.slots.give(v.Asker)
			done(s.forward(ctx, &v, &q))
		})
	}
}

// busy refuses a query because too many are being forwarded.
func (s *Server) busy(q *query) []byte {
	s.stats.count(refused)
	s.stats.count(overload)
	return q.pack(dnsmessage.RCodeRefused, false)
}
