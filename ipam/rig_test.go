package ipam

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// newPool makes a pool that must be possible.
func newPool(t testing.TB, c PoolConfig) *Pool {
	t.Helper()
	p, err := NewPool(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newSpace makes a space that must be possible.
func newSpace(t testing.TB, c SpaceConfig) *Space {
	t.Helper()
	s, err := NewSpace(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// next is what p gives next.
func next(t testing.TB, p *Pool) netip.Addr {
	t.Helper()
	a, err := p.Next()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantNext(t testing.TB, p *Pool, want string) {
	t.Helper()
	if got := next(t, p); got != addr(want) {
		t.Fatalf("next address is %v, want %s", got, want)
	}
}

// owners records who holds what, to find an address that was given twice.
type owners struct {
	mu   sync.Mutex
	held map[netip.Addr]bool
}

func newOwners() *owners { return &owners{held: map[netip.Addr]bool{}} }

func (o *owners) take(a netip.Addr) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held[a] {
		return fmt.Errorf("%v was given twice", a)
	}
	o.held[a] = true
	return nil
}

func (o *owners) drop(a netip.Addr) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.held, a)
}
