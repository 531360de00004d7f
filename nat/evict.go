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
// The queues are in the order in which flows came in, two of all flows and two of each
// source's own, so that nobody has to look for his among those of others. A flow that has
// become assured stays in its queues until somebody looks: then it leaves them.

// looks bounds how many flows one search looks at in each queue.
const looks = 64

// Queues of a record.
const (
	queueClosed = iota
	queueFresh
	queues
	queueNone = queues
)

// Lists that each queue has: of all, and of one inside address.
const (
	ofAll = iota
	ofSource
	lists
)

// queue is a list through the records: the oldest and the newest.
type queue struct{ first, last uint32 }

// source is what is known of an inside address: how many flows it has, and its queues.
type source struct {
	flows  int
	queues [queues]queue
}

func emptyQueues() (all [queues]queue) {
	for i := range all {
		all[i] = queue{none, none}
	}
	return all
}

// listsOf are the lists of queue q that a flow is in.
func (t *Table) listsOf(r *record, q uint8) [lists]*queue {
	return [lists]*queue{&t.queues[q], &t.sources[r.end(int(out), 0).a].queues[q]}
}

// enqueue puts a flow at the end of queue q, out of the one that it was in.
func (t *Table) enqueue(id uint32, q uint8) {
	r := t.flows.at(id)
	if r.queue != queueNone {
		t.unlink(r)
	}
	if r.queue = q; q == queueNone {
		return
	}
	for i, l := range t.listsOf(r, q) {
		r.prev[i], r.next[i] = l.last, none
		if l.last == none {
			l.first = id
		} else {
			t.flows.at(l.last).next[i] = id
		}
		l.last = id
	}
}

func (t *Table) unlink(r *record) {
	for i, l := range t.listsOf(r, r.queue) {
		if r.prev[i] == none {
			l.first = r.next[i]
		} else {
			t.flows.at(r.prev[i]).next[i] = r.next[i]
		}
		if r.next[i] == none {
			l.last = r.prev[i]
		} else {
			t.flows.at(r.next[i]).prev[i] = r.prev[i]
		}
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
	s := t.sources[inside]
	if s != nil && s.flows >= t.c.MaxPerSource && !t.evict(ofSource, &s.queues) {
		return false
	}
	return t.live < t.c.MaxFlows || t.evict(ofAll, &t.queues)
}

// evict ends the first flow of some queues that is worth little.
func (t *Table) evict(list int, from *[queues]queue) bool {
	for q := range from {
		left := looks
		for id := from[q].first; id != none && left > 0; left-- {
			r := t.flows.at(id)
			k, _, _ := r.key()
			next := r.next[list]
			if !r.history().assured(k.kind) {
				t.end(id)
				t.evicted.Add(1)
				return true
			}
			t.enqueue(id, queueNone)
			id = next
		}
	}
	return false
}
