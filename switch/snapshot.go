package vswitch

import "vswitch/internal/frame"

// snapshot is the configuration that workers read: immutable. What a change leaves
// as it is, the next one shares with it.
type snapshot struct {
	epoch     uint64  // counts snapshots
	ports     []*port // by PortID
	floods    floodTable
	natives   *vlanSet   // VLANs that some trunk sends untagged
	responder *Responder // nil: none
}

func (s *snapshot) port(id frame.PortID) *port {
	if int(id) < len(s.ports) {
		return s.ports[id]
	}
	return nil
}

// following returns a copy of s to be made the next snapshot.
func (s *snapshot) following() *snapshot {
	next := *s
	next.epoch++
	return &next
}

// with returns the snapshot that follows s, in which port id is p, or is gone if
// p is nil. Only the VLANs that the old or the new port is in are made anew.
func (s *snapshot) with(id frame.PortID, p *port) *snapshot {
	next := s.following()
	next.ports = make([]*port, max(len(s.ports), int(id)+1))
	copy(next.ports, s.ports)
	before := s.port(id)
	next.ports[id] = p
	if p == nil && s.responder != nil && s.responder.Port == id {
		next.responder = nil
	}
	if before.leadsTo() != p.leadsTo() {
		next.setWays(id, before, p)
	}
	return next
}

// setWays makes the ways out anew where port id is p instead of before.
func (s *snapshot) setWays(id frame.PortID, before, p *port) {
	var in vlanSet
	for _, q := range [2]*port{before, p} {
		if q != nil {
			in.addAll(&q.vlan.set)
		}
	}
	last, part := -1, (*[floodPart]*floods)(nil)
	for vid := range in.each() {
		if at := int(vid / floodPart); at != last {
			last, part = at, s.floods.own(vid)
		}
		part[vid%floodPart] = part[vid%floodPart].with(id, p, vid)
	}
	if before.native() == p.native() {
		return
	}
	s.natives = &vlanSet{}
	for _, q := range s.ports {
		if vid := q.native(); vid != 0 {
			s.natives.add(vid)
		}
	}
}

// port is a port in a snapshot: immutable, but for the state behind it, which
// lives as long as the port.
type port struct {
	id    frame.PortID
	cfg   PortConfig
	vlan  *membership
	guard *guard
	state []share // one a worker
}

// share is what a port keeps on one worker while its configuration changes, on a
// cache line of its own.
type share struct {
	kinds kinds
	storm storm
}

func newPort(id frame.PortID, cfg PortConfig, workers int) *port {
	p := &port{id: id, state: make([]share, workers)}
	return p.edited(cfg)
}

// edited returns the port with another configuration.
func (p *port) edited(cfg PortConfig) *port {
	cfg = cfg.clone()
	next := &port{id: p.id, cfg: cfg, state: p.state, vlan: p.vlan, guard: newGuard(cfg.Guard)}
	if p.vlan == nil || !cfg.VLAN.equal(&p.cfg.VLAN) {
		next.vlan = newMembership(p.id, cfg.VLAN)
	}
	return next
}

// in reports whether the port, which may be nil, is in VLAN vid.
func (p *port) in(vid uint16) bool { return p != nil && p.vlan.set.has(vid) }

// native returns the VLAN that a trunk sends untagged; 0 for none, and for any
// other port.
func (p *port) native() uint16 {
	if p == nil || !p.vlan.trunk {
		return 0
	}
	return p.vlan.native
}
