package vswitch

import (
	"container/heap"

	"vswitch/internal/frame"
)

// book is what the FDB keeps about the dynamic entries of one port: a list
// through their slots, longest known first.
type book struct {
	head, tail uint32
	count      int
	at         int // index in the heap
}

// book returns the book of a port; nil when the port may not learn.
func (t *fdb) book(port frame.PortID) *book {
	if int(port) < len(t.books) {
		return t.books[port]
	}
	return nil
}

// open lets a port learn.
func (t *fdb) open(port frame.PortID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.books) <= int(port) {
		t.books = append(t.books, nil)
	}
	p := &book{head: none, tail: none}
	t.books[port] = p
	heap.Push(&t.heap, p)
}

// close ends learning behind a port and forgets all that is there.
func (t *fdb) close(port frame.PortID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushLocked(port, func(uint16, bool) bool { return false })
	heap.Remove(&t.heap, t.books[port].at)
	t.books[port] = nil
}

// link appends a slot to its port's entries.
func (t *fdb) link(slot uint32, p *book) {
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
func (t *fdb) unlink(slot uint32, p *book) {
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

// rotate puts the entries up to last, in their order, behind all others.
func (t *fdb) rotate(p *book, last uint32) {
	if last == p.tail {
		return
	}
	head := p.head
	p.head = t.next[last]
	t.prev[p.head] = none
	t.next[p.tail], t.prev[head] = head, p.tail
	t.next[last] = none
	p.tail = last
}

// remove empties a slot.
func (t *fdb) remove(slot uint32) {
	v := t.value(slot).Load()
	t.key(slot).Store(0)
	t.count--
	if !valueStatic(v) {
		t.unlink(slot, t.book(valuePort(v)))
	}
}

// byCount is a heap of books, the one with the most entries first.
type byCount []*book

func (h byCount) Len() int           { return len(h) }
func (h byCount) Less(i, j int) bool { return h[i].count > h[j].count }
func (h byCount) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push appends a book; for package heap.
func (h *byCount) Push(x any) {
	p := x.(*book)
	p.at = len(*h)
	*h = append(*h, p)
}

// Pop takes the last book off; for package heap.
func (h *byCount) Pop() any {
	old := *h
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return p
}
