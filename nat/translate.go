package nat

import (
	"vswitch/internal/frame"
	"vswitch/internal/offload"
)

// op is what is done with a packet.
type op uint8

const (
	opOut op = iota
	opIn
	opHair
)

// Out translates a packet from inside to outside, in place: its source address and port,
// or what an ICMP error quotes. The frame has been parsed, its virtio header checked, and
// the caller owns it. now is in nanoseconds of the caller's monotonic clock.
//
// Accepted: it is translated. Consumed: it is a fragment that was kept, see Released.
// Otherwise it ends with the reason and may be half translated. A TCP segment of no flow
// that is not a SYN has no other end that would take it: DropNoFlow.
func (t *Table) Out(now int64, f *frame.Frame) frame.Reason { return t.do(opOut, now, f) }

// In translates a packet from outside to inside, as Out does the other way: its
// destination. DropNATFiltered: the destination is mapped, but not for this sender.
// DropNoFlow: it is neither mapped nor forwarded.
func (t *Table) In(now int64, f *frame.Frame) frame.Reason { return t.do(opIn, now, f) }

// Hair translates a packet from inside to one of the outer addresses (hairpinning,
// RFC 4787, REQ-9): it is Out and In in one, so the receiver sees the sender's outer
// address and port, and the filtering is as for any other sender. Its destination is
// inside afterwards.
func (t *Table) Hair(now int64, f *frame.Frame) frame.Reason { return t.do(opHair, now, f) }

func (t *Table) do(o op, now int64, f *frame.Frame) frame.Reason {
	switch {
	case f.Flags&(frame.FlagIPv4|frame.FlagIPv6) == 0:
		return frame.DropUplinkProtocol
	case f.Flags&frame.FlagFragment != 0:
		return t.fragment(o, now, f)
	}
	return t.whole(o, now, f)
}

// whole carries out o for a packet, or the first fragment of one.
func (t *Table) whole(o op, now int64, f *frame.Frame) frame.Reason {
	switch o {
	case opOut:
		return t.translate(out, now, f)
	case opIn:
		return t.translate(in, now, f)
	}
	if r := t.translate(out, now, f); r != frame.Accepted {
		return r
	}
	return t.translate(in, now, f)
}

func (t *Table) translate(d dir, now int64, f *frame.Frame) frame.Reason {
	var p packet
	if r := p.read(f, d); r != frame.Accepted {
		return r
	}
	if p.shape == shapeError {
		return t.icmpError(d, &p)
	}
	m, ok, sure := t.find(d, &p)
	if !ok {
		var r frame.Reason
		if m, r = t.open(d, now, &p, sure); r != frame.Accepted {
			return r
		}
	}
	t.touch(&m, d, now, &p)
	p.rewrite(d, m.to)
	if p.tcp&frame.TCPSyn != 0 && t.c.MSS != 0 {
		f.TCP().ClampMSS(uint16(t.c.MSS), p.coverage)
	}
	return frame.Accepted
}

// find returns the flow of a packet. Where it finds none, sure says whether there is
// none; it may not be without the lock.
func (t *Table) find(d dir, p *packet) (m match, ok, sure bool) {
	c := t.index.find(t.hash(saltFlow+uint64(d), p.kind, p.near, p.remote))
	for {
		id := c.next()
		if id == none {
			return m, false, c.sure()
		}
		if m, ok = t.flows.at(id).match(d, p); ok {
			m.id = id
			return m, true, true
		}
	}
}

// touch notes a packet of a flow: what it does to the state, the time, and the counters.
// The record may have been given to another flow meanwhile. Its generation keeps the
// state apart; in the counters, and in the time, one packet too many does no harm.
func (t *Table) touch(m *match, d dir, now int64, p *packet) {
	old := m.r.state.Load()
	if next := history(old).step(d, p.tcp); next != history(old) && old>>16 == m.gen&0xffff {
		t.advance(m, d, p.tcp)
	}
	if sec := uint32(now / second); (d == out || m.flags&flagBothWays != 0) && m.r.seen.Load() != sec {
		m.r.seen.Store(sec)
	}
	packets, bytes := weigh(p.f)
	m.r.traffic[d].packets.Add(packets)
	m.r.traffic[d].bytes.Add(bytes)
}

// weigh returns how many packets a frame is on a wire, and its bytes.
func weigh(f *frame.Frame) (packets, bytes uint64) {
	bytes = uint64(f.L3Len)
	v := offload.Vnet(f.Vnet())
	if !v.GSO() || v.GSOSize() == 0 {
		return 1, bytes
	}
	size := uint64(v.GSOSize())
	return max((bytes-min(bytes, headers(f))+size-1)/size, 1), bytes
}

// headers returns the bytes of a super-frame that each segment repeats.
func headers(f *frame.Frame) uint64 {
	n := uint64(f.L4 - f.L3)
	if f.Proto == frame.ProtoTCP {
		return n + uint64(f.TCP().HeaderLen())
	}
	return n + frame.UDPLen
}
