package gateway

import (
	"net/netip"

	"vswitch/internal/frame"
)

// defaultHops is the time to live of what the gateway says by itself.
const defaultHops = 64

// answer is the IP header of an answer with n bytes behind it.
type answer struct {
	src, dst netip.Addr
	proto    uint8
	tos      uint8
	hops     uint8
	n        int
	// fragment is what it is of a longer answer; the zero value: it is whole.
	fragment piece
}

// reply makes a frame to the asker and returns its n bytes behind the Ethernet
// header; nil when there is none to be had.
func (p *packet) reply(typ uint16, n int) []byte {
	b := p.x.Reply(frame.EthernetLen + n)
	if b == nil {
		return nil
	}
	return frame.EthernetFields{Dst: p.f.Src, Src: p.c.MAC, EtherType: typ}.Encode(b)
}

// answer makes a frame to the asker and returns the n bytes behind the IP header;
// nil when there is none to be had.
func (p *packet) answer(a answer) []byte {
	if a.src.Is4() {
		b := p.reply(frame.TypeIPv4, frame.IPv4Len+a.n)
		if b == nil {
			return nil
		}
		return ipv4(b, a)
	}
	b := p.reply(frame.TypeIPv6, frame.IPv6Len+a.n)
	if b == nil {
		return nil
	}
	return ipv6(b, a)
}

// ipv4 writes the header of a packet and returns what follows it. A whole one is
// not to be fragmented, so its identification means nothing (RFC 6864).
func ipv4(b []byte, a answer) []byte {
	f := a.fragment
	return frame.IPv4Fields{
		TOS: a.tos, TTL: a.hops, Proto: a.proto, Src: a.src, Dst: a.dst, ID: uint16(f.id),
		DontFragment: f.at == 0 && !f.more, MoreFragments: f.more, FragmentOffset: f.at,
	}.Encode(b)[frame.IPv4Len:]
}

// ipv6 writes the header of a packet and returns what follows it.
func ipv6(b []byte, a answer) []byte {
	return frame.IPv6Fields{
		TrafficClass: a.tos, HopLimit: a.hops, NextHeader: a.proto, Src: a.src, Dst: a.dst,
	}.Encode(b)[frame.IPv6Len:]
}

// copied books payload that an answer repeats.
func (p *packet) copied(n int) { p.x.Ledger().CopiedBytes.Add(uint64(n)) }
