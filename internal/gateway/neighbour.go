package gateway

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"vswitch/internal/frame"
)

// The neighbour table
//
// A hash table with chains. Workers read it without a lock: a chain's links never
// change once they can be seen, a writer makes the beginning of a chain anew and
// swaps its head. So adding an entry copies one chain, two entries long on average,
// and now and then, when the table doubles, all of them.

// Neighbour is a station of a network, as its gateway knows it.
type Neighbour struct {
	Addr netip.Addr
	MAC  frame.MAC
	// Origin says who told, for tables: "static", "dhcp", ...
	Origin string
}

// chained is a neighbour in its chain, immutable.
type chained struct {
	Neighbour
	next *chained
}

type chains []atomic.Pointer[chained]

// minChains is the size of a new table; the size is always a power of two.
const minChains = 16

type neighbours struct {
	table atomic.Pointer[chains]
	mu    sync.Mutex // held by writers
	n     int
}

func (t *neighbours) init() {
	c := make(chains, minChains)
	t.table.Store(&c)
}

// head returns where the chain of an address begins.
func (c chains) head(a netip.Addr) *atomic.Pointer[chained] {
	v := a.As16()
	hi, lo := bits.Mul64(binary.NativeEndian.Uint64(v[:8])^0x9e3779b97f4a7c15,
		binary.NativeEndian.Uint64(v[8:])^0xd1b54a32d192ed03)
	return &c[(hi^lo)&uint64(len(c)-1)]
}

// lookup neither locks nor allocates.
func (t *neighbours) lookup(a netip.Addr) (frame.MAC, bool) {
	for e := (*t.table.Load()).head(a).Load(); e != nil; e = e.next {
		if e.Addr == a {
			return e.MAC, true
		}
	}
	return 0, false
}

func (t *neighbours) set(nb Neighbour) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := *t.table.Load()
	rest, found := without(c.head(nb.Addr).Load(), nb.Addr)
	c.head(nb.Addr).Store(&chained{Neighbour: nb, next: rest})
	if found {
		return
	}
	if t.n++; t.n > 2*len(c) {
		t.grow(c)
	}
}

func (t *neighbours) drop(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	head := (*t.table.Load()).head(a)
	if rest, found := without(head.Load(), a); found {
		head.Store(rest)
		t.n--
	}
}

// without returns a chain without address a; the links before it are copies.
func without(e *chained, a netip.Addr) (rest *chained, found bool) {
	switch {
	case e == nil:
		return nil, false
	case e.Addr == a:
		return e.next, true
	}
	if rest, found = without(e.next, a); !found {
		return e, false
	}
	return &chained{Neighbour: e.Neighbour, next: rest}, true
}

// grow doubles the table. Readers go on in the old one until the new one is whole.
func (t *neighbours) grow(old chains) {
	c := make(chains, 2*len(old))
	for i := range old {
		for e := old[i].Load(); e != nil; e = e.next {
			head := c.head(e.Addr)
			head.Store(&chained{Neighbour: e.Neighbour, next: head.Load()})
		}
	}
	t.table.Store(&c)
}

// list returns all entries, sorted by address.
func (t *neighbours) list() []Neighbour {
	var all []Neighbour
	c := *t.table.Load()
	for i := range c {
		for e := c[i].Load(); e != nil; e = e.next {
			all = append(all, e.Neighbour)
		}
	}
	slices.SortFunc(all, func(a, b Neighbour) int { return a.Addr.Compare(b.Addr) })
	return all
}
