package vswitch

import (
	"container/heap"
	"sync"
	"sync/atomic"

	"vswitch/internal/frame"
)

// The forwarding database: (MAC, VLAN) to port.
//
// Readers take no lock. An entry has one of two buckets of eight slots, by two
// halves of a keyed hash, and never moves between them, so a reader that scans
// both sees every entry that was there throughout. A slot is two words, key and
// value; the value carries the port and the second in which the entry was last
// refreshed. Refreshing is a compare-and-swap of the value, at most once a second
// and entry, so that hot entries stay shared in all caches.
//
// Writers take the lock. Learning only tries to: who finds it taken learns from
// the station's next frame instead of waiting.
//
// The table has a limit. When it is reached, the port with the most dynamic
// entries gives up one of its oldest: a station that floods addresses evicts its
// own, and nobody else's. Which of two buckets an address falls into cannot be
// guessed from outside, so nobody can aim at one bucket.

const (
	bucketSlots = 8
	// evictLook is how many of a port's longest-known entries are looked at for
	// the least recently refreshed one.
	evictLook = 8
	none      = ^uint32(0)
)

// A key is MAC<<16 | VID; 0 is an empty slot (no station has MAC 0).
func fdbKey(mac frame.MAC, vid uint16) uint64 { return uint64(mac)<<16 | uint64(vid) }

// A value is seconds<<32 | flags<<16 | port.
const flagStatic = 1 << 16

func fdbValue(port frame.PortID, sec uint32, flags uint64) uint64 {
	return uint64(sec)<<32 | flags | uint64(port)
}

func valuePort(v uint64) frame.PortID { return frame.PortID(v) }
func valueSec(v uint64) uint32        { return uint32(v >> 32) }

type bucket struct {
	keys [bucketSlots]atomic.Uint64
	vals [bucketSlots]atomic.Uint64
}

// FDB is a forwarding database. Make one with newFDB.
type FDB struct {
	buckets []bucket
	seed    uint64
	limit   int
	age     atomic.Uint32 // seconds

	stats fdbCounters

	mu    sync.Mutex
	next  []uint32 // per slot: the order in which its port's entries were learned
	prev  []uint32
	ports map[frame.PortID]*portEntries
	heap  byCount
	count int
}

// portEntries is what the FDB keeps about the dynamic entries of one port.
type portEntries struct {
	port       frame.PortID
	head, tail uint32
	count      int
	at         int // index in the heap
}

type fdbCounters struct {
	learned, moved, aged, evicted, limited, deferred, flushed atomic.Uint64
}

// FDBStats counts what happened to the entries of an FDB.
type FDBStats struct {
	Entries  int    `json:"entries"`
	Limit    int    `json:"limit"`
	Learned  uint64 `json:"learned"`  // new entries
	Moved    uint64 `json:"moved"`    // entries that changed their port
	Aged     uint64 `json:"aged"`     // entries that were not refreshed in time
	Evicted  uint64 `json:"evicted"`  // entries that made room at the table's limit
	Limited  uint64 `json:"limited"`  // sources not learned: the port's limit
	Deferred uint64 `json:"deferred"` // sources not learned yet: a writer was busy
	Flushed  uint64 `json:"flushed"`  // entries removed with their port or by hand
}

// newFDB makes a table for up to limit entries; its slots stay half empty.
func newFDB(limit int, age uint32, seed uint64) *FDB {
	n := 1
	for n*bucketSlots < 2*limit {
		n *= 2
	}
	t := &FDB{
		buckets: make([]bucket, n), seed: seed, limit: limit,
		next: make([]uint32, n*bucketSlots), prev: make([]uint32, n*bucketSlots),
		ports: map[frame.PortID]*portEntries{},
	}
	t.age.Store(age)
	return t
}

// hash mixes a key with the table's seed (a xor-multiply-shift finaliser).
func (t *FDB) hash(key uint64) uint64 {
	h := (key ^ t.seed) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>29
}

// homes returns the indexes of the two buckets of key.
func (t *FDB) homes(key uint64) (uint32, uint32) {
	h := t.hash(key)
	mask := uint32(len(t.buckets) - 1)
	return uint32(h) & mask, uint32(h>>32) & mask
}

// find returns the slot of key and its value; slot is none when it is not there.
func (t *FDB) find(key uint64) (slot uint32, value uint64) {
	a, b := t.homes(key)
	if slot, value = t.scan(a, key); slot == none && a != b {
		return t.scan(b, key)
	}
	return slot, value
}

func (t *FDB) scan(home uint32, key uint64) (uint32, uint64) {
	b := &t.buckets[home]
	for i := range b.keys {
		if b.keys[i].Load() != key {
			continue
		}
		v := b.vals[i].Load()
		if b.keys[i].Load() == key { // the slot was not given away meanwhile
			return home*bucketSlots + uint32(i), v
		}
	}
	return none, 0
}

func (t *FDB) key(slot uint32) *atomic.Uint64 {
	return &t.buckets[slot/bucketSlots].keys[slot%bucketSlots]
}

func (t *FDB) value(slot uint32) *atomic.Uint64 {
	return &t.buckets[slot/bucketSlots].vals[slot%bucketSlots]
}

// lookup returns the port behind which key was last seen. sec is now.
func (t *FDB) lookup(key uint64, sec uint32) (frame.PortID, bool) {
	slot, v := t.find(key)
	if slot == none || !t.fresh(v, sec) {
		return frame.NoPort, false
	}
	return valuePort(v), true
}

