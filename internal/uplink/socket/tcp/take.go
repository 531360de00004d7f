package tcp

import (
	"vswitch/internal/flow"
	"vswitch/internal/frame"
	"vswitch/internal/offload"
	"vswitch/internal/uplink"
)

// Take takes one segment of a run: f is parsed, comes from a container of n and goes
// outside. It returns frame.Consumed, or the reason for which the segment ends; whoever
// sent it has been told by TCP's own means. Its payload is read until Done returns.
func (s *Shard) Take(x uplink.Outbox, n *uplink.Net, f *frame.Frame) frame.Reason {
	if !s.run || s.x != x {
		s.x, s.now, s.run = x, x.Now(), true
	}
	if f.L4 == 0 || f.Flags&frame.FlagFragment != 0 {
		return frame.DropTransport
	}
	t := frame.TCP(f.Bytes()[f.L4 : uint32(f.L3)+f.L3Len])
	if !trusted(f) {
		return frame.DropGatewayHeader
	}
	k, v4 := keyOf(n, f, t)
	id := s.last
	if id == flow.None || s.flows[id].key != k {
		hash := s.hash(&k)
		if id = s.find(&k, hash); id == flow.None {
			return s.stranger(n, f, t, &k, hash, v4)
		}
		s.last = id
	}
	return s.arrive(id, n, f, t)
}

// trusted reports whether the checksum is right, or was left to whoever needs it: then
// the segment has not left this machine. Only a finished one costs a look at the
// payload.
func trusted(f *frame.Frame) bool {
	v := offload.Vnet(f.Vnet())
	return v.Partial() || v.Flags()&offload.DataValid != 0 || offload.Verify(f)
}

// keyOf returns the name of the connection that a container's segment belongs to.
func keyOf(n *uplink.Net, f *frame.Frame, t frame.TCP) (k key, v4 bool) {
	k.net, k.insidePort, k.remotePort = n.ID, t.SrcPort(), t.DstPort()
	l3 := f.Bytes()[f.L3:]
	if v4 = f.Flags&frame.FlagIPv4 != 0; v4 {
		k.inside[10], k.inside[11], k.remote[10], k.remote[11] = 0xff, 0xff, 0xff, 0xff
		copy(k.inside[12:], l3[12:16])
		copy(k.remote[12:], l3[16:20])
		return k, v4
	}
	k.inside, k.remote = frame.IPv6(l3).Src16(), frame.IPv6(l3).Dst16()
	return k, v4
}

// stranger takes a segment of no connection: a SYN opens one.
func (s *Shard) stranger(n *uplink.Net, f *frame.Frame, t frame.TCP, k *key, hash uint32, v4 bool) frame.Reason {
	if t.Flags()&(syn|ack|rst|fin) == syn {
		return s.open(n, f, t, k, hash, v4)
	}
	s.refuse(n, f, t)
	return frame.DropNoFlow
}

// Done ends a run: what was gathered is sent, and each connection that has something to
// acknowledge does it, once.
func (s *Shard) Done(x uplink.Outbox, n *uplink.Net) {
	if !s.run {
		return
	}
	s.flushGather()
	for _, id := range s.acks {
		r := &s.flows[id]
		r.flags &^= flagAckList
		switch {
		case r.state == unused:
			s.forget(id)
		case !r.has(flagNeedAck) || r.has(flagQueued) && s.sendable(r):
			// Said already, or data will say it.
		default:
			s.acknowledge(id, r)
		}
	}
	s.acks = s.acks[:0]
	s.run = false
	s.again()
}

// forget gives a record back whose connection ended while it was in a list.
func (s *Shard) forget(id uint32) {
	if r := &s.flows[id]; r.state == unused && !r.has(flagQueued|flagAckList) {
		s.release(id)
	}
}

// acknowledge sends an ACK. Without a slot it is tried again in a turn.
func (s *Shard) acknowledge(id uint32, r *record) {
	if s.sendAck(r); r.has(flagNeedAck) {
		s.enqueue(id)
	}
}

// needAck has the connection acknowledge when the run is over.
func (s *Shard) needAck(id uint32, r *record) {
	r.flags |= flagNeedAck
	if !r.has(flagAckList) {
		r.flags |= flagAckList
		s.acks = append(s.acks, id)
	}
}
