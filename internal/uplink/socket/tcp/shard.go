package tcp

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/flow"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/report"
)

// Config says what a shard may have. MaxFlows 0, and more than half a million, mean half
// a million.
type Config = uplink.ShardConfig

const (
	// tick is how exactly timers are kept, in nanoseconds.
	tick = 10 << 20
	// minHalfOpen is how many connections to nowhere a source may have at least.
	minHalfOpen = 16
	// halfOpenShare of all connections is what one may have at most.
	halfOpenShare = 8
)

// Shard is the TCP connections of one worker. Its methods are called on the worker's
// thread only.
type Shard struct {
	cfg   Config
	flows []record
	free  uint32 // the first that is unused, id + 1
	index flow.Index
	wheel *flow.Wheel
	live  int // records that are in the index
	idle  int // those of them in timeWait
	last  uint32
	due   func(id uint32)

	nets     map[uint16]*uplink.Net
	halfOpen map[source]int
	stashes  map[uint32][]byte
	stashed  int

	gather gather
	acks   []uint32 // who has an ACK coming when the run is over
	queue  queue    // who has a turn coming
	asked  bool     // Watch.Again was called for it

	x        uplink.Outbox // of the call under way, for timers
	now      int64
	run      bool // the call is of a run: nothing may be flushed
	calls    [callKinds]uint64
	sys      sys
	discard  []byte // what peekBehind reads for nothing
	peekIov  [2]unix.Iovec
	peekMsg  unix.Msghdr
	nextPort uint16
	peekOff  bool // the kernel has SO_PEEK_OFF for TCP
	near     near
	errors   report.Limiter
	counts   uplink.Counts
}

// source is who opens connections.
type source struct {
	net  uint16
	addr [16]byte
}

// New makes a shard without connections.
func New(cfg Config) *Shard {
	if cfg.MaxFlows <= 0 || cfg.MaxFlows > maxIDs/2 {
		cfg.MaxFlows = maxIDs / 2
	}
	s := &Shard{
		cfg: cfg, wheel: flow.NewWheel(tick, cfg.Now), now: cfg.Now, last: flow.None,
		nets: map[uint16]*uplink.Net{}, halfOpen: map[source]int{}, stashes: map[uint32][]byte{},
		peekOff: hasPeekOff(), sys: system, near: near{paces: paces()},
	}
	s.gather.id = flow.None
	s.due = s.expired
	return s
}

// Counts returns what the shard has counted.
func (s *Shard) Counts() uplink.Counts {
	c := s.counts
	c.Flows = uint64(s.live - s.idle)
	return c
}

// DropNet closes the connections of a network that is gone, and says nothing to its
// containers.
func (s *Shard) DropNet(x uplink.Outbox, id uint16) {
	s.drop(func(r *record) bool { return r.net == id })
	delete(s.nets, id)
}

// DropInside closes the connections of a container that left.
func (s *Shard) DropInside(x uplink.Outbox, id uint16, a netip.Addr) {
	inside := a.As16()
	s.drop(func(r *record) bool { return r.net == id && r.inside == inside })
}

// Close closes all sockets. The peers see resets.
func (s *Shard) Close() { s.drop(func(*record) bool { return true }) }

func (s *Shard) drop(which func(*record) bool) {
	for id := range s.flows {
		if r := &s.flows[id]; r.state != unused && which(r) {
			s.abort(uint32(id))
		}
	}
}

// enter begins a call that is no run.
func (s *Shard) enter(x uplink.Outbox) { s.x, s.now, s.run = x, x.Now(), false }

// again asks for Resume, if anybody waits for a turn.
func (s *Shard) again() {
	if s.queue.first != 0 && !s.asked {
		s.asked = true
		s.cfg.Watch.Again()
	}
}

// errnoOf returns the errno in err, 0 if there is none.
func errnoOf(err error) unix.Errno {
	e, _ := errors.AsType[unix.Errno](err)
	return e
}

// full reports whether there is room for no further connection.
func (s *Shard) full() bool {
	return s.live-s.idle >= s.cfg.MaxFlows || s.live >= maxIDs
}

// halfOpenMax is how many connections of a source may wait for an answer.
func (s *Shard) halfOpenMax() int { return max(s.cfg.MaxFlows/halfOpenShare, minHalfOpen) }
