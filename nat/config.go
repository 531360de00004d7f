package nat

import (
	"fmt"
	"net/netip"
	"time"
)

// Defaults of Config.
const (
	defaultMinPort      = 1024
	defaultMaxPort      = 65535
	defaultMaxFlows     = 1 << 20
	defaultMaxPerSource = 1 << 16
	// mostFlows is what record numbers and the tables' directories are made for.
	mostFlows = 1 << 24
)

// Config is what a table is made with. The zero value is a full-cone NAT with the
// timers of the RFCs.
type Config struct {
	Personality Personality
	// MinPort and MaxPort bound the outer ports of TCP and UDP, both included; 0 is
	// 1024 and 65535. A source port inside the range is kept where it is free.
	MinPort, MaxPort uint16
	// MaxFlows bounds the flows of the table, MaxPerSource those of one inside
	// address; 0 is 1,048,576 and 65,536.
	MaxFlows, MaxPerSource int
	Timeouts               Timeouts
	// Seed is a secret of the process: what hashes and port numbers are drawn with.
	Seed uint64
	// MSS is what the maximum segment size of SYNs is lowered to, in bytes; 0 leaves
	// it alone.
	MSS int
}

// Timeouts says how long a flow may be idle before it ends. Zero fields are the
// defaults, which are those of the RFCs where these recommend any. They are kept to a
// second and never shortened.
type Timeouts struct {
	// Established is for a TCP connection: 2 hours 4 minutes (RFC 5382, REQ-5).
	Established time.Duration
	// Transitory is for one that has been answered but is not open yet, and for one
	// that both sides have closed or one has reset: 4 minutes (RFC 5382, REQ-5;
	// RFC 7857, section 2).
	Transitory time.Duration
	// Opening is for a SYN without any answer: 30 seconds. RFC 7857, section 2, lets
	// it be shorter than Transitory, for tables that must live through a flood.
	Opening time.Duration
	// UDP is 5 minutes (RFC 4787, REQ-5).
	UDP time.Duration
	// DNS is for UDP to port 53, which asks once: 30 seconds (RFC 4787, REQ-5 a).
	DNS time.Duration
	// ICMP is for queries: 60 seconds (RFC 5508, REQ-2).
	ICMP time.Duration
	// Other is for SCTP and all other protocols: 10 minutes.
	Other time.Duration
}

// Outer is the addresses that packets from inside leave with. The zero Addr, or one of
// the wrong family, means that packets of that family do not leave.
type Outer struct{ V4, V6 netip.Addr }

// byClass returns the timeouts in nanoseconds.
func (t Timeouts) byClass() [classes]int64 {
	return [classes]int64{
		classEstablished: int64(t.Established), classTransitory: int64(t.Transitory), classOpening: int64(t.Opening),
		classUDP: int64(t.UDP), classDNS: int64(t.DNS), classICMP: int64(t.ICMP), classOther: int64(t.Other),
	}
}

// withDefaults returns c with its zero fields filled in.
func (c Config) withDefaults() Config {
	def(&c.MinPort, defaultMinPort)
	def(&c.MaxPort, defaultMaxPort)
	def(&c.MaxFlows, defaultMaxFlows)
	def(&c.MaxPerSource, defaultMaxPerSource)
	t := &c.Timeouts
	def(&t.Established, 2*time.Hour+4*time.Minute)
	def(&t.Transitory, 4*time.Minute)
	def(&t.Opening, 30*time.Second)
	def(&t.UDP, 5*time.Minute)
	def(&t.DNS, 30*time.Second)
	def(&t.ICMP, time.Minute)
	def(&t.Other, 10*time.Minute)
	return c
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// check looks at a configuration whose zero fields are filled in.
func (c Config) check() error {
	switch t := c.Timeouts; {
	case c.Personality >= personalities:
		return fmt.Errorf("nat: personality %d is none", c.Personality)
	case c.MinPort > c.MaxPort:
		return fmt.Errorf("nat: ports %d to %d are no range", c.MinPort, c.MaxPort)
	case c.MaxFlows < 1 || c.MaxFlows > mostFlows:
		return fmt.Errorf("nat: %d flows are not between 1 and %d", c.MaxFlows, mostFlows)
	case c.MaxPerSource < 1:
		return fmt.Errorf("nat: %d flows of a source are too few", c.MaxPerSource)
	case c.MSS < 0 || c.MSS > 65535:
		return fmt.Errorf("nat: %d is no maximum segment size", c.MSS)
	case min(t.Established, t.Transitory, t.Opening, t.UDP, t.DNS, t.ICMP, t.Other) < 0:
		return fmt.Errorf("nat: a timeout is negative: %+v", t)
	}
	return nil
}
