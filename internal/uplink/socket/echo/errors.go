package echo

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
	"vswitch/internal/uplink/report"
)

// complaints tells containers of the errors that a socket has, a turn of them; more says
// that there are some left.
func (s *Shard) complaints(x uplink.Outbox, key uint32, fd int32) (more bool) {
	var e report.Error
	for range turn {
		if !report.ReadError(int(fd), s.quote[:], &e) {
			return false
		}
		if id := s.accused(key, &e); id != none {
			if n := s.nets[s.records[id].net]; n != nil && x.As(n.Port) {
				s.tell(x, n, id, &e)
			}
		}
	}
	return true
}

// accused returns whose request an error quotes, or none: errors of the host's own
// making quote nothing, and were told when they were made.
func (s *Shard) accused(key uint32, e *report.Error) uint32 {
	m := frame.ICMPv4(e.Payload)
	if !m.Valid() {
		return none
	}
	id := key
	if key >= rawKey {
		if id = s.onWire(key > rawKey, m.ID()); id == none {
			return none
		}
	}
	if r := &s.records[id]; m.ID() != r.wire || m.Type() != requestType(r.v6) {
		return none
	}
	return id
}

func requestType(v6 bool) uint8 {
	if v6 {
		return frame.ICMPv6EchoRequest
	}
	return frame.ICMPEchoRequest
}

// tell tells a container of an error that quotes its request. In the quote it finds its
// own identifier. The checksum there is right in IPv4; in IPv6 it covers the host's
// address, too, which nobody knows here and no receiver looks at.
func (s *Shard) tell(x uplink.Outbox, n *uplink.Net, id uint32, e *report.Error) {
	r := &s.records[id]
	frame.ICMPv4(e.Payload).SetID(r.ident)
	dst := netip.AddrFrom16(r.remote).Unmap()
	if peer := e.Peer.Addr(); peer.IsValid() && peer.Is4() != r.v6 && inward(n, peer).IsValid() {
		dst = inward(n, peer) // the flow may have asked others since
	}
	q := report.Quote{
		Proto: r.proto(), Src: netip.AddrPortFrom(r.src(), 0), Dst: netip.AddrPortFrom(dst, 0),
		TOS: r.tos, TTL: r.hops, Payload: e.Payload,
	}
	s.limiter.Send(x, n, r.mac, &q, e)
}

// tooBig tells a container of a request that the host found to be longer than the path's
// MTU, which the error queue has. It is called in a run: errors that came before, by the
// network, are told if they are for a container of n, and lost if not.
func (s *Shard) tooBig(x uplink.Outbox, n *uplink.Net, id uint32, q *request) {
	key, l := id, s.lineOf(id)
	if s.records[id].line.fd < 0 {
		key = rawKey + uint32(index(q.v6))
	}
	var e report.Error
	for range turn {
		if !report.ReadError(int(l.fd), s.quote[:], &e) {
			return
		}
		if e.Origin == unix.SO_EE_ORIGIN_LOCAL && e.Errno == unix.EMSGSIZE {
			quote := q.quote()
			s.limiter.Send(x, n, q.mac, &quote, &e)
			return
		}
		if to := s.accused(key, &e); to != none && s.records[to].net == n.ID {
			s.tell(x, n, to, &e)
		}
	}
}

// quote returns the request for an error about it.
func (q *request) quote() report.Quote {
	return report.Quote{
		Proto: q.proto(), Src: netip.AddrPortFrom(q.src, 0), Dst: netip.AddrPortFrom(q.dst, 0),
		TOS: q.form.tos, TTL: q.hops, ID: q.id, Payload: q.msg,
	}
}
