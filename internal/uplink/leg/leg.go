package leg

import (
	"net/netip"
	"sync/atomic"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/nat"
)

// Outbox is uplink.Outbox, for who works with two ports at once.
type Outbox interface {
	uplink.Outbox
	// EnterAt is Enter by a port of the caller's choice.
	EnterAt(slot []byte, n int, port frame.PortID)
}

// Config says where a leg stands. It is immutable.
type Config struct {
	NAT *nat.Table
	// Port is our port of the network outside, MAC our address there; Addr4 and Addr6
	// are ours, the zero Addr where there is none.
	Port         frame.PortID
	MAC          frame.MAC
	Addr4, Addr6 netip.Addr
	// Next returns the station outside that a packet to dst is handed to.
	Next func(dst netip.Addr) (frame.MAC, bool)
	// Inside sends a packet to the container that it is for; see gateway.Deliver.
	Inside func(x Outbox, f *frame.Frame) frame.Reason
	// Station is the container that has an address; InsidePort and InsideMAC are the
	// gateway's, by which frames enter its network.
	Station    func(netip.Addr) (frame.MAC, bool)
	InsidePort frame.PortID
	InsideMAC  frame.MAC
	// Rest is given what is for our address and no flow: it answers or refuses it, and
	// books it.
	Rest func(x Outbox, run []*frame.Frame)
}

// Leg is a foot in another network. Any worker may call it, several at once.
type Leg struct {
	Config
	lost atomic.Uint64
}

// New makes a leg.
func New(c Config) *Leg { return &Leg{Config: c} }

// owns reports whether an address is ours outside.
func (l *Leg) owns(a netip.Addr) bool { return a == l.Addr4 || a == l.Addr6 }

// Take takes packets from inside, and leaves in Drop of each how it ends; see
// gateway.Uplink.
func (l *Leg) Take(x Outbox, run []*frame.Frame) {
	for _, f := range run {
		f.Drop = l.out(x, f)
	}
	if l.NAT.HasReleased() {
		l.release(x)
	}
}

func (l *Leg) out(x Outbox, f *frame.Frame) frame.Reason {
	dst := destination(f)
	if l.owns(dst) {
		return l.hair(x, f)
	}
	mac, ok := l.Next(dst)
	switch {
	case !ok:
		return frame.DropNeighbour
	case !x.Owned(f):
		return frame.DropNoEgress
	}
	if r := l.NAT.Out(x.Now(), f); r != frame.Accepted {
		return r
	}
	hop(f.Bytes()[f.L3:])
	e := f.Ethernet()
	e.SetDst(mac)
	e.SetSrc(l.MAC)
	f.Dst, f.Src = mac, l.MAC
	x.Reenter(f, l.Port)
	return frame.Accepted
}

// hair sends a packet to our own address outside back in, where a forward leads.
func (l *Leg) hair(x Outbox, f *frame.Frame) frame.Reason {
	if !x.Owned(f) {
		return frame.DropNoEgress
	}
	switch r := l.NAT.Hair(x.Now(), f); r {
	case frame.Accepted:
		return l.Inside(x, f)
	case frame.DropNoFlow, frame.DropNATFiltered:
		return frame.DropNoService // nothing is published there
	default:
		return r
	}
}

// Serve takes a run of frames that left the network outside by our port, and books
// their ends. The order in run changes.
func (l *Leg) Serve(x Outbox, run []*frame.Frame) {
	ledger := x.Ledger()
	rest := run[:0] // never longer than what was looked at
	for _, f := range run {
		switch r := l.in(x, f); r {
		case frame.Accepted:
		case strange:
			rest = append(rest, f)
		default:
			ledger.End(r)
		}
	}
	if l.NAT.HasReleased() {
		l.release(x)
	}
	if len(rest) > 0 {
		l.Rest(x, rest)
	}
}

// strange marks a frame that is no flow's. It is no reason, and is never booked.
const strange = frame.Reasons

func (l *Leg) in(x Outbox, f *frame.Frame) frame.Reason {
	if f.Dst != l.MAC || f.Flags&(frame.FlagIPv4|frame.FlagIPv6) == 0 || f.Tags != 0 || !l.owns(destination(f)) {
		return strange
	}
	if !x.Owned(f) {
		return frame.DropNoEgress
	}
	switch r := l.NAT.In(x.Now(), f); r {
	case frame.Accepted:
		return l.Inside(x, f)
	case frame.DropNoFlow:
		return strange
	default:
		return r
	}
}

// release sends on what was kept of datagrams whose first fragment has come. Each was
// booked as consumed when it came; what cannot be sent on is counted here.
func (l *Leg) release(x Outbox) {
	l.NAT.Released(func(b []byte, in bool) {
		if slot := x.Borrow(); slot == nil {
			l.lost.Add(1)
		} else if n, port, ok := l.piece(slot, b, in); ok {
			x.Ledger().CopiedBytes.Add(uint64(n))
			x.EnterAt(slot, n, port)
		} else {
			x.Return(slot)
			l.lost.Add(1)
		}
	})
}

// piece makes a frame of a fragment that was kept, and says by which port it enters.
func (l *Leg) piece(slot, b []byte, in bool) (n int, port frame.PortID, ok bool) {
	var info frame.Info
	if len(b) > frame.MaxFrame || frame.Parse(b, &info) != frame.Accepted || info.Flags&(frame.FlagIPv4|frame.FlagIPv6) == 0 {
		return 0, 0, false
	}
	dst, next, port, src := addressed(b[info.L3:], info.Flags), l.Next, l.Port, l.MAC
	if in {
		next, port, src = l.Station, l.InsidePort, l.InsideMAC
	}
	mac, ok := next(dst)
	if !ok || hopsLeft(b[info.L3:]) <= 1 {
		return 0, 0, false
	}
	clear(slot[frame.Headroom-frame.VnetLen : frame.Headroom])
	at := slot[frame.Headroom:]
	n = copy(at, b)
	e := frame.Ethernet(at)
	e.SetDst(mac)
	e.SetSrc(src)
	hop(at[info.L3:])
	return n, port, true
}

// Lost counts fragments that were kept and could not be sent on: no slot was free, they
// had no hop left, or their station was gone.
func (l *Leg) Lost() uint64 { return l.lost.Load() }

// hop counts the hops of a packet down by one; that there is one left was checked.
func hop(packet []byte) {
	if packet[0]>>4 == 4 {
		ip := frame.IPv4(packet)
		ip.SetTTL(ip.TTL() - 1)
		return
	}
	ip := frame.IPv6(packet)
	ip.SetHopLimit(ip.HopLimit() - 1)
}

// hopsLeft is how many hops a packet may still go, this one counted.
func hopsLeft(packet []byte) uint8 {
	if packet[0]>>4 == 4 {
		return frame.IPv4(packet).TTL()
	}
	return frame.IPv6(packet).HopLimit()
}

func destination(f *frame.Frame) netip.Addr { return addressed(f.Bytes()[f.L3:], f.Flags) }

func addressed(packet []byte, flags uint8) netip.Addr {
	if flags&frame.FlagIPv4 != 0 {
		return frame.IPv4(packet).Dst()
	}
	return frame.IPv6(packet).Dst()
}
