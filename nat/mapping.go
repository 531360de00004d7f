package nat

// Mappings
//
// With a cone, an inside endpoint has one mapping, found by both of its ends: new flows
// of the endpoint go out by it, new flows from outside come in by it if the filtering
// lets them. A mapping lives as long as it has flows. It lets nobody in, though, while
// none of them is a holder, one on which the inside has sent: who only sends from
// outside keeps nothing open (RFC 4787, section 6 and REQ-6).
//
// A forward is a mapping that stays. Flows from its inner endpoint to the outside leave
// by it too, as they do with any mapping of a cone, so that a server that speaks first is
// heard from its published port.

// mapping is one mapping. The table's lock guards it.
type mapping struct {
	inside, outer  end // outer's address is zero for a forward of any address
	kind           kind
	forward        bool
	dead           bool // taken out of the indexes; its last flow takes it along
	flows, holders uint32
}

// service is an inside endpoint that is published.
type service struct {
	kind   kind
	inside end
}

func (t *Table) insideHash(k kind, e end) uint32 { return t.hash(saltInside, k, e, end{}) }
func (t *Table) outerHash(k kind, e end) uint32  { return t.hash(saltOuter, k, e, end{}) }

// mappingOf returns the mapping of an inside endpoint, or none. The lock is held.
func (t *Table) mappingOf(k kind, inside end) uint32 {
	for c := t.inward.find(t.insideHash(k, inside)); ; {
		id := c.next()
		if id == none {
			return none
		}
		if m := t.mappings.at(id); m.inside == inside && m.kind == k {
			return id
		}
	}
}

// mappingAt returns the mapping of just this outer endpoint, or none. The lock is held.
func (t *Table) mappingAt(k kind, outer end) uint32 {
	for c := t.outward.find(t.outerHash(k, outer)); ; {
		id := c.next()
		if id == none {
			return none
		}
		if m := t.mappings.at(id); m.outer == outer && m.kind == k {
			return id
		}
	}
}

// mappingFor is mappingAt, or the forward of any address at the port.
func (t *Table) mappingFor(k kind, outer end) uint32 {
	if id := t.mappingAt(k, outer); id != none {
		return id
	}
	return t.mappingAt(k, end{port: outer.port})
}

// nobodyAt reports whether there is surely no mapping of an outer endpoint. It takes no
// lock; false says nothing.
func (t *Table) nobodyAt(k kind, outer end) bool {
	for _, e := range [2]end{outer, {port: outer.port}} {
		c := t.outward.find(t.outerHash(k, e))
		if c.next() != none || !c.sure() {
			return false
		}
	}
	return true
}

// addMapping makes a mapping known.
func (t *Table) addMapping(m mapping) uint32 {
	id := t.mappings.take()
	*t.mappings.at(id) = m
	if !m.forward {
		t.inward.add(t.insideHash(m.kind, m.inside), id)
	}
	t.outward.add(t.outerHash(m.kind, m.outer), id)
	t.mapped++
	return id
}

// mapOut returns the mapping for new flows of an inside endpoint, made at the address
// outer if there is none; not ok where no port is free.
func (t *Table) mapOut(k kind, inside end, outer addr) (id uint32, ok bool) {
	if id = t.mappingOf(k, inside); id != none {
		return id, true
	}
	if id, ok = t.published[service{k, inside}]; ok {
		return id, true
	}
	port, ok := t.freePort(k, inside.port)
	if !ok {
		return none, false
	}
	t.ports.of(k).take(port, false)
	return t.addMapping(mapping{inside: inside, outer: end{outer, port}, kind: k}), true
}

// kill takes a mapping out of the indexes; who has its flows ends them. The mapping goes
// with the last, or at once.
func (t *Table) kill(id uint32) {
	m := t.mappings.at(id)
	if m.dead {
		return
	}
	m.dead = true
	t.mapped--
	if !m.forward {
		t.inward.remove(t.insideHash(m.kind, m.inside), id)
	}
	t.outward.remove(t.outerHash(m.kind, m.outer), id)
	t.collect(id)
}

// collect frees a dead mapping that has no flows, and buries one that has none left.
func (t *Table) collect(id uint32) {
	m := t.mappings.at(id)
	switch {
	case m.flows > 0 || m.forward && !m.dead:
	case !m.dead:
		t.kill(id)
	default:
		if !m.forward {
			t.ports.of(m.kind).give(m.outer.port, false)
		}
		*m = mapping{dead: true}
		t.mappings.give(id)
	}
}

// release takes a flow off a mapping.
func (t *Table) release(id uint32, holder bool) {
	m := t.mappings.at(id)
	m.flows--
	if holder {
		m.holders--
	}
	t.collect(id)
}

// admits reports whether a mapping lets a new flow from remote in.
func (t *Table) admits(id uint32, remote end) bool {
	m := t.mappings.at(id)
	switch {
	case m.forward:
		return true
	case m.holders == 0:
		return false
	case t.c.Personality == FullCone:
		return true
	case t.c.Personality == Restricted:
		return t.hasSentTo(id, remote.a)
	}
	return false
}

func (t *Table) peerHash(id uint32, remote addr) uint32 {
	return t.hash(saltPeer, kind(id>>16), end{remote, uint16(id)}, end{})
}

// hasSentTo reports whether a mapping has a flow to the address on which the inside has
// sent.
func (t *Table) hasSentTo(id uint32, remote addr) bool {
	for c := t.peers.find(t.peerHash(id, remote)); ; {
		flow := c.next()
		if flow == none {
			return false
		}
		r := t.flows.at(flow)
		if k, _, ok := r.key(); ok && r.holds && r.mapping == id && k.remote.a == remote {
			return true
		}
	}
}
