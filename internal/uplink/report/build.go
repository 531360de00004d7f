package report

import (
	"net/netip"

	"vswitch/internal/frame"
)

// out is an ICMP error about to be built.
type out struct {
	dst, src frame.MAC
	from, to netip.Addr
	icmp     frame.ICMPFields
	mtu      int // of the network that it enters
}

// build4 writes the error about q into b from the Ethernet header on, and returns how
// long the frame is and how many bytes of q's payload it has.
func (o *out) build4(b []byte, q *Quote) (size, copied int) {
	const headers = frame.EthernetLen + frame.IPv4Len + frame.ICMPLen
	room := max(min(maxError4, o.mtu)-2*frame.IPv4Len-frame.ICMPLen, frame.ICMPLen)
	copied = copy(b[headers+frame.IPv4Len:], q.Payload[:min(len(q.Payload), room)])
	size = headers + frame.IPv4Len + copied

	tooBig := o.icmp.Type == frame.ICMPUnreachable && o.icmp.Code == frame.ICMPCodeFragmentationNeeded
	quoted := frame.IPv4Fields{
		TOS: q.TOS, ID: q.ID, DontFragment: tooBig || q.ID == 0, TTL: o.left(q, frame.ICMPTimeExceeded),
		Proto: q.Proto, Src: q.Src.Addr(), Dst: q.Dst.Addr(),
	}.Encode(b[headers:size])
	quoted.SetTotalLen(frame.IPv4Len + q.length())

	frame.EthernetFields{Dst: o.dst, Src: o.src, EtherType: frame.TypeIPv4}.Encode(b)
	frame.IPv4Fields{
		DontFragment: true, Proto: frame.ProtoICMP, Src: o.from, Dst: o.to,
	}.Encode(b[frame.EthernetLen:size])
	o.icmp.EncodeV4(b[headers-frame.ICMPLen : size])
	return size, copied
}

// build6 is build4 for IPv6.
func (o *out) build6(b []byte, q *Quote) (size, copied int) {
	const headers = frame.EthernetLen + frame.IPv6Len + frame.ICMPLen
	const room = maxError6 - 2*frame.IPv6Len - frame.ICMPLen
	copied = copy(b[headers+frame.IPv6Len:], q.Payload[:min(len(q.Payload), room)])
	size = headers + frame.IPv6Len + copied

	quoted := frame.IPv6Fields{
		TrafficClass: q.TOS, HopLimit: o.left(q, frame.ICMPv6TimeExceeded),
		NextHeader: q.Proto, Src: q.Src.Addr(), Dst: q.Dst.Addr(),
	}.Encode(b[headers:size])
	quoted.SetPayloadLen(q.length())

	frame.EthernetFields{Dst: o.dst, Src: o.src, EtherType: frame.TypeIPv6}.Encode(b)
	frame.IPv6Fields{
		NextHeader: frame.ProtoICMPv6, Src: o.from, Dst: o.to,
	}.Encode(b[frame.EthernetLen:size])
	m := b[headers-frame.ICMPLen : size]
	o.icmp.EncodeV6(m, frame.PseudoSum6(o.from.As16(), o.to.As16(), frame.ProtoICMPv6, len(m)))
	return size, copied
}

// left returns the time to live of the quoted packet: where it exceeded it, none was
// left.
func (o *out) left(q *Quote, exceeded uint8) uint8 {
	if o.icmp.Type == exceeded && o.icmp.Code == 0 {
		return 1
	}
	return q.TTL
}

// length returns how many bytes followed the IP header.
func (q *Quote) length() int {
	if q.Len > 0 {
		return q.Len
	}
	return len(q.Payload)
}
