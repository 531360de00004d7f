package udp

import (
	"net/netip"

	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

// admit makes a session of a peer that the container has not sent to: of any, where the
// port is published, and of those that the network's filter lets in (RFC 4787, section
// 5) where it is not.
func (s *Shard) admit(n *uplink.Net, id uint32, a *arrival) (uint32, frame.Reason) {
	k := s.sockets.at(id)
	if a.peer.port == 0 || !k.published && !s.lets(n, s.mappings.at(k.mapping), &a.peer) {
		return none, frame.DropNATFiltered // port 0: nobody can answer
	}
	if r := s.room(k.mapping); r != frame.Accepted {
		return none, r
	}
	view, ok := s.clientOf(n, id, &a.peer)
	if !ok {
		return none, frame.DropNATPorts
	}
	e := session{mapping: k.mapping, socket: id, remote: view, peer: a.peer, scope: a.scope, in: true}
	if k.published {
		e.local = a.local
	}
	return s.add(e), frame.Accepted
}

// lets reports whether the network's filter lets a peer in that a mapping has no session
// with.
func (s *Shard) lets(n *uplink.Net, m *mapping, peer *end) bool {
	switch n.Filter {
	case uplink.ByNobody:
		return true
	case uplink.ByAddress:
		for id := m.newest; id != none; id = s.sessions.at(id).older {
			if e := s.sessions.at(id); e.sent && e.peer.addr == peer.addr {
				return true
			}
		}
	}
	return false
}

// clientOf returns how a container is to see peer, which came in by socket id, and by
// which port: its own where nobody else is known by it.
func (s *Shard) clientOf(n *uplink.Net, id uint32, peer *end) (end, bool) {
	k := s.sockets.at(id)
	m := s.mappings.at(k.mapping)
	inside := m.inside.ip()
	seen := n.Client(peer.ip(), inside)
	if alias := aliasOf(n, inside); !k.published && peer.isLoopback() && alias.IsValid() {
		seen = alias
	}
	if !seen.IsValid() {
		return end{}, false
	}
	view := end{seen.As16(), peer.port}
	own := seen == n.Speaker(inside)
	if !(own && peer.port < firstPort) && s.find(m.net, &m.inside, &view) == none {
		return view, true
	}
	return s.standIn(n, m, inside)
}

// firstPort is the first port that stands for clients of the gateway's: below it, it has
// services of its own.
const firstPort = 1024

// tries is how many ports are tried for one that is free: few are not, as a mapping has
// at most maxRemotes sessions.
const tries = 64

// standIn returns a free port of the gateway's for one more client of mapping m.
func (s *Shard) standIn(n *uplink.Net, m *mapping, inside netip.Addr) (end, bool) {
	at := n.Speaker(inside)
	if !at.IsValid() {
		return end{}, false
	}
	view := end{addr: at.As16()}
	for range tries {
		s.ident = s.ident*1664525 + 1013904223 // all numbers, in no order (Numerical Recipes)
		if view.port = uint16(s.ident >> 16); view.port < firstPort {
			continue
		}
		if s.find(m.net, &m.inside, &view) == none {
			return view, true
		}
	}
	return end{}, false
}

// isLoopback reports whether the address is one of the host's loopback.
func (e *end) isLoopback() bool { return e.ip().IsLoopback() }

// aliasOf returns what a container calls the host's loopback by, if it may.
func aliasOf(n *uplink.Net, inside netip.Addr) netip.Addr {
	if !n.HostLoopback {
		return netip.Addr{}
	}
	if inside.Is4() {
		return n.Loopback4
	}
	return n.Loopback6
}
