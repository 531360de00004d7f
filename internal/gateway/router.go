package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/gaissmai/bart"
)

// ErrOverlap is returned, wrapped, when a subnet overlaps with one of another
// network of the same router.
var ErrOverlap = errors.New("the subnet overlaps with another network's")

// Router is what the gateways of a switch share: which network each address
// belongs to, the buckets of the ports, and echo requests in fragments. Its methods may be called from any
// goroutine.
type Router struct {
	table    atomic.Pointer[table]
	services *buckets
	errors   *buckets
	messages messages
	mu       sync.Mutex // held while the table is changed
}

// target is what an address belongs to: a network, or the gateway itself.
type target struct {
	gateway *Gateway
	local   bool
}

// table is immutable: prefixes of subnets, and one of a single address for each
// address of a gateway.
type table = bart.Table[target]

// NewRouter makes a router without networks. It reserves 16 bytes for each port
// number that there can be; pages that are never used cost nothing.
func NewRouter() *Router {
	r := &Router{services: new(buckets), errors: new(buckets)}
	r.table.Store(new(table))
	return r
}

// Owns reports whether an address is a gateway's. It neither locks nor allocates.
func (r *Router) Owns(a netip.Addr) bool {
	to, ok := r.table.Load().Lookup(a)
	return ok && to.local
}

// change makes g's configuration next, nil when it leaves. Of two networks that
// claim an address the first keeps it, and the other's change fails.
func (r *Router) change(g *Gateway, next *config) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.table.Load()
	for _, l := range g.links() {
		t = t.DeletePersist(l.subnet).DeletePersist(single(l.addr))
	}
	if next != nil {
		var err error
		if t, err = add(t, g, next.links); err != nil {
			return fmt.Errorf("gateway %s: %w", next.Name, err)
		}
		g.config.Store(next)
	}
	g.routed = next != nil
	r.table.Store(t)
	return nil
}

func add(t *table, g *Gateway, links []link) (*table, error) {
	for _, l := range links {
		if t.OverlapsPrefix(l.subnet) {
			return nil, fmt.Errorf("%v: %w", l.subnet, ErrOverlap)
		}
	}
	for _, l := range links {
		t = t.InsertPersist(l.subnet, target{gateway: g})
	}
	for _, l := range links { // after all subnets: one may be a single address
		t = t.InsertPersist(single(l.addr), target{gateway: g, local: true})
	}
	return t, nil
}

// links returns what g has in the table. The router's lock is held.
func (g *Gateway) links() []link {
	if !g.routed {
		return nil
	}
	return g.config.Load().links
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
