package echo

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/flow"
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// record is a flow: an identifier of a container. It has no pointer.
type record struct {
	inside [16]byte // the container; IPv4 as mapped, as all addresses here
	remote [16]byte // whom it asked last, as it called it
	peer   [16]byte // the same as the host calls it
	mac    frame.MAC
	net    uint16
	ident  uint16 // the container's identifier
	wire   uint16 // the identifier on the wire
	v6     bool
	live   bool
	// line is the flow's own socket; that of a raw one is the shard's.
	line    line
	hops    uint8 // as the container sent the last
	tos     uint8
	hash    uint32
	last    int64 // when anything passed
	tx, rx  uint64
	txBytes uint64
	rxBytes uint64
}

func (r *record) src() netip.Addr { return netip.AddrFrom16(r.inside).Unmap() }

// proto returns the flow's protocol.
func (r *record) proto() uint8 {
	if r.v6 {
		return frame.ProtoICMPv6
	}
	return frame.ProtoICMP
}

// hash is under which a flow is found by what its container sends.
func (s *Shard) hash(net uint16, src netip.Addr, ident uint16) uint32 {
	return flow.Hash(s.seed, src, src, ident, net, frame.ProtoICMP)
}

// wireHash is under which a flow by raw sockets is found by what comes.
func (s *Shard) wireHash(v6 bool, wire uint16) uint32 {
	return uint32(s.seed)>>1 ^ uint32(wire)*0x9e3779b1 ^ uint32(index(v6))
}

// find returns the flow of q's container and identifier, or none.
func (s *Shard) find(n *uplink.Net, q *request) (id uint32) {
	hash, inside := s.hash(n.ID, q.src, q.ident), q.src.As16()
	for c := s.inside.Find(hash); ; {
		id := c.Next()
		if id == none {
			return none
		}
		if r := &s.records[id]; r.inside == inside && r.ident == q.ident && r.net == n.ID {
			return id
		}
	}
}

// onWire returns the flow by raw sockets that has identifier wire, or none.
func (s *Shard) onWire(v6 bool, wire uint16) uint32 {
	for c := s.outside.Find(s.wireHash(v6, wire)); ; {
		id := c.Next()
		if id == none || s.records[id].wire == wire && s.records[id].v6 == v6 {
			return id
		}
	}
}

// begin makes the flow of q, with a socket.
func (s *Shard) begin(n *uplink.Net, q *request) (uint32, frame.Reason) {
	if s.inside.Len() >= s.max || !s.budget.Take(n, q.src) {
		s.counts.Limited++
		return none, frame.DropUplinkLimit
	}
	id := s.take()
	s.records[id] = record{
		inside: q.src.As16(), net: n.ID, ident: q.ident, v6: q.v6, live: true,
		hash: s.hash(n.ID, q.src, q.ident), last: s.now, line: line{fd: -1},
	}
	if r := s.connect(id); r != frame.Accepted {
		s.give(id)
		s.budget.Give(n.ID, q.src)
		return none, r
	}
	s.inside.Add(s.records[id].hash, id)
	s.wheel.Set(id, s.now+lifetime)
	s.counts.Opened++
	return id, frame.Accepted
}

// end ends a flow and closes what was its own.
func (s *Shard) end(id uint32) {
	r := &s.records[id]
	s.wheel.Clear(id)
	s.inside.Remove(r.hash, id)
	s.budget.Give(r.net, r.src())
	s.disconnect(id)
	s.give(id)
	s.counts.Closed++
}

// take returns the number of a free record.
func (s *Shard) take() uint32 {
	if n := len(s.free) - 1; n >= 0 {
		id := s.free[n]
		s.free = s.free[:n]
		return id
	}
	s.records = append(s.records, record{})
	return uint32(len(s.records) - 1)
}

// give gives a record back.
func (s *Shard) give(id uint32) {
	s.records[id] = record{}
	s.free = append(s.free, id)
}

// expire ends a flow that has been idle for long enough; others get a new deadline.
func (s *Shard) expire(id uint32) {
	if until := s.records[id].last + lifetime; until > s.now {
		s.wheel.Set(id, until)
	} else {
		s.end(id)
	}
}

// endAll ends the flows that which says.
func (s *Shard) endAll(which func(*record) bool) {
	for id := range s.records {
		if r := &s.records[id]; r.live && which(r) {
			s.end(uint32(id))
		}
	}
}

// failed counts that a flow got no socket, and says how its packet ends.
func (s *Shard) failed(err error) frame.Reason {
	switch {
	case forbidden(err):
		s.counts.Failed++
		return frame.DropUplinkProtocol
	case err == unix.EAFNOSUPPORT || err == unix.EADDRNOTAVAIL: // a host without IPv6
		s.counts.Failed++
		return frame.DropUplinkUnreachable
	}
	s.counts.Exhausted++
	return frame.DropUplinkSockets
}
