package fragment

import (
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// Header is what the packets of a datagram's fragments have in common.
type Header struct {
	// V6 says that they are of IPv6. MAC is Dst's hardware address.
	V6               bool
	Src, Dst         netip.Addr
	MAC              frame.MAC
	Proto, Hops, TOS uint8
}

// Enter has datagram d enter n in fragments that n's MTU allows, as copies that are
// booked; x is not in a run. id is the identification, of which IPv4 has the low 16 bits.
// It reports whether there were slots for all; if not, the rest is lost, and what has
// entered is of no use.
func (h *Header) Enter(x uplink.Outbox, n *uplink.Net, id uint32, d []byte) bool {
	before := frame.IPv4Len
	if h.V6 {
		before = frame.IPv6Len + headerLen
	}
	step := max((n.MTU-before)&^(unit-1), unit)
	before += frame.EthernetLen
	for at := 0; at < len(d); at += step {
		body := d[at:min(at+step, len(d))]
		slot := uplink.Borrow(x)
		if slot == nil {
			return false
		}
		clear(slot[frame.Headroom-frame.VnetLen : frame.Headroom])
		b := slot[frame.Headroom : frame.Headroom+before+len(body)]
		h.encode(b, n.MAC, id, at, at+len(body) < len(d))
		x.Ledger().CopiedBytes.Add(uint64(copy(b[before:], body)))
		x.Enter(slot, len(b))
	}
	return true
}

// encode writes the headers of a fragment that begins at bytes into the datagram.
func (h *Header) encode(b []byte, src frame.MAC, id uint32, at int, more bool) {
	eth := frame.EthernetFields{Dst: h.MAC, Src: src, EtherType: frame.TypeIPv6}
	if !h.V6 {
		eth.EtherType = frame.TypeIPv4
		frame.IPv4Fields{
			TOS: h.TOS, ID: uint16(id), MoreFragments: more, FragmentOffset: at,
			TTL: h.Hops, Proto: h.Proto, Src: h.Src, Dst: h.Dst,
		}.Encode(eth.Encode(b))
		return
	}
	p := frame.IPv6Fields{
		TrafficClass: h.TOS, NextHeader: next, HopLimit: h.Hops, Src: h.Src, Dst: h.Dst,
	}.Encode(eth.Encode(b))
	word := uint16(at)
	if more {
		word |= 1
	}
	f := p[frame.IPv6Len:]
	f[0], f[1] = h.Proto, 0
	be.PutUint16(f[2:], word)
	be.PutUint32(f[4:], id)
}
