package nat

import "vswitch/internal/frame"

// open makes the flow of a packet that find found none for, if it may begin one. sure
// says that find was.
func (t *Table) open(d dir, now int64, p *packet, sure bool) (match, frame.Reason) {
	if d == in && sure && t.nobodyAt(p.kind, p.near) {
		return match{}, t.nothingAt(p)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, ok, _ := t.find(d, p); ok {
		return m, frame.Accepted
	}
	if d == out {
		return t.openOut(now, p)
	}
	return t.openIn(now, p)
}

// nothingAt says why a packet from outside to no mapping ends. With Symmetric the port
// may be that of flows to others. A query asks the outer address itself.
func (t *Table) nothingAt(p *packet) frame.Reason {
	if p.kind.mapsPorts() && !p.asks && t.ports.of(p.kind).inUse(p.near.port) {
		return frame.DropNATFiltered
	}
	return frame.DropNoFlow
}

// begins reports whether a packet may be the first of a flow.
func (p *packet) begins() bool {
	switch p.shape {
	case shapeTCP:
		return opens(p.tcp)
	case shapeQuery:
		return p.asks
	}
	return true
}

// openOut makes a flow from inside. The lock is held.
func (t *Table) openOut(now int64, p *packet) (m match, r frame.Reason) {
	outer := t.outerOf(p.kind)
	switch {
	case !p.begins():
		return m, frame.DropNoFlow
	case outer == addr{}:
		return m, frame.DropNoRoute
	case !t.room(p.near.a):
		return m, frame.DropNATLimit
	}
	k := flowKey{kind: p.kind, flags: p.flags(), inside: p.near, remote: p.remote}
	id, ok := t.outside(&k, outer)
	if !ok || t.taken(k.kind, k.outer, k.remote) { // another inside host has it
		if id != none {
			t.collect(id)
		}
		return m, frame.DropNATPorts
	}
	return t.add(now, &k, id, out, p.tcp), frame.Accepted
}

// outside gives a new flow its outer end, at the address outer, and returns the mapping
// that it is of, or none. It is not ok where no port is free.
func (t *Table) outside(k *flowKey, outer addr) (id uint32, ok bool) {
	k.outer = end{outer, k.inside.port}
	switch {
	case !k.kind.mapsPorts():
		return none, true
	case t.c.Personality == Symmetric:
		k.outer.port, ok = t.sharedPort(k.kind, k.inside.port, func(port uint16) bool {
			return !t.taken(k.kind, end{outer, port}, k.remote)
		})
		return none, ok
	}
	if id, ok = t.mapOut(k.kind, k.inside, outer); !ok {
		return none, false
	}
	at := t.mappings.at(id).outer
	if k.outer.port = at.port; at.a != (addr{}) { // it is, for a forward of any address
		k.outer.a = at.a
	}
	return id, true
}

// taken reports whether a flow has this outer and remote end. The lock is held.
func (t *Table) taken(k kind, outer, remote end) bool {
	_, ok, _ := t.find(in, &packet{kind: k, near: outer, remote: remote})
	return ok
}

// openIn makes a flow from outside, by a mapping that lets it in. The lock is held.
func (t *Table) openIn(now int64, p *packet) (m match, r frame.Reason) {
	id := t.mappingFor(p.kind, p.near)
	if id == none {
		return m, t.nothingAt(p)
	}
	to := t.mappings.at(id)
	switch {
	case p.asks:
		return m, frame.DropNoFlow
	case !t.admits(id, p.remote):
		return m, frame.DropNATFiltered
	case p.shape == shapeQuery || !p.begins():
		return m, frame.DropNoFlow
	case !t.unique(p, to.inside):
		return m, frame.DropNATPorts
	}
	to.flows++ // whatever goes to make room, the mapping stays
	fits := t.room(to.inside.a)
	if to.flows--; !fits {
		t.collect(id)
		return m, frame.DropNATLimit
	}
	k := flowKey{kind: p.kind, flags: p.flags() | flagForwarded, inside: to.inside, outer: p.near, remote: p.remote}
	if to.forward {
		k.flags |= flagBothWays
	}
	return t.add(now, &k, id, in, p.tcp), frame.Accepted
}

// unique reports whether answers of the inside endpoint to the packet's sender would be
// this flow's: the sender may come by another forward to the same endpoint, too. A flow
// that is all but over gives way.
func (t *Table) unique(p *packet, inside end) bool {
	old, ok, _ := t.find(out, &packet{kind: p.kind, near: inside, remote: p.remote})
	if ok && !old.r.history().assured(p.kind) {
		t.end(old.id)
		t.ended.Add(1)
		return true
	}
	return !ok
}

const portDNS = 53

// flags returns what a record notes of a packet's kind.
func (p *packet) flags() uint64 {
	switch p.shape {
	case shapeTCP, shapeOther:
		return flagBothWays
	case shapeUDP:
		if p.remote.port == portDNS {
			return flagDNS
		}
	}
	return 0
}

// add makes a flow whose first packet goes d, with these TCP flags. The lock is held.
func (t *Table) add(now int64, k *flowKey, mapping uint32, d dir, tcp uint8) match {
	id := t.flows.take()
	r := t.flows.at(id)
	r.mapping, r.queue, r.holds = mapping, queueNone, false
	r.publish(k, history(0).step(d, tcp), uint32(now/second))
	t.attach(id, r, k, d)
	t.source(k.inside.a).flows++
	t.live++
	t.opened.Add(1)
	t.enqueue(id, queueFresh)
	t.schedule(now, id, r, k)
	for _, h := range t.hashes(k) {
		t.index.add(h, id)
	}
	to := k.outer
	if d == in {
		to = k.inside
	}
	return match{r: r, id: id, gen: r.gen.Load(), flags: r.ports.Load(), to: to}
}

// hashes are those that a flow is found by, by dir.
func (t *Table) hashes(k *flowKey) [2]uint32 {
	return [2]uint32{
		t.hash(saltFlow+uint64(out), k.kind, k.inside, k.remote), t.hash(saltFlow+uint64(in), k.kind, k.outer, k.remote),
	}
}

// source returns what is known of an inside address, new with its first flow.
func (t *Table) source(a addr) *source {
	s := t.sources[a]
	if s == nil {
		s = &source{queues: emptyQueues()}
		t.sources[a] = s
	}
	return s
}

// attach ties a new flow to its mapping, or to its port.
func (t *Table) attach(id uint32, r *record, k *flowKey, d dir) {
	if r.mapping == none {
		if k.kind.mapsPorts() {
			t.ports.of(k.kind).take(k.outer.port, true)
		}
		return
	}
	t.mappings.at(r.mapping).flows++
	if d == out {
		t.hold(r)
	}
	if t.c.Personality == Restricted {
		t.peers.add(t.peerHash(r.mapping, k.remote.a), id)
	}
}

// schedule sets a new flow's deadline.
func (t *Table) schedule(now int64, id uint32, r *record, k *flowKey) {
	w := t.wheel(id)
	if w.Len() == 0 {
		w.Advance(now, nil) // an empty wheel goes any way at once
	}
	w.Set(id/wheels, t.deadline(r, k))
}
