package nat

// advance moves a flow's state by a packet. What makes its time shorter, or a flow from
// outside one that the inside takes part in, is done under the lock; that happens once or
// twice in a flow's life.
func (t *Table) advance(m *match, d dir, tcp uint8) {
	for {
		word := m.r.state.Load()
		old := history(word)
		next := old.step(d, tcp)
		if word>>16 != m.gen&0xffff || next == old {
			return
		}
		if !m.r.state.CompareAndSwap(word, word&0xffff0000|uint32(next)) {
			continue
		}
		k, dns := kind(m.flags&kindMask), m.flags&flagDNS != 0
		sooner := t.timeouts[next.class(k, dns)] < t.timeouts[old.class(k, dns)]
		if sooner || next.closed() && !old.closed() || next.has(sent) && !old.has(sent) {
			t.turn(m)
		}
		return
	}
}

// turn brings what the lock guards in line with a flow's new state.
func (t *Table) turn(m *match) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, gen, ok := m.r.key()
	if !ok || gen != m.gen {
		return
	}
	h := m.r.history()
	if h.has(sent) {
		t.hold(m.r)
	}
	if h.closed() {
		t.requeue(m.id, queueClosed)
	}
	t.wheel(m.id).Set(m.id/wheels, t.deadline(m.r, &k))
}

// hold makes a flow a holder of its mapping.
func (t *Table) hold(r *record) {
	if r.mapping != none && !r.holds {
		r.holds = true
		t.mappings.at(r.mapping).holders++
	}
}

// deadline returns when a flow ends if nothing more comes. Seconds are rounded down when
// they are noted, so one is added.
func (t *Table) deadline(r *record, k *flowKey) int64 {
	timeout := t.timeouts[r.history().class(k.kind, k.dns())]
	return (int64(r.seen.Load())+1)*second + timeout
}
