package socket

import (
	"errors"
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/socket/echo"
	"vswitch/internal/uplink/socket/tcp"
	"vswitch/internal/uplink/socket/udp"
)

// Config says what a shard may have.
type Config struct {
	// Worker is the number of its worker.
	Worker int
	// Seed is a secret of the process.
	Seed uint64
	// MaxFlows bounds the connections of the shard, all protocols together; more than 0.
	MaxFlows int
	// Exhausted is told, at most once a minute, that the host has no socket to give. It
	// must not block. May be nil.
	Exhausted func(error)
}

// Kinds of what a shard waits for: the high bits of a key.
const (
	kindTCP = iota
	kindUDP
	kindEcho
	kindPort
	kindTimer
	kindBits = 28
	keyMask  = 1<<kindBits - 1
)

// keyed watches for a protocol: its keys are told from others'.
type keyed struct {
	uplink.Watcher
	kind int32
}

// Watch implements uplink.Watcher.
func (k keyed) Watch(fd int, events uint32, key int32) error {
	return k.Watcher.Watch(fd, events, k.kind<<kindBits|key)
}

// errShort is why a connection of a container was refused that the host had no socket for.
var errShort = errors.New("the host has no socket, descriptor or port to give")

// warnEvery is how often running out of sockets is said, in nanoseconds.
const warnEvery = int64(60e9)

// Shard is a worker's share of the way out. All methods but New are called on the
// worker's thread.
type Shard struct {
	cfg    Config
	watch  uplink.Watcher // nil before Start and after Close
	tcp    *tcp.Shard
	udp    *udp.Shard
	echo   *echo.Shard
	timer  timer
	ports  ports
	warned int64
	later  later
}

// New makes a shard. It is of no use before Start.
func New(cfg Config) *Shard {
	return &Shard{cfg: cfg, ports: ports{acceptor: acceptor{spare: -1}}}
}

// Start gives the shard what it watches with. now is the worker's time. After an error
// nothing is left open.
func (s *Shard) Start(w uplink.Watcher, now int64) error {
	if err := s.timer.open(w); err != nil {
		return err
	}
	s.watch = w
	s.ports.refill()
	cfg := uplink.ShardConfig{
		Worker: s.cfg.Worker, Seed: s.cfg.Seed, MaxFlows: s.cfg.MaxFlows,
		Budget: uplink.NewBudget(s.cfg.MaxFlows), Now: now,
	}
	cfg.Watch = keyed{w, kindTCP}
	s.tcp = tcp.New(cfg)
	cfg.Watch = keyed{w, kindUDP}
	s.udp = udp.New(cfg)
	cfg.Watch = keyed{w, kindEcho}
	s.echo = echo.New(cfg)
	return nil
}

// Take takes a run of packets from containers of n, and leaves in Drop of each how it
// ends; see gateway.Uplink. It does not allocate for packets of connections that there
// are.
func (s *Shard) Take(x uplink.Outbox, n *uplink.Net, run []*frame.Frame) {
	switch {
	case s.watch == nil:
		endAll(run, frame.DropUplinkUnreachable)
	case s.later.busy:
		s.later.put(x, n, run)
	default:
		s.takeRun(x, n, run)
		s.arm(x.Now())
	}
}

func endAll(run []*frame.Frame, r frame.Reason) {
	for _, f := range run {
		f.Drop = r
	}
}

func (s *Shard) takeRun(x uplink.Outbox, n *uplink.Net, run []*frame.Frame) {
	for _, f := range run {
		if f.Drop = s.take(x, n, f); f.Drop == frame.DropUplinkSockets {
			s.warn(x, errShort)
		}
	}
	s.tcp.Done(x, n)
	s.udp.Done(x, n)
	s.echo.Done(x, n)
}

func (s *Shard) take(x uplink.Outbox, n *uplink.Net, f *frame.Frame) frame.Reason {
	switch f.Proto {
	case frame.ProtoTCP:
		if f.L4 == 0 || f.Flags&frame.FlagFragment != 0 {
			return frame.DropNATFragment // all TCP senders keep to the path's MTU
		}
		return s.tcp.Take(x, n, f)
	case frame.ProtoUDP:
		return s.udp.Take(x, n, f)
	case frame.ProtoICMP, frame.ProtoICMPv6:
		return s.echo.Take(x, n, f)
	}
	return frame.DropUplinkProtocol
}

