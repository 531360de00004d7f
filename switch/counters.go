package vswitch

import (
	"sync/atomic"

	"vswitch/internal/frame"
)

// Kinds counts the frames that a port sent and the switch forwarded, by where
// they went. What was dropped stands in the engine's ledger, by reason. A
// super-frame is one frame.
type Kinds struct {
	Unicast   uint64 `json:"unicast"`   // to the one port of a known station
	Multicast uint64 `json:"multicast"` // flooded: a group address
	Broadcast uint64 `json:"broadcast"` // flooded: everybody
	Unknown   uint64 `json:"unknown"`   // flooded: a station not in the FDB
	Answered  uint64 `json:"answered"`  // to the responder instead of flooded
}

// Kinds returns the counts of port id.
func (s *Switch) Kinds(id frame.PortID) (Kinds, bool) {
	p := s.snap.Load().port(id)
	if p == nil {
		return Kinds{}, false
	}
	var out Kinds
	for i := range p.state {
		p.state[i].kinds.addTo(&out)
	}
	return out, true
}

// kinds is one worker's share of a port's Kinds.
type kinds struct {
	unicast, multicast, broadcast, unknown, answered atomic.Uint64
}

// book adds the counts of one batch, of which most are 0.
func (k *kinds) book(n *Kinds) {
	if n.Unicast > 0 {
		k.unicast.Add(n.Unicast)
	}
	if n.Multicast > 0 {
		k.multicast.Add(n.Multicast)
	}
	if n.Broadcast > 0 {
		k.broadcast.Add(n.Broadcast)
	}
	if n.Unknown > 0 {
		k.unknown.Add(n.Unknown)
	}
	if n.Answered > 0 {
		k.answered.Add(n.Answered)
	}
}

func (k *kinds) addTo(n *Kinds) {
	n.Unicast += k.unicast.Load()
	n.Multicast += k.multicast.Load()
	n.Broadcast += k.broadcast.Load()
	n.Unknown += k.unknown.Load()
	n.Answered += k.answered.Load()
}
