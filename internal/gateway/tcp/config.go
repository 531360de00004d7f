package tcp

import (
	"cmp"
	"math/rand/v2"
	"time"

	"vswitch/internal/frame"
)

// Config says what a host is. Only MAC and Send are required.
type Config struct {
	// MAC is the gateway's.
	MAC frame.MAC
	// MTU is the longest IP packet of the network in bytes; 0 is 1500.
	MTU int
	// Send is given a whole Ethernet frame for the network, finished (no offloads).
	// It is called with no lock held, by whichever goroutine called into the host,
	// never twice at once and in order; it must not block. The bytes are its own.
	Send func(b []byte)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Rand returns random numbers that nobody can guess, for the key of initial
	// sequence numbers; nil: math/rand/v2's, whose generator is seeded by the system.
	Rand func() uint64
	// Wake says that NextTimer has become earlier. It is called as Send is, but
	// perhaps twice at once, and must not block either; nil: nobody is told.
	Wake func()
	// Conns is how many connections there may be, in whatever state, 0 is 256;
	// ConnsPerClient how many of one address, 0 is 16; HalfOpen how many that wait for
	// the end of their handshake, 0 is 64.
	Conns, ConnsPerClient, HalfOpen int
	// Idle is how long a connection may stay without hearing from its peer; 0 is 2
	// minutes. Services have shorter deadlines of their own.
	Idle time.Duration
}

func (c Config) withDefaults() Config {
	c.MTU = min(cmp.Or(c.MTU, 1500), 65535)
	c.Conns = cmp.Or(c.Conns, 256)
	c.ConnsPerClient = cmp.Or(c.ConnsPerClient, 16)
	c.HalfOpen = cmp.Or(c.HalfOpen, 64)
	c.Idle = cmp.Or(c.Idle, 2*time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Uint64
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	return c
}
