package vswitch

import (
	"container/heap"

	"vswitch/internal/frame"
)

// list runs through the slots of entries of one port, longest known first.
type list struct {
	head, tail uint32
	count      int
}

// book is what the FDB keeps about the entries of one port.
type book struct {
	list        // the dynamic ones
	static list // the static ones
	at     int  // index in the heap
}

// book returns the book of a port; nil when there is no such port.
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
	empty := list{head: none, tail: none}
	p := &book{list: empty, static: empty}
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

// enter appends a slot with that value to its port's entries.
func (t *fdb) enter(slot uint32, value uint64) {
	p := t.book(valuePort(value))
	if valueStatic(value) {
		t.link(slot, &p.static)
		return
	}
	t.link(slot, &p.list)
	heap.Fix(&t.heap, p.at)
}

// leave takes a slot with that value out of its port's entries.
func (t *fdb) leave(slot uint32, value uint64) {
	p := t.book(valuePort(value))
	if valueStatic(value) {
		t.unlink(slot, &p.static)
		return
	}
	t.unlink(slot, &p.list)
	heap.Fix(&t.heap, p.at)
}

func (t *fdb) link(slot uint32, l *list) {
	t.next[slot], t.prev[slot] = none, l.tail
	if l.tail == none {
		l.head = slot
	} else {
		t.next[l.tail] = slot
	}
	l.tail = slot
	l.count++
}

func (t *fdb) unlink(slot uint32, l *list) {
	next, prev := t.next[slot], t.prev[slot]
	if prev == none {
		l.head = next
	} else {
		t.next[prev] = next
	}
	if next == none {
		l.tail = prev
	} else {
		t.prev[next] = prev
	}
	l.count--
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
	t.key(slot).Store(0)
	t.count--
	t.leave(slot, t.value(slot).Load())
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
