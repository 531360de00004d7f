package dhcp

import (
	"container/heap"
	"net/netip"
	"time"

	"vswitch/internal/frame"
)

// book holds the leases, offers and quarantined addresses: each address once, each
// client's key once. It knows nothing of pools and messages.
type book struct {
	byKey   map[string]*lease
	byAddr  map[netip.Addr]*lease
	perPort map[share]int
	due     dueHeap
}

// share is what a port's leases of one family are counted under.
type share struct {
	port frame.PortID
	v6   bool
}

func newBook() book {
	return book{byKey: map[string]*lease{}, byAddr: map[netip.Addr]*lease{}, perPort: map[share]int{}}
}

// add enters a lease whose address and key are not there yet.
func (b *book) add(l *lease) {
	if l.key != "" {
		b.byKey[l.key] = l
	}
	b.byAddr[l.Addr] = l
	b.count(l, 1)
	heap.Push(&b.due, l)
}

// remove takes a lease out.
func (b *book) remove(l *lease) {
	b.anonymous(l)
	delete(b.byAddr, l.Addr)
	b.count(l, -1)
	heap.Remove(&b.due, l.at)
}

// anonymous makes a lease nobody's: its client will not find it again.
func (b *book) anonymous(l *lease) {
	if l.key != "" {
		delete(b.byKey, l.key)
		l.key = ""
	}
}

// set replaces what is told of a lease; address and key stay.
func (b *book) set(l *lease, to Lease) {
	b.count(l, -1)
	l.Lease = to
	b.count(l, 1)
	heap.Fix(&b.due, l.at)
}

func (b *book) count(l *lease, by int) {
	if l.Port == frame.NoPort {
		return
	}
	s := share{l.Port, l.V6()}
	if b.perPort[s] += by; b.perPort[s] == 0 {
		delete(b.perPort, s)
	}
}

// next returns the lease that ends first, nil if there is none.
func (b *book) next() *lease {
	if len(b.due) == 0 {
		return nil
	}
	return b.due[0]
}

// over returns a lease that has ended by now, nil if there is none.
func (b *book) over(now time.Time) *lease {
	if l := b.next(); l != nil && !now.Before(l.Expires) {
		return l
	}
	return nil
}

// dueHeap orders leases by their end; see container/heap.
type dueHeap []*lease

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Less(i, j int) bool {
	if c := h[i].Expires.Compare(h[j].Expires); c != 0 {
		return c < 0
	}
	return h[i].Addr.Less(h[j].Addr)
}

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *dueHeap) Push(x any) {
	l := x.(*lease)
	l.at = len(*h)
	*h = append(*h, l)
}

func (h *dueHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return l
}
