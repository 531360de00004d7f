package echo

import (
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/fragment"
)

// deliver has an answer enter the network of the flow that it is for, and reports
// whether it did; if not, the slot is still the caller's.
func (s *Shard) deliver(x uplink.Outbox, key uint32, v6 bool, slot []byte, a *answer) bool {
	m := frame.ICMPv4(a.msg) // ICMPv6 has identifier and checksum at the same places
	if !m.Valid() || m.Type() != replyType(v6) {
		return false
	}
	id := key
	if key >= rawKey {
		if id = s.onWire(v6, m.ID()); id == none {
			return false // another's ping
		}
	}
	r := &s.records[id]
	n := s.nets[r.net]
	if n == nil || !x.As(n.Port) {
		return false
	}
	m.SetID(r.ident)
	p := packet{n: n, r: r, src: inward(n, a.from), hops: max(a.hops, 2) - 1, tos: a.tos}
	if !p.src.IsValid() {
		return false
	}
	if v6 {
		frame.ICMPv6(m).FillChecksum(frame.PseudoSum6(p.src.As16(), r.inside, frame.ProtoICMPv6, len(m)))
	}
	x.Ledger().CopiedBytes.Add(uint64(a.copied))
	r.last = s.now
	r.rx++
	r.rxBytes += uint64(len(m))
	if p.header()+len(m) > n.MTU {
		s.pieces(x, &p, m)
		return false
	}
	x.Enter(slot, p.encode(slot, len(m)))
	return true
}

func replyType(v6 bool) uint8 {
	if v6 {
		return frame.ICMPv6EchoReply
	}
	return frame.ICMPEchoReply
}

// inward returns what a container calls an address of outside: the host's loopback has
// another name there.
func inward(n *uplink.Net, a netip.Addr) netip.Addr {
	switch {
	case !a.IsLoopback():
		return a
	case a.Is4():
		return n.Loopback4
	}
	return n.Loopback6
}

// packet is an answer's header.
type packet struct {
	n         *uplink.Net
	r         *record
	src       netip.Addr
	hops, tos uint8
}

// header returns the length of an IP header.
func (p *packet) header() int {
	if p.r.v6 {
		return frame.IPv6Len
	}
	return frame.IPv4Len
}

// encode writes all headers before n bytes of message, which lie in the slot right
// behind where they belong, and returns the length of the frame.
func (p *packet) encode(slot []byte, n int) int {
	clear(slot[frame.Headroom-frame.VnetLen : frame.Headroom])
	size := frame.EthernetLen + p.header() + n
	b := slot[frame.Headroom : frame.Headroom+size]
	eth := frame.EthernetFields{Dst: p.r.mac, Src: p.n.MAC, EtherType: frame.TypeIPv4}
	if p.r.v6 {
		eth.EtherType = frame.TypeIPv6
		frame.IPv6Fields{
			TrafficClass: p.tos, HopLimit: p.hops, NextHeader: frame.ProtoICMPv6, Src: p.src, Dst: p.r.src(),
		}.Encode(eth.Encode(b))
		return size
	}
	frame.IPv4Fields{
		TOS: p.tos, TTL: p.hops, Proto: frame.ProtoICMP, Src: p.src, Dst: p.r.src(), DontFragment: true,
	}.Encode(eth.Encode(b))
	return size
}

// pieces has a message that is longer than the network's MTU enter in fragments. Where
// there are no slots for all of them, the rest is of no use either.
func (s *Shard) pieces(x uplink.Outbox, p *packet, m []byte) {
	s.ident++
	h := fragment.Header{
		V6: p.r.v6, Src: p.src, Dst: p.r.src(), MAC: p.r.mac, Proto: p.r.proto(), Hops: p.hops, TOS: p.tos,
	}
	h.Enter(x, p.n, s.ident, m)
}
