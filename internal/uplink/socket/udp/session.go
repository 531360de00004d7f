package udp

import (
	"vswitch/internal/frame"
	"vswitch/internal/uplink"
)

const (
	// maxRemotes is how many sessions a mapping has at most: a container that speaks
	// to more forgets the one that has been silent longest.
	maxRemotes = 4096
	// patience is how many sessions are looked at for one without an answer.
	patience = 64
	// firsts of all sessions, one in so many, are for mappings that have none: who speaks
	// to all the world from one port must not take from others what they begin with.
	firsts = 8
)

// begin makes the session of a container's end with a remote one.
func (s *Shard) begin(n *uplink.Net, src, dst *end) (id uint32, r frame.Reason) {
	to := dst.ip()
	host, r := n.Reach(frame.ProtoUDP, to, dst.port)
	if r != frame.Accepted {
		return none, r
	}
	m, r := s.mappingFor(n, src)
	if r != frame.Accepted {
		return none, r
	}
	peer := end{host.As16(), dst.port}
	k, r := s.socketFor(n, m, &peer)
	if r != frame.Accepted {
		s.leave(m)
		return none, r
	}
	return s.add(session{mapping: m, socket: k, remote: *dst, peer: peer}), frame.Accepted
}

// mappingFor returns the mapping of a container's end, a new one where there is none,
// with room for one more session.
func (s *Shard) mappingFor(n *uplink.Net, src *end) (uint32, frame.Reason) {
	id := s.mappingOf(n.ID, src)
	if id == none {
		if s.sessions.len() >= s.max {
			s.counts.Limited++
			return none, frame.DropUplinkLimit
		}
		return s.newMapping(n.ID, src), frame.Accepted
	}
	return id, s.room(id)
}

// room makes room for one more session of mapping id: where there are too many, one
// that the mapping has makes way, one without an answer if there is any.
func (s *Shard) room(id uint32) frame.Reason {
	m := s.mappings.at(id)
	most := s.max
	if m.sessions > 0 {
		most -= s.max / firsts
	}
	if m.sessions < maxRemotes && s.sessions.len() < most {
		return frame.Accepted
	}
	if m.sessions == 0 {
		s.counts.Limited++
		return frame.DropUplinkLimit
	}
	victim := m.oldest
	for at, i := victim, 0; at != none && i < patience; i++ {
		e := s.sessions.at(at)
		if !e.replied() {
			victim = at
			break
		}
		at = e.newer
	}
	s.remove(victim)
	return frame.Accepted
}

func (s *Shard) newMapping(net uint16, inside *end) uint32 {
	id := s.mappings.take()
	hash := s.mappingHash(net, inside)
	*s.mappings.at(id) = mapping{
		inside: *inside, net: net, live: true, hash: hash,
		own: none, ports: none, newest: none, oldest: none,
	}
	s.inside.Add(hash, id)
	return id
}

// add makes a session of e, which has both its ends, and starts its timer.
func (s *Shard) add(e session) uint32 {
	m := s.mappings.at(e.mapping)
	id := s.sessions.take()
	e.live, e.last = true, s.now
	e.newer, e.older = none, none
	e.outHash = s.outHash(m.net, &m.inside, &e.remote)
	e.inHash = s.inHash(e.socket, &e.peer)
	*s.sessions.at(id) = e
	s.outward.Add(e.outHash, id)
	s.inward.Add(e.inHash, id)
	m.sessions++
	s.link(m, id)
	s.wheel.Set(id, s.now+timeout(&e))
	s.counts.Opened++
	return id
}

// drop ends a session, and its mapping with the last.
func (s *Shard) drop(id uint32) {
	m := s.sessions.at(id).mapping
	s.remove(id)
	s.leave(m)
}

// remove ends a session and leaves its mapping as it is.
func (s *Shard) remove(id uint32) {
	e := s.sessions.at(id)
	m := s.mappings.at(e.mapping)
	s.unlink(m, id)
	m.sessions--
	s.outward.Remove(e.outHash, id)
	s.inward.Remove(e.inHash, id)
	s.wheel.Clear(id)
	s.sessions.give(id)
	s.counts.Closed++
}

// leave ends what a mapping without sessions does not need: its own socket, and itself
// where no port of it is published.
func (s *Shard) leave(id uint32) {
	m := s.mappings.at(id)
	if m.sessions > 0 {
		return
	}
	if m.own != none {
		s.closeSocket(m.own)
		m.own = none
	}
	if m.ports == none {
		s.inside.Remove(m.hash, id)
		s.mappings.give(id)
	}
}

// vacate ends all sessions of a mapping.
func (s *Shard) vacate(id uint32) {
	m := s.mappings.at(id)
	for m.newest != none {
		s.remove(m.newest)
	}
	s.leave(id)
}

// touch notes that a session was used.
func (s *Shard) touch(id uint32) {
	e := s.sessions.at(id)
	if m := s.mappings.at(e.mapping); m.newest != id {
		s.unlink(m, id)
		s.link(m, id)
	}
}

// link puts a session first in its mapping's order of use.
func (s *Shard) link(m *mapping, id uint32) {
	e := s.sessions.at(id)
	e.newer, e.older = none, m.newest
	if m.newest != none {
		s.sessions.at(m.newest).newer = id
	} else {
		m.oldest = id
	}
	m.newest = id
}

func (s *Shard) unlink(m *mapping, id uint32) {
	e := s.sessions.at(id)
	if e.newer != none {
		s.sessions.at(e.newer).older = e.older
	} else {
		m.newest = e.older
	}
	if e.older != none {
		s.sessions.at(e.older).newer = e.newer
	} else {
		m.oldest = e.newer
	}
}

// netOf returns the network of a mapping; nil when it was dropped.
func (s *Shard) netOf(m *mapping) *uplink.Net { return s.nets[m.net] }
