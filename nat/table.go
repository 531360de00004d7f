package nat

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"vswitch/internal/flow"
)

const second = int64(1e9)

// wheels is how many wheels the deadlines are spread over, by record number: none
// becomes so large that growing it would stall.
const wheels = 64

// Table is a NAT. Make one with New; its methods may be called by several goroutines at
// once. Packets of flows that it knows take no lock.
type Table struct {
	c        Config
	timeouts [classes]int64 // nanoseconds

	// Read without the lock, written under it.
	flows   blocks[record]
	index   index // both ways
	outward index // mappings by outer end
	ports   pools

	fragments fragments

	mu        sync.Mutex // what follows, and every change of the above
	outer     [2]addr    // IPv4, IPv6
	mappings  blocks[mapping]
	inward    index // mappings by inside end
	peers     index // flows by mapping and remote address; with Restricted only
	published map[service]uint32
	forwards  map[Forward]uint32
	sources   map[addr]*source // those that have flows
	wheels    [wheels]*flow.Wheel
	queues    [queues]queue
	drawn     uint64
	mapped    int
	live      int

	opened, expired, evicted, ended atomic.Uint64
}

// New makes a table without outer addresses and forwards.
func New(c Config) (*Table, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	t := &Table{
		c: c, flows: newBlocks[record](c.MaxFlows), mappings: newBlocks[mapping](c.MaxFlows + maxForwards),
		sources: make(map[addr]*source), queues: emptyQueues(), timeouts: c.Timeouts.byClass(),
	}
	for i := range t.wheels {
		t.wheels[i] = flow.NewWheel(second, 0)
	}
	t.fragments.init()
	return t, nil
}

// SetOuter sets the addresses that packets leave with. Flows and mappings of one that is
// no longer there end: what would come back for them goes to somebody else now.
func (t *Table) SetOuter(o Outer) {
	var next [2]addr
	if o.V4.Is4() {
		next[0] = addrOf(o.V4)
	}
	if o.V6.Is6() && !o.V6.Is4In6() {
		next[1] = addrOf(o.V6.WithZone(""))
	}
	t.mu.Lock()
	old := t.outer
	t.outer = next
	t.mu.Unlock()
	gone := func(a addr) bool { return a != addr{} && (a == old[0] || a == old[1]) && a != next[0] && a != next[1] }
	if gone(old[0]) || gone(old[1]) {
		t.sweep(func(m *mapping) bool { return !m.forward && gone(m.outer.a) },
			func(k *flowKey) bool { return gone(k.outer.a) })
	}
}

// DropInside ends the flows and mappings of an inside address whose host has left.
// Forwards to it stay.
func (t *Table) DropInside(a netip.Addr) {
	inside := addrOf(a.Unmap())
	t.sweep(func(m *mapping) bool { return !m.forward && m.inside.a == inside },
		func(k *flowKey) bool { return k.inside.a == inside })
}

// outerOf returns the outer address of k's family. The lock is held.
func (t *Table) outerOf(k kind) addr {
	if k.v6() {
		return t.outer[1]
	}
	return t.outer[0]
}

// Counts returns what the table holds and what became of what it held.
func (t *Table) Counts() Counts {
	t.mu.Lock()
	c := Counts{
		Flows: t.live, Mappings: t.mapped,
		Opened: t.opened.Load(), Expired: t.expired.Load(), Evicted: t.evicted.Load(), Ended: t.ended.Load(),
	}
	t.mu.Unlock()
	t.fragments.count(&c)
	return c
}
