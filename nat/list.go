package nat

import "net/netip"

// Traffic is what has gone one way: packets, and bytes of IP packets. A super-frame
// counts as its segments, its bytes with one header. Of a packet in fragments only the
// first is counted.
type Traffic struct{ Packets, Bytes uint64 }

// Flow is one connection, as conntrack ls shows it. Ports are 0 where the protocol has
// none; of an ICMP query they are the identifier, and the remote one is 0.
type Flow struct {
	Proto uint8
	State State
	// Inside is the endpoint inside, Outer what the outside sees of it, Remote the
	// other end.
	Inside, Outer, Remote netip.AddrPort
	// Forwarded: it began outside, by a forward or by a mapping that let it in.
	Forwarded bool
	Out, In   Traffic
	// Until is when it ends if nothing more comes, in nanoseconds of the caller's
	// clock.
	Until int64
}

// Mapping is one mapping, as nat ls shows it. Remote is valid with Symmetric only,
// where a mapping is for one remote endpoint.
type Mapping struct {
	Proto                 uint8
	Inside, Outer, Remote netip.AddrPort
	Flows                 int
	// Forward: it was made by SetForwards. Outer's address is then the zero Addr where
	// any will do.
	Forward bool
}

// Counts is what a table holds and what became of what it held.
type Counts struct {
	// Flows is how many there are; Mappings counts forwards too, and with Symmetric
	// nothing else.
	Flows, Mappings int
	// Opened counts all flows ever made; Expired those whose time was over, Evicted
	// those that made room for others when the table was full, Ended those that went
	// with their forward, address or inside host.
	Opened, Expired, Evicted, Ended uint64
	// Datagrams is how many packets in fragments are under way, Kept how many bytes of
	// fragments wait for their first one; Lost counts those that waited in vain.
	Datagrams, Kept int
	Lost            uint64
}

// Flows returns all flows, in no order. The lock is not held while they are read, so what
// begins and ends meanwhile may or may not be there.
func (t *Table) Flows() []Flow {
	t.mu.Lock()
	used, live := t.flows.used, t.live
	t.mu.Unlock()
	all := make([]Flow, 0, live)
	for id := range used {
		if f, ok := t.show(t.flows.at(id)); ok {
			all = append(all, f)
		}
	}
	return all
}

func (t *Table) show(r *record) (f Flow, ok bool) {
	k, gen, ok := r.key()
	if !ok {
		return f, false
	}
	f = Flow{
		Proto: k.kind.proto(), State: r.history().state(k.kind),
		Inside: k.inside.netip(k.kind), Outer: k.outer.netip(k.kind), Remote: k.remote.netip(k.kind),
		Forwarded: k.flags&flagForwarded != 0, Until: t.deadline(r, &k),
		Out: r.counted(out), In: r.counted(in),
	}
	return f, r.gen.Load() == gen
}

func (r *record) counted(d dir) Traffic {
	return Traffic{r.traffic[d].packets.Load(), r.traffic[d].bytes.Load()}
}

// Mappings returns all mappings, forwards included, in no order. With Symmetric those
// that are no forwards are the flows.
func (t *Table) Mappings() []Mapping {
	all := t.ownMappings()
	if t.c.Personality != Symmetric {
		return all
	}
	for _, f := range t.Flows() {
		if !f.Forwarded && (f.Inside.Port() != 0 || f.Outer.Port() != 0) {
			all = append(all, Mapping{Proto: f.Proto, Inside: f.Inside, Outer: f.Outer, Remote: f.Remote, Flows: 1})
		}
	}
	return all
}

func (t *Table) ownMappings() []Mapping {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Mapping
	for id := range t.mappings.used {
		if m := t.mappings.at(id); !m.dead {
			all = append(all, Mapping{
				Proto: m.kind.proto(), Inside: m.inside.netip(m.kind), Outer: m.outer.netip(m.kind),
				Flows: int(m.flows), Forward: m.forward,
			})
		}
	}
	return all
}
