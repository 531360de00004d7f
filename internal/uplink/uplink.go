package uplink

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// Outbox is what a worker gives to who runs on its thread; *engine.Exchange is one. It
// is good for the call that it was given to.
type Outbox interface {
	// Now is the time in nanoseconds of a monotonic clock, read once a batch.
	Now() int64
	// Worker is the number of the worker.
	Worker() int
	// From is the port that the frames of a run came into the switch by; of no meaning
	// outside a run.
	From() frame.PortID
	// As says by which gateway's port frames enter from now on, false if it is gone. In
	// a run it is set, and must not be changed.
	As(port frame.PortID) bool
	// Ledger is that port's on this worker.
	Ledger() *frame.Ledger
	// Owned reports whether f, a frame of the run, may be edited: nobody else gets it.
	Owned(f *frame.Frame) bool
	// Borrow returns a free slot with old bytes in it, nil when there is none. It is
	// given to Enter or Return before the call ends.
	Borrow() []byte
	// Enter has a frame of n bytes, from slot[frame.Headroom] on, enter the network. The
	// virtio header before it is the caller's to write.
	Enter(slot []byte, n int)
	// Return gives a slot back.
	Return(slot []byte)
	// Flush carries on what was entered, so that its slots are free again. Not in a run.
	Flush()
	// Reenter has an owned frame of the run enter by a gateway's port, and books it.
	Reenter(f *frame.Frame, port frame.PortID)
}

// Borrow returns a slot of x, nil if there is none even when all that was entered has
// gone. Not in a run.
func Borrow(x Outbox) []byte {
	if slot := x.Borrow(); slot != nil {
		return slot
	}
	x.Flush()
	return x.Borrow()
}

// Watcher is how a worker is told what to wait for; *engine.Watcher is one. Its methods
// are called on the worker's thread only.
type Watcher interface {
	// Watch has events of a descriptor reported, edge-triggered, under key.
	Watch(fd int, events uint32, key int32) error
	// Unwatch ends that. It comes before the descriptor is closed.
	Unwatch(fd int) error
	// Forget is Unwatch for a descriptor that is closed right after and that nobody has a
	// copy of.
	Forget(fd int) error
	// Again asks for a call without events before the worker sleeps.
	Again()
}

// Net is a network as its way out sees it. It is immutable: a change is a new Net.
type Net struct {
	Name string
	// ID is the network's number in tables.
	ID uint16
	// Port is the gateway's port of the network's switch, MAC its hardware address.
	Port frame.PortID
	MAC  frame.MAC
	// Addr4 and Addr6 are the gateway's addresses; the zero Addr where there is none.
	Addr4, Addr6 netip.Addr
	// MTU is the longest layer-3 packet of the network in bytes.
	MTU int
	// Lookup returns the station that has an address. It neither locks nor allocates.
	Lookup func(netip.Addr) (frame.MAC, bool)
	// Loopback4 and Loopback6 are what containers call the host's loopback by; packets
	// there go to 127.0.0.1 and ::1 if HostLoopback is set and are refused otherwise.
	Loopback4, Loopback6 netip.Addr
	HostLoopback         bool
	// Own reports whether an address is a gateway's of this switch, Published whether a
	// port is published on all addresses of the host: then containers reach it by the
	// gateways' addresses too. Neither locks nor allocates.
	Own       func(netip.Addr) bool
	Published func(proto uint8, v6 bool, port uint16) bool
	// Filter says from whom a UDP mapping takes datagrams.
	Filter Filter
	// MaxFlows bounds the connections of one container, all protocols together and each
	// worker for itself.
	MaxFlows int
}

// Speaker returns the address that the gateway speaks from to a station of a's family.
func (n *Net) Speaker(a netip.Addr) netip.Addr {
	if a.Is4() {
		return n.Addr4
	}
	return n.Addr6
}

// Host returns where the host's sockets are to reach dst, a destination that a
// container used: dst itself, or the host's loopback where that is what it stands for.
// closed says that it is the loopback, and not open to the network.
func (n *Net) Host(dst netip.Addr) (host netip.Addr, closed bool) {
	switch dst {
	case n.Loopback4:
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), !n.HostLoopback
	case n.Loopback6:
		return netip.IPv6Loopback(), !n.HostLoopback
	}
	return dst, false
}

// Reach returns where the host's sockets are to go for dst and port, an end that a
// container named: as Host does, and for a published port at a gateway's address the
// host's loopback, where it listens. The reason says why it may not go there; nothing
// leads from a container to the host's loopback but what is meant to.
func (n *Net) Reach(proto uint8, dst netip.Addr, port uint16) (host netip.Addr, r frame.Reason) {
	host, closed := n.Host(dst)
	switch {
	case closed:
		return host, frame.DropUplinkLoopback
	case host != dst:
		return host, frame.Accepted
	case dst == n.Speaker(dst), n.Own != nil && n.Own(dst):
		if n.Published == nil || !n.Published(proto, dst.Is6(), port) {
			return host, frame.DropNoService
		}
		return loopback(dst), frame.Accepted
	case dst.IsLoopback(), dst.IsUnspecified(), dst.Is4In6():
		return host, frame.DropUplinkLoopback
	case dst.IsMulticast():
		return host, frame.DropUplinkProtocol
	}
	return host, frame.Accepted
}

// loopback is the host's own, of a's family.
func loopback(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// Client returns the address that a container is to see a client by: its own, or the
// gateway's where it is one that no answer would find: of the host's loopback or of a
// link, of another family than the container's, or in use in here.
func (n *Net) Client(client, container netip.Addr) netip.Addr {
	client = client.Unmap()
	if client.Is4() != container.Is4() || client.IsLoopback() || client.IsUnspecified() ||
		client.IsLinkLocalUnicast() || client.IsMulticast() || n.inside(client) {
		return n.Speaker(container)
	}
	return client.WithZone("")
}

// inside reports whether an address is a gateway's or a station's of the network.
func (n *Net) inside(a netip.Addr) (yes bool) {
	if n.Lookup != nil {
		_, yes = n.Lookup(a)
	}
	return yes || n.Own != nil && n.Own(a)
}

// Filter says from whom a mapping takes what comes from outside (RFC 4787, section 5).
type Filter uint8

const (
	// ByEndpoint: from those addresses and ports that it has sent to. The zero value.
	ByEndpoint Filter = iota
	// ByAddress: from those addresses that it has sent to.
	ByAddress
	// ByNobody: from everybody.
	ByNobody
)

// Event is an event of a watched descriptor: Fd is the key that Watch was given.
type Event = unix.EpollEvent
