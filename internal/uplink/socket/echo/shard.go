package echo

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"vswitch/internal/flow"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/report"
)

const (
	// none is the number of no record.
	none   = flow.None
	second = int64(1e9)
	// tick is how exactly timers are kept, in nanoseconds.
	tick = 1 << 27
	// lifetime is how long a flow may be idle, in nanoseconds (RFC 5508, REQ-1).
	lifetime = 60 * second
	// defaultFlows is Config.MaxFlows where it is 0.
	defaultFlows = 1 << 12
	// turn is how many answers or errors a socket may have before others have theirs.
	turn = 64
)

// Config says what a shard may have. MaxFlows 0 means 4096.
type Config = uplink.ShardConfig

// Shard is a worker's share of the way out of echo requests. All of its methods are
// called on the worker's thread.
type Shard struct {
	watch  uplink.Watcher
	worker int
	seed   uint64
	max    int
	budget *uplink.Budget
	socket opener

	records  []record
	free     []uint32
	inside   flow.Index // records by what containers send
	outside  flow.Index // records of raw sockets by the identifier on the wire
	wheel    *flow.Wheel
	due      func(id uint32)
	nets     map[uint16]*uplink.Net
	net      *uplink.Net // the last of nets that was asked for
	paths    [2]path     // of IPv4, of IPv6
	raw      [2]line
	lastWire uint16
	queue    []uint32 // keys of sockets that were cut short

	now      int64
	running  bool // now is the run's
	counts   uplink.Counts
	limiter  report.Limiter
	messages messages
	ident    uint32 // of the next answer that enters in fragments
	sender   sender
	receiver receiver
	value    int32 // a socket option's
	quote    [1280]byte
}

// New makes a shard without flows. It tries which ways out are open in the network
// namespace that the caller is in.
func New(cfg Config) *Shard {
	s := newShard(cfg, unix.Socket)
	s.way(false)
	s.way(true)
	return s
}

func newShard(cfg Config, socket opener) *Shard {
	s := &Shard{
		watch: cfg.Watch, worker: cfg.Worker, seed: cfg.Seed, max: cfg.MaxFlows, budget: cfg.Budget,
		socket: socket, wheel: flow.NewWheel(tick, cfg.Now), now: cfg.Now,
		nets: map[uint16]*uplink.Net{}, raw: [2]line{{fd: -1}, {fd: -1}},
		lastWire: uint16(cfg.Seed >> 16), ident: uint32(cfg.Seed >> 32),
	}
	if s.max == 0 {
		s.max = defaultFlows
	}
	s.due = s.expire
	return s
}

// Done ends a run.
func (s *Shard) Done(uplink.Outbox, *uplink.Net) { s.running = false }

// Next returns when Expire wants to be called.
func (s *Shard) Next() (when int64, ok bool) { return s.messages.next(s.wheel.Next()) }

// Expire ends flows that have been idle for a minute, and messages whose fragments did
// not come.
func (s *Shard) Expire(x uplink.Outbox) {
	s.now = x.Now()
	s.wheel.Advance(s.now, s.due)
	s.messages.drop(func(m *message) bool { return m.until <= s.now })
}

// DropNet ends all flows of a network.
func (s *Shard) DropNet(_ uplink.Outbox, id uint16) {
	s.endAll(func(r *record) bool { return r.net == id })
	s.messages.drop(func(m *message) bool { return m.key.Net == id })
	delete(s.nets, id)
	s.net = nil
}

// DropInside ends all flows of a container's address.
func (s *Shard) DropInside(_ uplink.Outbox, id uint16, a netip.Addr) {
	inside := a.As16()
	s.endAll(func(r *record) bool { return r.net == id && r.inside == inside })
	s.messages.drop(func(m *message) bool { return m.key.Net == id && m.key.Src == inside })
}

// Close ends all flows and closes their sockets.
func (s *Shard) Close() {
	s.endAll(func(*record) bool { return true })
	s.messages = messages{}
}

// Counts returns what the shard has counted.
func (s *Shard) Counts() uplink.Counts {
	c := s.counts
	c.Flows = uint64(s.inside.Len())
	return c
}

// Flows calls yield for each flow. The port of its inner end is the container's
// identifier, that of the host's end the one on the wire; remote ends are those of the
// last request. Bytes are those of ICMP messages.
func (s *Shard) Flows(yield func(uplink.Flow)) {
	for i := range s.records {
		if r := &s.records[i]; r.live {
			yield(s.flow(r))
		}
	}
}

func (s *Shard) flow(r *record) uplink.Flow {
	f := uplink.Flow{
		Proto: "icmp", State: "UNREPLIED",
		Inside: netip.AddrPortFrom(r.src(), r.ident), Remote: netip.AddrPortFrom(netip.AddrFrom16(r.remote).Unmap(), 0),
		Host: netip.AddrPortFrom(netip.IPv4Unspecified(), r.wire), Peer: netip.AddrPortFrom(netip.AddrFrom16(r.peer).Unmap(), 0),
		TxPackets: r.tx, TxBytes: r.txBytes, RxPackets: r.rx, RxBytes: r.rxBytes,
		Idle: time.Duration(s.now - r.last), Timeout: time.Duration(lifetime),
	}
	if n := s.nets[r.net]; n != nil {
		f.Network = n.Name
	}
	if r.v6 {
		f.Host = netip.AddrPortFrom(netip.IPv6Unspecified(), r.wire)
	}
	if r.rx > 0 {
		f.State = "REPLIED"
	}
	return f
}

// adopt remembers n as its network's newest form.
func (s *Shard) adopt(n *uplink.Net) {
	if n != s.net {
		s.net = n
		s.nets[n.ID] = n
	}
}
