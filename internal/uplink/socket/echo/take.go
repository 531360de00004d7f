package echo

import (
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/uplink"
)

// request is an ICMP message of a container's. Its bytes are the frame's, or those of
// the message that was put together.
type request struct {
	src, dst netip.Addr
	v6       bool
	mac      frame.MAC
	hops     uint8 // as the container sent it
	form     form  // as it is to leave
	id       uint16
	ident    uint16
	msg      []byte
	// partial says that the checksum was left to the device: it is right and not there.
	partial bool
}

// Take takes a packet of a run from a container of n: parsed, with ICMP of its family or
// a fragment of it, with hops left and for outside. It returns frame.Consumed or why the
// packet ends. It does not allocate for a flow that there is.
func (s *Shard) Take(x uplink.Outbox, n *uplink.Net, f *frame.Frame) frame.Reason {
	if !s.running {
		s.running, s.now = true, x.Now()
	}
	s.adopt(n)
	q := head(f)
	switch {
	case f.Flags&frame.FlagFragment != 0:
		return s.fragment(x, n, f, &q)
	case f.L4 == 0: // ICMP in IPv6, or ICMPv6 in IPv4
		return frame.DropUplinkProtocol
	}
	q.msg = f.Bytes()[f.L4 : uint32(f.L3)+f.L3Len]
	q.partial = offload.Vnet(f.Vnet()).Partial()
	return s.ask(x, n, &q)
}

// head reads what the IP header says.
func head(f *frame.Frame) (q request) {
	q.mac = f.Src
	if f.Flags&frame.FlagIPv4 != 0 {
		ip := f.IPv4()
		q.src, q.dst, q.hops, q.id = ip.Src(), ip.Dst(), ip.TTL(), ip.ID()
		q.form = form{tos: ip.TOS(), whole: ip.DontFragment()}
	} else {
		ip := f.IPv6()
		q.src, q.dst, q.hops, q.v6 = ip.Src(), ip.Dst(), ip.HopLimit(), true
		q.form = form{tos: ip.TrafficClass(), whole: true} // no router divides it
	}
	q.form.hops = max(q.hops, 2) - 1
	return q
}

// ask sends a message on, if it is an echo request.
func (s *Shard) ask(x uplink.Outbox, n *uplink.Net, q *request) frame.Reason {
	if !q.echo() {
		return frame.DropUplinkProtocol
	}
	if !q.partial && frame.Checksum(q.msg, q.pseudo()) != 0xffff {
		return frame.DropTransport
	}
	host, r := target(n, q.dst)
	if r != frame.Accepted {
		return r
	}
	q.ident = frame.ICMPv4(q.msg).ID()
	id := s.find(n, q)
	if id == none {
		if id, r = s.begin(n, q); r != frame.Accepted {
			return r
		}
	}
	return s.send(x, n, id, q, host)
}

// echo reports whether the message is an echo request. Nothing else can be sent by a
// socket.
func (q *request) echo() bool {
	m := frame.ICMPv4(q.msg)
	if !m.Valid() || m.Code() != 0 {
		return false
	}
	if q.v6 {
		return m.Type() == frame.ICMPv6EchoRequest
	}
	return m.Type() == frame.ICMPEchoRequest
}

// proto returns the message's protocol.
func (q *request) proto() uint8 {
	if q.v6 {
		return frame.ProtoICMPv6
	}
	return frame.ProtoICMP
}

// pseudo returns the sum of the pseudo header; ICMP in IPv4 has none.
func (q *request) pseudo() uint32 {
	if !q.v6 {
		return 0
	}
	return frame.PseudoSum6(q.src.As16(), q.dst.As16(), frame.ProtoICMPv6, len(q.msg))
}

// target returns whom the host is to ask. No address but the one that stands for it
// leads to the host's loopback: not 0.0.0.0 either, which the kernel takes for it, nor
// an IPv4 address in IPv6.
func target(n *uplink.Net, dst netip.Addr) (netip.Addr, frame.Reason) {
	host, closed := n.Host(dst)
	switch {
	case closed || dst.IsLoopback() || dst.IsUnspecified() || dst.Is4In6():
		return host, frame.DropUplinkLoopback
	case dst.IsMulticast() || host == dst && dst.IsLinkLocalUnicast():
		return host, frame.DropUplinkUnreachable
	}
	return host, frame.Accepted
}
