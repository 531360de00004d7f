package uplink

import "net/netip"

// Budget counts the connections of each container on one worker, all protocols
// together, so that one cannot take what all need. It belongs to the worker.
type Budget struct {
	used map[source]int
	all  int
	max  int
}

type source struct {
	net  uint16
	addr netip.Addr
}

// NewBudget makes one for at most max connections.
func NewBudget(max int) *Budget { return &Budget{used: map[source]int{}, max: max} }

// Take counts one more connection of a, and reports whether it may have it.
func (b *Budget) Take(n *Net, a netip.Addr) bool {
	if b == nil {
		return true
	}
	s := source{n.ID, a}
	if b.all >= b.max || n.MaxFlows > 0 && b.used[s] >= n.MaxFlows {
		return false
	}
	b.used[s]++
	b.all++
	return true
}

// Give counts one fewer.
func (b *Budget) Give(net uint16, a netip.Addr) {
	if b == nil {
		return
	}
	s := source{net, a}
	if b.used[s]--; b.used[s] <= 0 {
		delete(b.used, s)
	}
	b.all--
}
