package vswitch

// Eviction is fair by port. A dynamic entry has to go when the table is at its
// limit, or when both buckets of a new address are full, which a table that is
// half empty hardly ever sees. In both cases it goes from the port that has the
// most entries, and never from one that has no more than the port that asks:
// a port within limit/ports entries loses none to others, whatever they do.

// evictLook is how many of a port's entries are looked at for the least recently
// refreshed one. Those that stay go to the end of its book, so that the look goes
// round.
const evictLook = 8

// room returns an empty slot for key, evicting where it must. p is the book of
// the port that asks; nil, for a static entry, may evict anybody's. It returns
// none when nobody has to give way.
func (t *fdb) room(key uint64, p *book) uint32 {
	a, b := t.homes(key)
	slot := t.emptier(a, b)
	victim := none
	switch {
	case slot == none:
		slot = t.victimIn(a, b, p)
		victim = slot
	case t.count >= t.limit:
		if victim = t.victim(p); victim == none {
			return none
		}
	}
	if victim != none {
		t.remove(victim)
		t.stats.evicted.Add(1)
	}
	return slot
}

// emptier returns an empty slot of the bucket that has more of them; none when
// both are full. Taking the emptier of two keeps the fullest bucket of the table
// close to the average one.
func (t *fdb) emptier(a, b uint32) uint32 {
	slotA, freeA := t.free(a)
	slotB, freeB := t.free(b)
	if freeB > freeA {
		return slotB
	}
	return slotA
}

// free returns an empty slot of a bucket and how many it has.
func (t *fdb) free(home uint32) (slot uint32, n int) {
	slot = none
	for i := range uint32(bucketSlots) {
		if s := home*bucketSlots + i; t.key(s).Load() == 0 {
			slot = s
			n++
		}
	}
	return slot, n
}

// victim chooses an entry of the port that has the most; p itself if no port has
// more than p. It returns none when there are only static entries.
func (t *fdb) victim(p *book) uint32 {
	most := p
	if len(t.heap) > 0 && (p == nil || t.heap[0].count > p.count) {
		most = t.heap[0]
	}
	if most == nil || most.count == 0 {
		return none
	}
	return t.oldest(most)
}

// oldest returns the least recently refreshed of the first entries of p, and
// puts all that it looked at at the end.
func (t *fdb) oldest(p *book) uint32 {
	victim, last := p.head, p.head
	for slot, n := p.head, 0; slot != none && n < evictLook; slot, n = t.next[slot], n+1 {
		if t.olderSlot(slot, victim) {
			victim = slot
		}
		last = slot
	}
	t.rotate(p, last)
	return victim
}

func (t *fdb) olderSlot(a, b uint32) bool {
	return earlier(valueSec(t.value(a).Load()), valueSec(t.value(b).Load()))
}

// victimIn chooses an entry of two full buckets: of the port that has the most,
// the oldest. It returns none when no port there has more than p.
func (t *fdb) victimIn(a, b uint32, p *book) uint32 {
	victim, most := none, (*book)(nil)
	for _, home := range [2]uint32{a, b} {
		for i := range uint32(bucketSlots) {
			slot := home*bucketSlots + i
			v := t.value(slot).Load()
			if valueStatic(v) {
				continue
			}
			owner := t.book(valuePort(v))
			switch {
			case p != nil && owner != p && owner.count <= p.count:
			case most == nil || owner.count > most.count,
				owner.count == most.count && t.olderSlot(slot, victim):
				victim, most = slot, owner
			}
		}
	}
	return victim
}
