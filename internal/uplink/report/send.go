package report

import (
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// How long an error may be, the packet that it quotes included, in bytes.
const (
	maxError4 = 576
	maxError6 = 1280
)

// Send enters the ICMP error that says e of q, to the container that sent q and has
// hardware address mac on network n; x must stand for n's port. It reports whether one
// was entered: none is where there may not be one (about an ICMP error, to or from a
// group), where nothing in the container's family says what e says, and where there is no
// slot. It books what it copies. Limiter.Send is for errors that come by the network.
func Send(x uplink.Outbox, n *uplink.Net, mac frame.MAC, q *Quote, e *Error) bool {
	v6 := q.Src.Addr().Is6()
	icmp, ok := e.message(v6)
	src := e.source(n, q)
	if !ok || !src.IsValid() || !q.refusable() {
		return false
	}
	slot := x.Borrow()
	if slot == nil {
		return false
	}
	clear(slot[frame.Headroom-frame.VnetLen : frame.Headroom])
	o := out{dst: mac, src: n.MAC, from: src, to: q.Src.Addr(), icmp: icmp, mtu: n.MTU}
	size, copied := 0, 0
	if v6 {
		size, copied = o.build6(slot[frame.Headroom:], q)
	} else {
		size, copied = o.build4(slot[frame.Headroom:], q)
	}
	x.Ledger().CopiedBytes.Add(uint64(copied))
	x.Enter(slot, size)
	return true
}

// refusable reports whether there may be an error about q (RFC 1122, section 3.2.2).
func (q *Quote) refusable() bool {
	src, dst := q.Src.Addr(), q.Dst.Addr()
	if src.Is4() != dst.Is4() || src.IsUnspecified() || src.IsMulticast() || dst.IsMulticast() {
		return false
	}
	switch q.Proto {
	case frame.ProtoICMP:
		m := frame.ICMPv4(q.Payload)
		return m.Valid() && !m.Error()
	case frame.ProtoICMPv6:
		m := frame.ICMPv6(q.Payload)
		return m.Valid() && !m.Error() && m.Type() != frame.ICMPv6Redirect
	}
	return true
}

// source returns who the error comes from, for the container.
func (e *Error) source(n *uplink.Net, q *Quote) netip.Addr {
	from, dst, src := e.From.Unmap().WithZone(""), q.Dst.Addr(), q.Src.Addr()
	switch {
	case from.Is4() == src.Is4() && plausible(from) && from != src:
		return from
	case from.IsLoopback() || e.refused():
		return dst
	}
	return n.Speaker(src)
}

// plausible reports whether a packet may come from a on any network: a kernel throws away
// what comes from 0.0.0.0/8 and 240.0.0.0/4.
func plausible(a netip.Addr) bool {
	if !a.IsGlobalUnicast() {
		return false
	}
	if a.Is6() {
		return true
	}
	first := a.As4()[0]
	return first > 0 && first < 240
}

// refused reports whether it was the destination that refused, and nobody on the way to
// it: by its port or protocol.
func (e *Error) refused() bool {
	m, ok := e.message(false)
	return ok && m.Type == frame.ICMPUnreachable && (m.Code == codeProto4 || m.Code == codePort4)
}