// fresh reports whether an entry is still good at sec. The difference is signed:
// another worker's clock may have been read a moment later than ours.
func (t *FDB) fresh(v uint64, sec uint32) bool {
	return v&flagStatic != 0 || int32(sec-valueSec(v)) < int32(t.age.Load())
}

// learn notes that key was seen behind port. maxPort is the port's limit, 0 for
// none. It never waits and does not allocate once the port is known.
func (t *FDB) learn(key uint64, port frame.PortID, sec uint32, maxPort int) {
	slot, v := t.find(key)
	if slot != none && (v&flagStatic != 0 || valuePort(v) == port) {
		if v&flagStatic == 0 && valueSec(v) != sec {
			// Fails if the slot was given away meanwhile; the next frame learns.
			t.value(slot).CompareAndSwap(v, fdbValue(port, sec, 0))
		}
		return
	}
	if !t.mu.TryLock() {
		t.stats.deferred.Add(1)
		return
	}
	t.learnLocked(key, port, sec, maxPort)
	t.mu.Unlock()
}

func (t *FDB) learnLocked(key uint64, port frame.PortID, sec uint32, maxPort int) {
	slot, v := t.find(key)
	p := t.of(port)
	switch {
	case slot != none && (v&flagStatic != 0 || valuePort(v) == port):
		return
	case maxPort > 0 && p.count >= maxPort:
		t.stats.limited.Add(1)
		return
	case slot != none:
		t.unlink(slot, t.of(valuePort(v)))
		t.stats.moved.Add(1)
	default:
		if slot = t.room(key); slot == none {
			t.stats.limited.Add(1)
			return
		}
		t.stats.learned.Add(1)
		t.count++
	}
	t.value(slot).Store(fdbValue(port, sec, 0))
	t.key(slot).Store(key)
	t.link(slot, p)
}

// room returns an empty slot for key, evicting where it must: at the table's
// limit from the port with the most entries, and when both buckets are full the
// oldest entry there. It returns none when only static entries are in the way.
func (t *FDB) room(key uint64) uint32 {
	if t.count >= t.limit && !t.evictFair() {
		return none
	}
	a, b := t.homes(key)
	if slot, _ := t.scan(a, 0); slot != none {
		return slot
	}
	if slot, _ := t.scan(b, 0); slot != none {
		return slot
	}
	return t.evictIn(a, b)
}

// evictFair takes one entry from the port that has the most.
func (t *FDB) evictFair() bool {
	if len(t.heap) == 0 || t.heap[0].count == 0 {
		return false
	}
	p := t.heap[0]
	oldest := p.head
	for slot, n := p.head, 0; slot != none && n < evictLook; slot, n = t.next[slot], n+1 {
		if valueSec(t.value(slot).Load()) < valueSec(t.value(oldest).Load()) {
			oldest = slot
		}
	}
	t.remove(oldest)
	t.stats.evicted.Add(1)
	return true
}

// evictIn takes the oldest dynamic entry out of two full buckets.
func (t *FDB) evictIn(a, b uint32) uint32 {
	oldest := none
	for _, home := range [2]uint32{a, b} {
		for i := range uint32(bucketSlots) {
			slot := home*bucketSlots + i
			v := t.value(slot).Load()
			if v&flagStatic == 0 && (oldest == none || valueSec(v) < valueSec(t.value(oldest).Load())) {
				oldest = slot
			}
		}
	}
	if oldest != none {
		t.remove(oldest)
		t.stats.evicted.Add(1)
	}
	return oldest
}

// remove empties a slot.
func (t *FDB) remove(slot uint32) {
	v := t.value(slot).Load()
	t.key(slot).Store(0)
	t.count--
	if v&flagStatic == 0 {
		t.unlink(slot, t.of(valuePort(v)))
	}
}

// of returns the book of port, opening one at the port's first entry.
func (t *FDB) of(port frame.PortID) *portEntries {
	p := t.ports[port]
	if p == nil {
		p = &portEntries{port: port, head: none, tail: none}
		t.ports[port] = p
		heap.Push(&t.heap, p)
	}
	return p
}

// link appends a slot to its port's entries.
func (t *FDB) link(slot uint32, p *portEntries) {
	t.next[slot], t.prev[slot] = none, p.tail
	if p.tail == none {
		p.head = slot
	} else {
		t.next[p.tail] = slot
	}
	p.tail = slot
	p.count++
	heap.Fix(&t.heap, p.at)
}

// unlink takes a slot out of its port's entries.
func (t *FDB) unlink(slot uint32, p *portEntries) {
	next, prev := t.next[slot], t.prev[slot]
	if prev == none {
		p.head = next
	} else {
		t.next[prev] = next
	}
	if next == none {
		p.tail = prev
	} else {
		t.prev[next] = prev
	}
	p.count--
	heap.Fix(&t.heap, p.at)
}

// byCount is a heap of ports, the one with the most dynamic entries first.
type byCount []*portEntries

func (h byCount) Len() int           { return len(h) }
func (h byCount) Less(i, j int) bool { return h[i].count > h[j].count }
func (h byCount) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *byCount) Push(x any) {
	p := x.(*portEntries)
	p.at = len(*h)
	*h = append(*h, p)
}
func (h *byCount) Pop() any {
	old := *h
	p := old[len(old)-1]
	*h = old[:len(old)-1]
	return p
}
