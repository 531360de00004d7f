package vswitch

import "vswitch/internal/frame"

// snapshot is the configuration that workers read: immutable.
type snapshot struct {
	epoch   uint64  // counts snapshots
	ports   []*port // by PortID
	floods  *[maxVID + 1]*floods
	natives vlanSet // VLANs that some trunk sends untagged
}

func (s *snapshot) port(id frame.PortID) *port {
	if int(id) < len(s.ports) {
		return s.ports[id]
	}
	return nil
}

// with returns the snapshot that follows s, in which port id is p, or is gone if
// p is nil. Only the VLANs that the old or the new port is in are made anew.
func (s *snapshot) with(id frame.PortID, p *port) *snapshot {
	next := &snapshot{
		epoch: s.epoch + 1,
		ports: make([]*port, max(len(s.ports), int(id)+1)), floods: new([maxVID + 1]*floods),
	}
	copy(next.ports, s.ports)
	*next.floods = *s.floods
	before := s.port(id)
	next.ports[id] = p
	for vid := uint16(1); vid <= maxVID; vid++ {
		if before.in(vid) || p.in(vid) {
			next.floods[vid] = floodsOf(next.ports, vid)
		}
	}
	for _, p := range next.ports {
		if p != nil && p.vlan.trunk && p.vlan.native != 0 {
			next.natives.add(p.vlan.native)
		}
	}
	return next
}

// port is a port in a snapshot: immutable, but for the storm bucket and the
// counters behind it, which live as long as the port.
type port struct {
	id    frame.PortID
	cfg   PortConfig
	vlan  *membership
	guard *guard
	state *portState
}

// portState is what a port keeps while its configuration changes.
type portState struct {
	storm storm
	kinds []kinds // one a worker
}

func newPort(id frame.PortID, cfg PortConfig, state *portState) *port {
	cfg = cfg.clone()
	return &port{
		id: id, cfg: cfg, state: state,
		vlan: newMembership(id, cfg.VLAN), guard: newGuard(cfg.Guard),
	}
}

// in reports whether the port, which may be nil, is in VLAN vid.
func (p *port) in(vid uint16) bool { return p != nil && p.vlan.set.has(vid) }

// floods are the ways out of a VLAN: immutable.
type floods struct {
	all  []frame.Egress // for a frame from an ordinary port
	open []frame.Egress // for one from an isolated port: not the isolated ones
}

// floodsOf collects the ways out of VLAN vid; nil when no port is in it.
func floodsOf(ports []*port, vid uint16) *floods {
	f := &floods{}
	for _, p := range ports {
		if !p.in(vid) || p.cfg.Down {
			continue
		}
		e := p.vlan.egress(vid)[0]
		f.all = append(f.all, e)
		if !p.cfg.Isolated {
			f.open = append(f.open, e)
		}
	}
	if f.all == nil {
		return nil
	}
	return f
}

// from returns the list for a frame that came in by p.
func (f *floods) from(p *port) []frame.Egress {
	switch {
	case f == nil:
		return nil
	case p.cfg.Isolated:
		return f.open
	}
	return f.all
}
