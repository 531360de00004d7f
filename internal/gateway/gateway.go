package gateway

import (
	"net/netip"
	"sync/atomic"

	"vswitch/internal/frame"
)

// Outbox is where a gateway puts frames. It belongs to the worker that serves a
// run, for as long as Serve runs.
type Outbox interface {
	// Now is the time in nanoseconds of a monotonic clock.
	Now() int64
	// Worker is the number of the worker.
	Worker() int
	// From is the port that the frames of the run came into the switch by.
	From() frame.PortID
	// Ledger is where the end of every frame is booked, except of those given to
	// Reenter.
	Ledger() *frame.Ledger
	// Owned reports whether f may be edited: nobody else gets it too.
	Owned(f *frame.Frame) bool
	// Reply returns n zeroed bytes, from the Ethernet header on, of a frame that
	// enters the network by the gateway's port when Serve has returned; nil when
	// none is to be had.
	Reply(n int) []byte
	// Reenter has an owned frame enter by a gateway's port, whose network it then
	// is in. It books the frame itself.
	Reenter(f *frame.Frame, port frame.PortID)
}

// Service answers a kind of request.
type Service interface {
	// Take is given a packet for the service that came in by port from: its headers
	// are checked, its checksum is right, or partial as the virtio header says. It
	// is called by several workers at once, must not block, and copies what it
	// keeps. It returns frame.Consumed, or the reason for which the packet ends.
	Take(from frame.PortID, f *frame.Frame) frame.Reason
}

// Uplink is a way out of the switch.
type Uplink interface {
	// Take is given the packets of a run that are for no network and no service of ours:
	// their source is right and their hops do not end here, but are not counted down
	// yet. Also what comes to a gateway's address for no service is given, which may
	// belong to a connection with a client that the gateway stands for. It leaves in
	// Drop of each how it ends: Accepted if it was given to x.Reenter, or a reason,
	// which the gateway books and, for some, tells the sender; TCP is reset by the uplink,
	// unless there is no service, no way or no port for it. As for Service, it must
	// not block, and may be called by several workers at once.
	Take(x Outbox, run []*frame.Frame)
}

// Gateway is the router of one network. Its methods may be called from any
// goroutine.
type Gateway struct {
	router     *Router
	config     atomic.Pointer[config]
	neighbours neighbours
	errors     bucket
	routed     bool // it is in the router's table, whose lock guards this
}

// New makes a gateway and adds its network to the router. The errors are ErrMAC,
// ErrAddr and ErrOverlap, wrapped.
func New(r *Router, c Config) (*Gateway, error) {
	g := &Gateway{router: r}
	g.neighbours.init()
	if err := g.Set(c); err != nil {
		return nil, err
	}
	return g, nil
}

// Set changes the configuration, also under traffic. On an error, as of New, the
// old one stays.
func (g *Gateway) Set(c Config) error {
	k, err := compile(c)
	if err != nil {
		return err
	}
	return g.router.change(g, k)
}

// Close takes the network out of the router. Frames that are still served find no
// route any more.
func (g *Gateway) Close() {
	_ = g.router.change(g, nil) // only what is added can overlap
}

// Config returns the configuration. Its slices and maps are not to be edited.
func (g *Gateway) Config() Config { return g.config.Load().Config }

// SetNeighbour says, or says anew, which station has an address. Origin is for
// tables.
func (g *Gateway) SetNeighbour(addr netip.Addr, mac frame.MAC, origin string) {
	g.neighbours.set(Neighbour{Addr: plain(addr), MAC: mac, Origin: origin})
}

// DropNeighbour forgets an address.
func (g *Gateway) DropNeighbour(addr netip.Addr) { g.neighbours.drop(plain(addr)) }

// Lookup returns the station that has an address. It neither locks nor allocates.
func (g *Gateway) Lookup(addr netip.Addr) (frame.MAC, bool) {
	return g.neighbours.lookup(plain(addr))
}

// Knows reports whether the gateway answers when its network asks for an address:
// its own ones and the neighbours'. It neither locks nor allocates.
func (g *Gateway) Knows(addr netip.Addr) bool {
	addr = plain(addr)
	if g.config.Load().owns(addr) {
		return true
	}
	_, ok := g.neighbours.lookup(addr)
	return ok
}

// plain is how addresses are compared here.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Serve takes a run of parsed frames that left the switch by the gateway's port.
// Every frame is booked in x's ledger with the reason of its end, or given to
// x.Reenter. Several workers may call it at once, each with an Outbox of its own;
// the frames are theirs again when it returns. It does not allocate. The order in run
// changes.
func (g *Gateway) Serve(x Outbox, run []*frame.Frame) {
	p := packet{g: g, c: g.config.Load(), t: g.router.table.Load(), x: x}
	ledger := x.Ledger()
	out := run[:0] // never longer than what was served already
	for _, f := range run {
		p.f = f
		switch r := p.serve(); r {
		case frame.Accepted:
		case outward:
			out = append(out, f)
		default:
			ledger.End(r)
		}
	}
	if len(out) > 0 {
		p.leave(out)
	}
}
