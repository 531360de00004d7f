package portfwd

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// SpliceConfig bounds a Splicer. Zero fields: the defaults.
type SpliceConfig struct {
	// MaxConns is how many connections there may be, in all and including those that
	// are being made; 4096. Each needs two descriptors, and up to four more while
	// bytes are under way. Clients beyond that are reset.
	MaxConns int
	// DialTimeout is how long a container may take to accept; 10 s.
	DialTimeout time.Duration
	// Threads carry the bytes; one for every two cores, at most four.
	Threads int
}

// Splicer serves published TCP ports without packets: it accepts on the host socket,
// connects to the container's own address from inside its namespace, where that is
// as fast as loopback, and has the kernel move the bytes between the two. The
// container sees its own address as the client's. It has no thread before the first
// Open. Open and Close may be called from any goroutine.
type Splicer struct {
	cfg      SpliceConfig
	counts   counters
	acceptor *poller
	relays   []*relay

	mu       sync.Mutex // of starting, opening and closing
	services map[uint64]*service
	keys     map[*Binding]uint64
	last     uint64
	stopped  bool
}

type counters struct {
	open                              atomic.Int64
	accepted, refused, failed, resets atomic.Uint64
	bytes                             [2]atomic.Uint64 // by the side that sent
}

// SpliceCounts are what a Splicer has done since it was made.
type SpliceCounts struct {
	// Open is how many connections there are now.
	Open int
	// Accepted clients; Refused for there were too many; Failed since the container
	// did not accept; Resets of one side that were carried to the other.
	Accepted, Refused, Failed, Resets uint64
	// BytesIn went to containers, BytesOut to clients.
	BytesIn, BytesOut uint64
}

var errStopped = errors.New("portfwd: the splicer was closed")

// NewSplicer returns a Splicer that serves nothing yet.
func NewSplicer(cfg SpliceConfig) *Splicer {
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 4096
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 10 * time.Second
	}
	if cfg.Threads == 0 {
		cfg.Threads = min(max(runtime.GOMAXPROCS(0)/2, 1), 4)
	}
	return &Splicer{cfg: cfg, services: map[uint64]*service{}, keys: map[*Binding]uint64{}}
}

// Open starts accepting at b, which stays the caller's.
func (s *Splicer) Open(b *Binding, dial Dial) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	if err := s.start(); err != nil {
		return err
	}
	svc := &service{b: b, dial: dial}
	svc.ctx, svc.cancel = context.WithCancel(context.Background())
	s.acceptor.mu.Lock()
	defer s.acceptor.mu.Unlock()
	s.last++
	if err := s.acceptor.watch(b.FD, unix.EPOLLIN, s.last); err != nil {
		svc.cancel()
		return fmt.Errorf("portfwd: watch the socket at %v: %w", b.Host, err)
	}
	s.services[s.last], s.keys[b] = svc, s.last
	return nil
}

// Close stops accepting at b and resets its connections. When it returns nobody uses
// b.FD. Without an Open before it does nothing.
func (s *Splicer) Close(b *Binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := s.keys[b]; ok {
		s.end(b, key)
	}
}

func (s *Splicer) end(b *Binding, key uint64) {
	s.acceptor.mu.Lock()
	svc := s.services[key]
	s.acceptor.unwatch(b.FD)
	delete(s.services, key)
	delete(s.keys, b)
	s.acceptor.mu.Unlock()
	svc.cancel()
	svc.dials.Wait() // nobody adds a connection after that
	for _, r := range s.relays {
		r.end(svc)
	}
}

// Stop closes everything that is open, and the threads. Open fails afterwards.
func (s *Splicer) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.acceptor == nil {
		return
	}
	for b, key := range s.keys {
		s.end(b, key)
	}
	s.halt()
}

// start makes the threads, if there are none.
func (s *Splicer) start() (err error) {
	if s.acceptor != nil {
		return nil
	}
	for range s.cfg.Threads {
		r, err := newRelay(&s.counts)
		if err != nil {
			s.halt()
			return err
		}
		s.relays = append(s.relays, r)
	}
	if s.acceptor, err = newPoller(s.ready); err != nil {
		s.halt()
	}
	return err
}

func (s *Splicer) halt() {
	if s.acceptor != nil {
		s.acceptor.close()
		s.acceptor = nil
	}
	for _, r := range s.relays {
		r.close()
		r.end(nil)
	}
	s.relays = nil
}

// PortCounts are the connections of one spliced port.
type PortCounts struct {
	// Open is how many there are now.
	Open int
	// Accepted clients; Refused for there were too many, or the container did not
	// accept.
	Accepted, Refused uint64
}

// Of returns the counters of one port that is open.
func (s *Splicer) Of(b *Binding) PortCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.keys[b]
	if !ok {
		return PortCounts{}
	}
	c := &s.services[key].counts
	return PortCounts{Open: int(c.open.Load()), Accepted: c.accepted.Load(), Refused: c.refused.Load()}
}

// Counts returns the counters.
func (s *Splicer) Counts() SpliceCounts {
	c := &s.counts
	return SpliceCounts{
		Open: int(c.open.Load()), Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		Failed: c.failed.Load(), Resets: c.resets.Load(),
		BytesIn: c.bytes[0].Load(), BytesOut: c.bytes[1].Load(),
	}
}
