package udp

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/flow"
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/report"
)

const (
	second = int64(1e9)
	// tick is how exactly timers are kept, in nanoseconds.
	tick = 1 << 27
	// defaultFlows is Config.MaxFlows where it is 0.
	defaultFlows = 1 << 16
)

// Config says what a shard may have. MaxFlows bounds its sessions; 0 means 65536.
type Config = uplink.ShardConfig

// Shard is a worker's share of the UDP way out. All of its methods are called on the
// worker's thread.
type Shard struct {
	watch  uplink.Watcher
	seed   uint64
	max    int
	budget *uplink.Budget

	mappings slab[mapping]
	sockets  slab[socket]
	sessions slab[session]
	inside   flow.Index // mappings by the container's end
	outward  flow.Index // sessions by the container's end and the remote one
	inward   flow.Index // sessions by socket and peer
	wheel    *flow.Wheel
	due      func(id uint32)
	nets     map[uint16]*uplink.Net
	queue    []uint32 // sockets that were cut short

	now       int64
	running   bool // now is the run's
	net       *uplink.Net
	counts    uplink.Counts
	offloads  offloads
	gather    gather
	sender    sender
	receiver  receiver
	fragments fragments
	errors    errorQueue
	limiter   report.Limiter
	ident     uint32 // of the next datagram that leaves in fragments
}

// New makes a shard without sockets.
func New(cfg Config) *Shard {
	s := &Shard{
		watch: cfg.Watch, seed: cfg.Seed, max: cfg.MaxFlows, budget: cfg.Budget,
		wheel: flow.NewWheel(tick, cfg.Now), now: cfg.Now,
		nets: map[uint16]*uplink.Net{}, ident: uint32(cfg.Seed >> 32),
	}
	if s.max == 0 {
		s.max = defaultFlows
	}
	s.due = s.expire
	s.gather.session = none
	s.receiver.init()
	return s
}

// Take takes a packet of a run from a container of n: parsed, with UDP or a fragment of
// it, and for outside. It returns frame.Consumed or why the packet ends. What is
// consumed may be sent with what follows it: where that fails, f.Drop is set by the end
// of Done. f is borrowed until then. It does not allocate for a session that there is.
func (s *Shard) Take(x uplink.Outbox, n *uplink.Net, f *frame.Frame) frame.Reason {
	if !s.running {
		s.running, s.now = true, x.Now()
	}
	s.adopt(n)
	if f.Flags&frame.FlagFragment != 0 {
		return s.fragment(x, n, f)
	}
	var d datagram
	if r := d.read(f); r != frame.Accepted {
		return r
	}
	return s.out(x, n, &d)
}

// Done sends what Take has put off. The run goes on until it returns.
func (s *Shard) Done(x uplink.Outbox, n *uplink.Net) {
	s.transmit(x, n)
	s.running = false
}

// Ready is told what socket key has to say.
func (s *Shard) Ready(x uplink.Outbox, key int32, events uint32) {
	s.now = x.Now()
	s.serve(x, uint32(key), events&unix.EPOLLERR != 0)
}

// Resume goes on with the sockets that were cut short, a turn each, and reports whether
// there is more.
func (s *Shard) Resume(x uplink.Outbox) (more bool) {
	s.now = x.Now()
	for range len(s.queue) {
		id := s.queue[0]
		s.queue = append(s.queue[:0], s.queue[1:]...)
		if k := s.sockets.at(id); k.queued {
			k.queued = false
			s.serve(x, id, true)
		}
	}
	return len(s.queue) > 0
}

// later has socket id served again by Resume.
func (s *Shard) later(id uint32) {
	if k := s.sockets.at(id); !k.queued {
		k.queued = true
		s.queue = append(s.queue, id)
		s.watch.Again()
	}
}

// adopt remembers n as its network's newest form.
func (s *Shard) adopt(n *uplink.Net) {
	if n != s.net {
		s.net = n
		s.nets[n.ID] = n
	}
}

// DropNet ends all sessions of a network, without a word. Its published sockets stay
// until Shut and get nothing.
func (s *Shard) DropNet(_ uplink.Outbox, id uint16) {
	s.net = nil
	for i := range s.mappings.all {
		if m := s.mappings.at(uint32(i)); m.live && m.net == id {
			s.vacate(uint32(i))
		}
	}
	s.fragments.drop(func(m *message) bool { return m.key.Net == id })
	delete(s.nets, id)
}

// DropInside ends all sessions of a container's address. Published sockets stay until
// Shut.
func (s *Shard) DropInside(_ uplink.Outbox, id uint16, a netip.Addr) {
	addr := a.As16()
	for i := range s.mappings.all {
		if m := s.mappings.at(uint32(i)); m.live && m.net == id && m.inside.addr == addr {
			s.vacate(uint32(i))
		}
	}
	s.fragments.drop(func(m *message) bool { return m.key.Net == id && m.key.Src == addr })
}

// Counts returns what the shard has counted.
func (s *Shard) Counts() uplink.Counts {
	c := s.counts
	c.Flows = uint64(s.sessions.len())
	return c
}

// Close ends everything and closes the shard's sockets. Those of published ports stay
// open; they are not watched any more.
func (s *Shard) Close() {
	for i := range s.mappings.all {
		if s.mappings.at(uint32(i)).live {
			s.vacate(uint32(i))
		}
	}
	for i := range s.sockets.all {
		if s.sockets.at(uint32(i)).live {
			s.Shut(nil, uint32(i))
		}
	}
	s.fragments = fragments{}
}
