package vswitch

import (
	"slices"

	"vswitch/internal/frame"
)

// guard is a Guard made ready for the path of frames: immutable. A port has one
// or a few addresses, so that going through a slice beats a table.
type guard struct {
	macs    []frame.MAC
	v4      []uint32
	v6      [][16]byte
	anyAddr bool
	serves  bool
}

func newGuard(g *Guard) *guard {
	if g == nil {
		return nil
	}
	out := &guard{macs: slices.Clone(g.MACs), anyAddr: g.AnyAddr, serves: g.Services}
	for _, a := range g.Addrs {
		if a = a.Unmap(); a.Is4() {
			out.v4 = append(out.v4, frame.Addr4(a))
		} else {
			out.v6 = append(out.v6, a.As16())
		}
	}
	for _, m := range g.MACs {
		out.v6 = append(out.v6, frame.LinkLocalAddr(m).As16())
	}
	return out
}

// check says whether f claims only what is the port's own.
func (g *guard) check(f *frame.Frame) frame.Reason {
	switch {
	case !slices.Contains(g.macs, f.Src):
		return frame.DropSpoofMAC
	case !g.serves && rogue(f):
		return frame.DropRogueDHCP
	case g.anyAddr:
		return frame.Accepted
	case f.Flags&frame.FlagIPv4 != 0:
		return g.ipv4(f)
	case f.Flags&frame.FlagIPv6 != 0:
		return g.ipv6(f)
	case f.Flags&frame.FlagARP != 0:
		return g.arp(f.ARP())
	}
	return frame.Accepted
}

func (g *guard) ipv4(f *frame.Frame) frame.Reason {
	src := f.IPv4().Src4()
	if slices.Contains(g.v4, src) || src == 0 && nameless4(f) {
		return frame.Accepted
	}
	return frame.DropSpoofIP
}

const (
	protoIGMP    = 2
	dhcpServer   = 67
	dhcpClient   = 68
	dhcp6Client  = 546
	dhcp6Service = 547
)

// rogue reports whether f is what a network's gateway alone sends: an answer of
// DHCP (RFC 2131, section 4.1; RFC 8415, section 7.2), or a router advertisement.
// Clients listen to their own port and mostly do not look at the sender's. A first
// fragment that does not show its ports hides them.
func rogue(f *frame.Frame) bool {
	switch {
	case f.Flags&frame.FlagLaterFragment != 0:
		return false
	case f.Proto == frame.ProtoUDP && f.L4 == 0:
		return true
	case f.Proto == frame.ProtoUDP && f.Flags&frame.FlagIPv4 != 0:
		return f.UDP().DstPort() == dhcpClient
	case f.Proto == frame.ProtoUDP:
		return f.UDP().SrcPort() == dhcp6Service || f.UDP().DstPort() == dhcp6Client
	case f.Proto == frame.ProtoICMPv6 && f.L4 != 0:
		return f.ICMPv6().Type() == frame.ICMPv6RouterAdv
	}
	return false
}

// nameless4 reports whether f is what a station without an address sends from
// 0.0.0.0: it asks for an address (RFC 2131, section 4.1) or reports a membership
// (RFC 3376, section 4.2.13).
func nameless4(f *frame.Frame) bool {
	if f.Proto == protoIGMP {
		return f.Dst.Group()
	}
	if f.L4 == 0 || f.Proto != frame.ProtoUDP {
		return false
	}
	u := f.UDP()
	return u.SrcPort() == dhcpClient && u.DstPort() == dhcpServer
}

func (g *guard) ipv6(f *frame.Frame) frame.Reason {
	src := f.IPv6().Src16()
	own, unspecified := slices.Contains(g.v6, src), src == [16]byte{}
	if f.Proto == frame.ProtoICMPv6 && f.Flags&frame.FlagLaterFragment == 0 {
		if f.L4 == 0 {
			return frame.DropSpoofARP // a fragment that hides the message (RFC 7112)
		}
		switch m := f.ICMPv6(); {
		case m.NDP() && !own && !unspecified:
			return frame.DropSpoofARP
		case m.NDP():
			return g.neighbour(f, m, unspecified)
		case unspecified && f.Dst.Group() && listenerReport(m):
			return frame.Accepted
		}
	}
	if own {
		return frame.Accepted
	}
	return frame.DropSpoofIP
}

// listenerReport reports whether m tells a multicast membership, which a station
// without an address does from :: (RFC 3590; RFC 3810, section 5.2.13).
func listenerReport(m frame.ICMPv6) bool {
	switch m.Type() {
	case frame.ICMPv6MLDReport, frame.ICMPv6MLDDone, frame.ICMPv6MLDv2Report:
		return true
	}
	return false
}

// neighbour checks neighbour discovery (RFC 4861) whose source is the port's own
// or unspecified: what a message says of its sender must be the port's own. It
// is never fragmented (RFC 6980). A solicitation from :: asks whether an address
// is free (RFC 4862, section 5.4), and may ask for the port's own only. A guarded
// port sends from its own addresses only, so it is no router and may not say so
// (RFC 6105; see rogue for advertisements).
func (g *guard) neighbour(f *frame.Frame, m frame.ICMPv6, unspecified bool) frame.Reason {
	if f.Flags&frame.FlagFragment != 0 || !m.NDPValid() {
		return frame.DropSpoofARP
	}
	switch m.Type() {
	case frame.ICMPv6Redirect:
		return frame.DropSpoofARP
	case frame.ICMPv6NeighborAdv, frame.ICMPv6NeighborSol:
		asks := m.Type() == frame.ICMPv6NeighborSol && !unspecified
		if !asks && !slices.Contains(g.v6, m.NDPTarget16()) {
			return frame.DropSpoofARP
		}
	}
	for _, kind := range [2]uint8{frame.NDPSourceLinkAddr, frame.NDPTargetLinkAddr} {
		if hw, ok := m.NDPLinkAddr(kind); ok && !slices.Contains(g.macs, hw) {
			return frame.DropSpoofARP
		}
	}
	return frame.Accepted
}

// arp checks ARP (RFC 826): the sender's addresses are the port's own; a probe
// has no sender address yet (RFC 5227, section 2.1.1).
func (g *guard) arp(a frame.ARP) frame.Reason {
	if slices.Contains(g.macs, a.SHA()) && (slices.Contains(g.v4, a.SPA4()) || a.Probe()) {
		return frame.Accepted
	}
	return frame.DropSpoofARP
}
