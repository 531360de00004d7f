package nat

import "vswitch/internal/flow"

// Time
//
// Each flow has a deadline on a wheel. Packets do not move it: they note the second, and
// when the deadline comes it is set anew by what was noted. Only what makes a flow's time
// shorter sets it at once.

func (t *Table) wheel(id uint32) *flow.Wheel { return t.wheels[id%wheels] }

// Expire ends the flows whose time is over, and the fragments that waited in vain. It is
// called about once a second, by a control goroutine, and returns by when it should be
// called again. Packets may go on meanwhile.
func (t *Table) Expire(now int64) (next int64) {
	next = now + 60*second
	for i := range uint32(wheels) {
		if when, ok := t.expireWheel(i, now); ok {
			next = min(next, when)
		}
	}
	if when, ok := t.fragments.expire(now); ok {
		next = min(next, when)
	}
	return max(next, now+1)
}

func (t *Table) expireWheel(i uint32, now int64) (next int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.wheels[i]
	w.Advance(now, func(n uint32) {
		id := n*wheels + i
		r := t.flows.at(id)
		k, _, _ := r.key()
		if when := t.deadline(r, &k); when > now {
			w.Set(n, when)
			return
		}
		t.end(id)
		t.expired.Add(1)
	})
	return w.Next()
}

// end removes a flow, and its mapping if it was the last. The lock is held.
func (t *Table) end(id uint32) {
	r := t.flows.at(id)
	k, _, _ := r.key()
	r.retire()
	for _, h := range t.hashes(&k) {
		t.index.remove(h, id)
	}
	t.wheel(id).Clear(id / wheels)
	t.enqueue(id, queueNone)
	if r.mapping != none {
		if t.c.Personality == Restricted {
			t.peers.remove(t.peerHash(r.mapping, k.remote.a), id)
		}
		t.release(r.mapping, r.holds)
	} else if k.kind.mapsPorts() {
		t.ports.of(k.kind).give(k.outer.port, true)
	}
	if s := t.sources[k.inside.a]; s.flows == 1 {
		delete(t.sources, k.inside.a)
	} else {
		s.flows--
	}
	t.live--
	t.flows.give(id)
}

// sweep kills mappings and then ends flows: those of dead mappings, and those that match.
// The lock is given up after each block, so that nobody waits long.
func (t *Table) sweep(mapped func(*mapping) bool, matches func(*flowKey) bool) {
	t.mu.Lock()
	for id := range t.mappings.used {
		if m := t.mappings.at(id); !m.dead && mapped(m) {
			t.kill(id)
		}
	}
	used := t.flows.used
	t.mu.Unlock()
	for from := uint32(0); from < used; from += blockSize {
		t.sweepBlock(from, min(from+blockSize, used), matches)
	}
}

func (t *Table) sweepBlock(from, to uint32, matches func(*flowKey) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := from; id < to; id++ {
		r := t.flows.at(id)
		k, _, ok := r.key()
		if !ok {
			continue
		}
		if r.mapping != none && t.mappings.at(r.mapping).dead || matches(&k) {
			t.end(id)
			t.ended.Add(1)
		}
	}
}