// warn tells that the host has no socket to give.
func (s *Shard) warn(x uplink.Outbox, err error) {
	now := x.Now()
	if s.cfg.Exhausted == nil || s.warned != 0 && now-s.warned < warnEvery {
		return
	}
	s.warned = now
	s.cfg.Exhausted(err)
}

// Ready is told what the shard's sockets and timer have; see engine.Source.
func (s *Shard) Ready(x uplink.Outbox, events []uplink.Event) {
	if s.watch == nil {
		return
	}
	s.begin()
	defer s.done(x)
	for i := range events {
		if events[i].Events == 0 {
			continue // it was unwatched since
		}
		s.ready(x, events[i].Fd>>kindBits, events[i].Fd&keyMask, events[i].Events)
	}
	if s.resume(x) {
		s.watch.Again()
	}
}

func (s *Shard) ready(x uplink.Outbox, kind, key int32, events uint32) {
	switch kind {
	case kindTCP:
		s.tcp.Ready(x, key, events)
	case kindUDP:
		s.udp.Ready(x, key, events)
	case kindEcho:
		s.echo.Ready(x, key, events)
	case kindPort:
		s.ports.wait(uint32(key))
	case kindTimer:
		s.timer.rang()
		s.expire(x)
	}
}

func (s *Shard) expire(x uplink.Outbox) {
	s.tcp.Expire(x)
	s.udp.Expire(x)
	s.echo.Expire(x)
}

// resume goes on with what was cut short, and reports whether there is more.
func (s *Shard) resume(x uplink.Outbox) bool {
	again := s.accept(x)
	again = s.tcp.Resume(x) || again
	again = s.udp.Resume(x) || again
	return s.echo.Resume(x) || again
}

// begin marks that the shard is at work outside a run: what comes meanwhile waits.
func (s *Shard) begin() { s.later.busy = true }

// done marks that it is not any more, takes what has waited, and sets the timer.
func (s *Shard) done(x uplink.Outbox) {
	s.later.busy = false
	if s.watch == nil {
		return
	}
	s.takeLater(x)
	s.arm(x.Now())
}

// arm sees to it that the timer goes off before a deadline passes.
func (s *Shard) arm(now int64) {
	near, held := now+soon, s.ports.held
	if held != 0 {
		near = min(near, held)
	}
	switch due := s.timer.due; {
	case due == 0:
		s.timer.by(s.tcp.Next())
		s.timer.by(s.udp.Next())
		s.timer.by(s.echo.Next())
		s.timer.by(held, held != 0)
		s.timer.set(now)
	case due > near:
		s.timer.by(near, true)
		s.timer.set(now)
	}
}

// DropNet forgets a network: its connections end, and its published ports take no more
// clients; their numbers are in use until Shut.
func (s *Shard) DropNet(x uplink.Outbox, id uint16) {
	s.begin()
	defer s.done(x)
	s.silenceNet(x, id)
	s.tcp.DropNet(x, id)
	s.udp.DropNet(x, id)
	s.echo.DropNet(x, id)
}

// DropInside ends the connections of a container.
func (s *Shard) DropInside(x uplink.Outbox, id uint16, a netip.Addr) {
	s.begin()
	defer s.done(x)
	s.tcp.DropInside(x, id, a)
	s.udp.DropInside(x, id, a)
	s.echo.DropInside(x, id, a)
}

// Flows calls yield for each connection.
func (s *Shard) Flows(x uplink.Outbox, yield func(uplink.Flow)) {
	s.begin()
	defer s.done(x)
	s.expire(x) // those whose time is over are not listed, and idle times count from now
	s.tcp.Flows(yield)
	s.udp.Flows(yield)
	s.echo.Flows(yield)
}

// Counts returns the sum over the protocols, and what clients of published ports met.
func (s *Shard) Counts() uplink.Counts {
	c := s.tcp.Counts()
	c.Add(s.udp.Counts())
	c.Add(s.echo.Counts())
	c.Exhausted += s.ports.exhausted
	return c
}

// Close ends all connections and gives everything back, once. Sockets of published
// ports are their owner's. What a container sends from here on finds no way.
func (s *Shard) Close() {
	if s.watch == nil {
		return
	}
	for id := range s.ports.all {
		s.silence(nil, uint32(id))
	}
	s.tcp.Close()
	s.udp.Close()
	s.echo.Close()
	s.timer.close(s.watch)
	s.ports.giveSpare()
	s.watch = nil
}
