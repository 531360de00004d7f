package udp

import (
	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/fragment"
)

const (
	// hops is the time to live of what enters.
	hops = 64
	// maxPacket is the longest IP packet, and maxSuper how many datagrams a
	// super-frame has at most (UDP_MAX_SEGMENTS).
	maxPacket = 65535
	maxSuper  = 128
)

// head is what all packets of an arrival have in common.
type head struct {
	src, dst end // as the container sees them
	mac      frame.MAC
	tos      uint8
}

// enter writes the headers before what has arrived for a session, and has it enter: one
// datagram, or a super-frame. What the network's MTU does not allow is fragmented.
func (s *Shard) enter(x uplink.Outbox, n *uplink.Net, mac frame.MAC, id uint32, a *arrival) frame.Reason {
	e := s.sessions.at(id)
	h := head{src: e.remote, dst: s.mappings.at(e.mapping).inside, mac: mac, tos: a.tos}
	before := headers(h.dst.is4())
	size := a.size
	if size == 0 || size > a.n {
		size = a.n
	}
	if overhead := before - frame.EthernetLen; overhead+size > n.MTU || overhead+a.n > maxPacket || a.n > size*maxSuper {
		return s.apart(x, n, &h, a.slot[frame.Headroom+before-frame.UDPLen:][:frame.UDPLen+a.n], size, a.slot)
	}
	b := a.slot[frame.Headroom : frame.Headroom+before+a.n]
	u := frame.UDP(h.packet(n, b, frame.UDPLen+a.n))
	v := offload.Vnet(a.slot[frame.Headroom-frame.VnetLen:])
	v.Clear()
	v.SetFlags(offload.NeedsCsum)
	v.SetCsumStart(uint16(before - frame.UDPLen))
	v.SetCsumOffset(6)
	if a.n > size {
		v.SetGSOType(offload.GSOUDP)
		v.SetGSOSize(uint16(size))
		v.SetHdrLen(uint16(before))
	}
	h.ports(u, len(u))
	u.SetChecksum(frame.Fold(pseudo(&h.src, &h.dst, len(u))))
	x.Enter(a.slot, len(b))
	return frame.Accepted
}

// packet writes Ethernet and IP headers of a whole packet with n bytes behind them, and
// returns those.
func (h *head) packet(net *uplink.Net, b []byte, n int) []byte {
	eth := frame.EthernetFields{Dst: h.mac, Src: net.MAC, EtherType: frame.TypeIPv6}
	if h.dst.is4() {
		eth.EtherType = frame.TypeIPv4
		frame.IPv4Fields{
			TOS: h.tos, DontFragment: true, TTL: hops, Proto: frame.ProtoUDP, Src: h.src.ip(), Dst: h.dst.ip(),
		}.Encode(eth.Encode(b))
	} else {
		frame.IPv6Fields{
			TrafficClass: h.tos, NextHeader: frame.ProtoUDP, HopLimit: hops, Src: h.src.ip(), Dst: h.dst.ip(),
		}.Encode(eth.Encode(b))
	}
	return b[len(b)-n:]
}

// ports writes a UDP header but for the checksum, of a datagram with n bytes.
func (h *head) ports(u frame.UDP, n int) {
	be.PutUint16(u, h.src.port)
	be.PutUint16(u[2:], h.dst.port)
	u.SetLength(n)
}

// apart has the datagrams of b, size bytes of payload each, enter one by one in
// fragments. b begins with the room for the first one's UDP header; each next header
// overwrites the end of the datagram before it, which has entered. The slot of b is
// given back.
func (s *Shard) apart(x uplink.Outbox, n *uplink.Net, h *head, b []byte, size int, slot []byte) frame.Reason {
	if size+headers(h.dst.is4())-frame.EthernetLen > maxPacket {
		return frame.DropTooBig // of IPv6, for a container of IPv4
	}
	common := fragment.Header{
		V6: !h.dst.is4(), Src: h.src.ip(), Dst: h.dst.ip(), MAC: h.mac, Proto: frame.ProtoUDP, Hops: hops, TOS: h.tos,
	}
	for len(b) > frame.UDPLen {
		u := b[:min(frame.UDPLen+size, len(b))]
		frame.UDPFields{SrcPort: h.src.port, DstPort: h.dst.port}.Encode(u, pseudo(&h.src, &h.dst, len(u)))
		s.ident++
		if !common.Enter(x, n, s.ident, u) {
			break
		}
		b = b[len(u)-frame.UDPLen:]
	}
	x.Return(slot)
	return frame.Accepted
}
