package udp

import (
	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/uplink"
)

// datagram is what a container sends: one, or several of one size in a super-frame.
type datagram struct {
	src, dst end
	payload  []byte
	size     int // payload bytes of each; len(payload) for one
	ttl, tos uint8
	whole    bool // not to be fragmented
	f        *frame.Frame
}

// read takes a parsed frame with a UDP header apart. A partial checksum is right: it
// never was on a wire.
func (d *datagram) read(f *frame.Frame) frame.Reason {
	if f.L4 == 0 || f.Proto != frame.ProtoUDP {
		return frame.DropTransport
	}
	u := f.UDP()
	d.f = f
	d.network(f)
	d.src.port, d.dst.port = u.SrcPort(), u.DstPort()
	d.payload = u.Payload()
	d.size = len(d.payload)
	v := offload.Vnet(f.Vnet())
	if v.GSO() {
		d.size = int(v.GSOSize())
	}
	if !v.Partial() && !d.sums(u[:u.Length()]) {
		return frame.DropGatewayHeader
	}
	return frame.Accepted
}

// network reads the IP header. IPv6 is never fragmented on the way, so a datagram that
// the sender has not cut itself is to stay whole (RFC 8200, section 5).
func (d *datagram) network(f *frame.Frame) {
	if f.Flags&frame.FlagIPv4 != 0 {
		ip := f.IPv4()
		d.src.addr, d.dst.addr = ip.Src().As16(), ip.Dst().As16()
		d.ttl, d.tos, d.whole = ip.TTL(), ip.TOS(), ip.DontFragment()
		return
	}
	ip := f.IPv6()
	d.src.addr, d.dst.addr = ip.Src16(), ip.Dst16()
	d.ttl, d.tos, d.whole = ip.HopLimit(), ip.TrafficClass(), true
}

// sums reports whether the checksum of a whole datagram is right. Only IPv4 has
// datagrams without one (RFC 768; RFC 8200, section 8.1).
func (d *datagram) sums(u frame.UDP) bool {
	if u.Checksum() == 0 {
		return d.src.is4()
	}
	return frame.Checksum(u, pseudo(&d.src, &d.dst, len(u))) == 0xffff
}

// pseudo returns the sum of the pseudo header of n bytes of UDP.
func pseudo(src, dst *end, n int) uint32 {
	if src.is4() {
		return frame.PseudoSum4(be.Uint32(src.addr[12:]), be.Uint32(dst.addr[12:]), frame.ProtoUDP, n)
	}
	return frame.PseudoSum6(src.addr, dst.addr, frame.ProtoUDP, n)
}

// packets returns how many datagrams there are in it.
func (d *datagram) packets() int {
	if d.size == 0 {
		return 1
	}
	return (len(d.payload) + d.size - 1) / d.size
}

// out sends a datagram by its session, which it begins where there is none.
func (s *Shard) out(x uplink.Outbox, n *uplink.Net, d *datagram) frame.Reason {
	id := s.find(n.ID, &d.src, &d.dst)
	if id == none {
		var r frame.Reason
		// What was put off may be of the session that makes way for this one.
		s.transmit(x, n)
		if id, r = s.begin(n, &d.src, &d.dst); r != frame.Accepted {
			return r
		}
	}
	s.sentTo(id, d.packets(), len(d.payload))
	return s.send(x, n, id, d)
}
