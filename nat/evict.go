package nat

// Making room
//
// When the table is full, or an inside address has as many flows as one may have, a new
// flow takes the place of one that is worth less: a TCP connection that is closed or
// reset, or else the flow that has waited longest for an answer, or for its handshake to
// be completed. A flow that is assured never gives way, so a flood of half-open
// connections pushes out half-open ones only. Where none is found the new flow is
// refused.
//
// The two queues are in the order in which flows came in. A flow that has become assured
// stays in its queue until somebody looks: then it leaves it.

// looks bounds how many flows one search looks at in each queue.
const looks = 64

// Queues of a record.
const (
	queueClosed = iota
	queueFresh
	queues
	queueNone = queues
)

// queue is a list through the records: the oldest and the newest.
type queue struct{ first, last uint32 }

// enqueue puts a flow at the end of queue q, out of the one that it was in.
func (t *Table) enqueue(id uint32, q uint8) {
	r := t.flows.at(id)
	if r.queue != queueNone {
		t.unlink(r)
	}
	if r.queue = q; q == queueNone {
		return
	}
	l := &t.queues[q]
	r.prev, r.next = l.last, none
	if l.last == none {
		l.first = id
	} else {
		t.flows.at(l.last).next = id
	}
	l.last = id
}

func (t *Table) unlink(r *record) {
	l := &t.queues[r.queue]
	if r.prev == none {
		l.first = r.next
	} else {
		t.flows.at(r.prev).next = r.next
	}
	if r.next == none {
		l.last = r.prev
	} else {
		t.flows.at(r.next).prev = r.prev
	}
}

// requeue is enqueue for a flow that may be there already and then keeps its place.
func (t *Table) requeue(id uint32, q uint8) {
	if t.flows.at(id).queue != q {
		t.enqueue(id, q)
	}
}

// room makes sure that a new flow of an inside address fits, and reports whether it does.
func (t *Table) room(inside addr) bool {
	if t.hosts[inside] >= t.c.MaxPerSource && !t.evict(func(k *flowKey) bool { return k.inside.a == inside }) {
		return false
	}
	return t.live < t.c.MaxFlows || t.evict(func(*flowKey) bool { return true })
}

// evict ends the first flow that is worth little and may go.
func (t *Table) evict(may func(*flowKey) bool) bool {
	for q := range t.queues {
		left := looks
		for id := t.queues[q].first; id != none && left > 0; left-- {
			r := t.flows.at(id)
			k, _, _ := r.key()
			next := r.next
			switch {
			case r.history().assured(k.kind):
				t.enqueue(id, queueNone)
			case may(&k):
				t.end(id)
				t.evicted.Add(1)
				return true
			}
			id = next
		}
	}
	return false
}
