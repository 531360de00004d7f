package vswitch

import (
	"cmp"
	"slices"

	"vswitch/internal/frame"
)

// floodTable has the ways out by VLAN, in parts that snapshots share: a part is nil
// where no port is in any of its VLANs.
type floodTable [floodParts]*[floodPart]*floods

const (
	floodPart  = 64
	floodParts = 4096 / floodPart
)

// of returns the ways out of VLAN vid; nil when no port is in it.
func (t *floodTable) of(vid uint16) *floods {
	if part := t[vid/floodPart%floodParts]; part != nil {
		return part[vid%floodPart]
	}
	return nil
}

// own gives t a copy of its own of the part that has VLAN vid, and returns that.
func (t *floodTable) own(vid uint16) *[floodPart]*floods {
	part := &[floodPart]*floods{}
	if old := t[vid/floodPart]; old != nil {
		*part = *old
	}
	t[vid/floodPart] = part
	return part
}

// ways is all that the lists of ways out depend on in one port.
type ways struct {
	vlan           *membership
	down, isolated bool
}

// leadsTo returns the ways of a port, which may be nil.
func (p *port) leadsTo() ways {
	if p == nil {
		return ways{}
	}
	return ways{p.vlan, p.cfg.Down, p.cfg.Isolated}
}

// floods are the ways out of a VLAN, ascending by port: immutable. It is nil for a
// VLAN that no port is in.
type floods struct {
	all  []frame.Egress // for a frame from an ordinary port
	open []frame.Egress // for one from an isolated port: not the isolated ones
}

// with returns the ways out of VLAN vid when port id is p, which may be nil.
func (f *floods) with(id frame.PortID, p *port, vid uint16) *floods {
	if f == nil {
		f = &floods{}
	}
	var all, open []frame.Egress
	if p.in(vid) && !p.cfg.Down {
		all = p.vlan.egress(vid)
		if !p.cfg.Isolated {
			open = all
		}
	}
	next := &floods{all: replace(f.all, id, all), open: replace(f.open, id, open)}
	if len(next.all) == 0 {
		return nil
	}
	return next
}

// replace returns a copy of list in which way is the way out by port id: one or
// none.
func replace(list []frame.Egress, id frame.PortID, way []frame.Egress) []frame.Egress {
	i, found := slices.BinarySearchFunc(list, id, func(e frame.Egress, id frame.PortID) int {
		return cmp.Compare(e.Port, id)
	})
	rest := list[i:]
	if found {
		rest = rest[1:]
	}
	return slices.Concat(list[:i], way, rest)
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
