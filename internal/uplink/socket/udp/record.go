package udp

import (
	"net/netip"

	"vswitch/internal/flow"
	"vswitch/internal/frame"
)

// The records
//
//	mapping    a container's end                   (network, address, port)
//	  socket   of the host: the mapping's own, and one for each published port
//	    session   a remote end, as the container and as the host names it
//
// They lie in slabs and name each other by number: no record has a pointer.

// none is the number of no record.
const none = flow.None

// end is an address, IPv4 as mapped, and a port: an AddrPort without a pointer.
type end struct {
	addr [16]byte
	port uint16
}

func endOf(a netip.AddrPort) end { return end{a.Addr().As16(), a.Port()} }

func (e *end) ip() netip.Addr { return netip.AddrFrom16(e.addr).Unmap() }

func (e *end) addrPort() netip.AddrPort { return netip.AddrPortFrom(e.ip(), e.port) }

// is4 reports whether the address is IPv4.
func (e *end) is4() bool {
	return [12]byte(e.addr[:12]) == [12]byte{10: 0xff, 11: 0xff}
}

// mapping is a container's end and what it is outside: endpoint-independent mapping
// (RFC 4787, REQ-1). It lives as long as it has a session or a published socket.
type mapping struct {
	inside end
	net    uint16
	live   bool
	hash   uint32
	own    uint32 // the socket that is its alone, none before the first use
	ports  uint32 // published sockets, linked by socket.next
	// The sessions in the order of their last use.
	newest, oldest uint32
	sessions       int32
}

// socket is a descriptor that is watched; its number is the key.
type socket struct {
	fd        int32
	mapping   uint32
	next      uint32 // of the mapping's published ones
	host      end    // where a published one is bound
	live      bool
	published bool // the descriptor is somebody else's
	v6        bool // of family IPv6,
	both      bool // and for IPv4 too
	whole     bool // the kernel has been told not to fragment
	queued    bool // it has its turn in Resume
}

// session is a remote end of a mapping. What the container calls remote is peer to the
// host: another for the host's loopback, and for clients that the gateway stands for.
type session struct {
	mapping, socket uint32
	newer, older    uint32
	outHash, inHash uint32
	remote, peer    end
	local           [16]byte // at which of the host's addresses a client came in; zero: any
	scope           uint32   // the interface of a link-local peer
	last            int64    // when it was refreshed
	tx, txBytes     uint64
	rx, rxBytes     uint64
	live            bool
	in              bool // a client of a published port, or let in by the filter, began it
	sent, heard     bool // the container, the peer has said something
	single          bool // the way there takes no UDP_SEGMENT
}

// replied reports whether both have said something.
func (e *session) replied() bool { return e.sent && e.heard }

// outHash is under which a session is found by what a container sends.
func (s *Shard) outHash(net uint16, inside, remote *end) uint32 {
	return flow.Hash(s.seed^uint64(net)<<40, netip.AddrFrom16(inside.addr), netip.AddrFrom16(remote.addr),
		inside.port, remote.port, frame.ProtoUDP)
}

// inHash is under which a session is found by what socket id gets.
func (s *Shard) inHash(id uint32, peer *end) uint32 {
	return flow.Hash(s.seed^uint64(id)<<32, netip.AddrFrom16(peer.addr), netip.IPv6Unspecified(),
		peer.port, 0, frame.ProtoUDP)
}

// find returns the session between a container's end and a remote one, or none.
func (s *Shard) find(net uint16, inside, remote *end) uint32 {
	for c := s.outward.Find(s.outHash(net, inside, remote)); ; {
		id := c.Next()
		if id == none {
			return none
		}
		if e := s.sessions.at(id); e.remote == *remote {
			if m := s.mappings.at(e.mapping); m.inside == *inside && m.net == net {
				return id
			}
		}
	}
}

// match returns the session of socket id's with a peer that came in at local, or none.
// Where either does not say at which address, the peer is enough.
func (s *Shard) match(id uint32, peer *end, local *[16]byte) uint32 {
	for c := s.inward.Find(s.inHash(id, peer)); ; {
		at := c.Next()
		if at == none {
			return none
		}
		e := s.sessions.at(at)
		if e.socket == id && e.peer == *peer &&
			(e.local == *local || e.local == [16]byte{} || *local == [16]byte{}) {
			return at
		}
	}
}

// mappingHash is under which a mapping is found.
func (s *Shard) mappingHash(net uint16, inside *end) uint32 {
	return s.outHash(net, inside, &end{})
}

// mappingOf returns the mapping of a container's end, or none.
func (s *Shard) mappingOf(net uint16, inside *end) uint32 {
	for c := s.inside.Find(s.mappingHash(net, inside)); ; {
		id := c.Next()
		if id == none {
			return none
		}
		if m := s.mappings.at(id); m.inside == *inside && m.net == net {
			return id
		}
	}
}
