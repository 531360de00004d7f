package vswitch

import (
	"math/bits"
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
// the station's next frame instead of waiting. Each learner names the epoch of
// the configuration that it works by; an entry is made only while that is the
// current one, so that nothing is learned behind a port after it was removed or
// left the VLAN.
//
// The table has a limit. When it is reached, the port with the most dynamic
// entries gives up one of its oldest (fdb_evict.go): a port never loses an entry
// to one that has as many or more, so who floods addresses evicts its own. Which
// two buckets an address falls into depends on a secret multiplier, so nobody
// can aim at one bucket.

const (
	bucketSlots = 8
	none        = ^uint32(0) // no slot
)

// A key is MAC<<16 | VID; 0 is an empty slot (no station has MAC 0).
func fdbKey(mac frame.MAC, vid uint16) uint64 { return uint64(mac)<<16 | uint64(vid) }

func keyMAC(key uint64) frame.MAC { return frame.MAC(key >> 16) }
func keyVID(key uint64) uint16    { return uint16(key) }

// A value is seconds<<32 | flags<<16 | port.
const flagStatic = 1 << 16

func fdbValue(port frame.PortID, sec uint32, flags uint64) uint64 {
	return uint64(sec)<<32 | flags | uint64(port)
}

func valuePort(v uint64) frame.PortID { return frame.PortID(v) }
func valueSec(v uint64) uint32        { return uint32(v >> 32) }
func valueStatic(v uint64) bool       { return v&flagStatic != 0 }

// earlier reports whether second a comes before b. The difference is signed: the
// count may wrap, and two workers read their clocks at different moments.
func earlier(a, b uint32) bool { return int32(a-b) < 0 }

type bucket struct {
	keys [bucketSlots]atomic.Uint64
	vals [bucketSlots]atomic.Uint64
}

// fdb is a forwarding database. Make one with newFDB.
type fdb struct {
	buckets  []bucket
	add, mul uint64 // the key of the hash
	limit    int
	age      atomic.Uint32 // seconds

	stats fdbCounters

	mu    sync.Mutex // what follows, and every change but a refresh
	epoch uint64     // of the current configuration
	books []*book    // by PortID; nil where there is no port
	heap  byCount
	next  []uint32 // per slot: its neighbours in its port's book
	prev  []uint32
	count int // entries, static ones included
}

// newFDB makes a table for up to limit entries; its slots stay half empty.
func newFDB(limit int, age uint32, seed uint64) *fdb {
	n := 1
	for n*bucketSlots < 2*limit {
		n *= 2
	}
	t := &fdb{
		buckets: make([]bucket, n), limit: limit,
		add: splitmix(seed), mul: splitmix(seed+1) | 1,
		next: make([]uint32, n*bucketSlots), prev: make([]uint32, n*bucketSlots),
	}
	t.age.Store(age)
	return t
}

// splitmix spreads a seed over 64 bits (the finaliser of Steele, Lea, Flood:
// "Fast splittable pseudorandom number generators", 2014).
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// homes returns the indexes of the two buckets of key, which may be the same:
// the folded product with a secret number, of which each takes some bits.
func (t *fdb) homes(key uint64) (uint32, uint32) {
	hi, lo := bits.Mul64(key^t.add, t.mul)
	h := hi ^ lo
	mask := uint32(len(t.buckets) - 1)
	return uint32(h) & mask, uint32(h>>32) & mask
}

// find returns the slot of key and its value; slot is none when it is not there.
func (t *fdb) find(key uint64) (slot uint32, value uint64) {
	a, b := t.homes(key)
	if slot, value = t.scan(a, key); slot == none && a != b {
		return t.scan(b, key)
	}
	return slot, value
}

func (t *fdb) scan(home uint32, key uint64) (uint32, uint64) {
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

func (t *fdb) key(slot uint32) *atomic.Uint64 {
	return &t.buckets[slot/bucketSlots].keys[slot%bucketSlots]
}

func (t *fdb) value(slot uint32) *atomic.Uint64 {
	return &t.buckets[slot/bucketSlots].vals[slot%bucketSlots]
}

// lookup returns the port behind which key was last seen. sec is now.
func (t *fdb) lookup(key uint64, sec uint32) (frame.PortID, bool) {
	slot, v := t.find(key)
	if slot == none || !t.fresh(v, sec) {
		return frame.NoPort, false
	}
	return valuePort(v), true
}

// fresh reports whether an entry is still good at sec.
func (t *fdb) fresh(v uint64, sec uint32) bool {
	return valueStatic(v) || earlier(sec, valueSec(v)+t.age.Load())
}
