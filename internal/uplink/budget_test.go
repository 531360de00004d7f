package uplink

import (
	"net/netip"
	"testing"
)

// The worker's bound is for all, the network's for each container by itself.
func TestBudget(t *testing.T) {
	a, b := netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.1.0.3")
	n, other := &Net{ID: 1, MaxFlows: 2}, &Net{ID: 2}
	budget := NewBudget(4)
	take := func(n *Net, a netip.Addr, want bool) {
		t.Helper()
		if got := budget.Take(n, a); got != want {
			t.Errorf("another for %v in network %d: %v", a, n.ID, got)
		}
	}
	take(n, a, true)
	take(n, a, true)
	take(n, a, false)
	take(n, b, true)
	take(other, a, true)  // the same address, another container
	take(other, b, false) // the worker has as many as it may
	take(n, b, false)
	budget.Give(1, a)
	take(n, b, true)
	budget.Give(1, b)
	take(other, a, true) // without a bound of its own
	for net, as := range map[uint16][]netip.Addr{1: {a, b}, 2: {a, a}} {
		for _, a := range as {
			budget.Give(net, a)
		}
	}
	if budget.all != 0 || len(budget.used) != 0 {
		t.Errorf("%d are left, of %v", budget.all, budget.used)
	}
}

// Without a budget nobody counts.
func TestNoBudget(t *testing.T) {
	var budget *Budget
	if !budget.Take(&Net{MaxFlows: 1}, netip.Addr{}) {
		t.Error("refused")
	}
	budget.Give(0, netip.Addr{})
}
