package flow

import "math"

// The wheel
//
// Time is cut into ticks. A wheel of 256 slots, one a tick, has what ends soon; three
// more, each 256 times as coarse, have the rest, which moves down when its slot's time
// comes. A slot is the head of a doubly linked list through two arrays that are indexed
// by id, so setting and clearing are a few stores (Varghese and Lauck, "Hashed and
// hierarchical timing wheels", 1987, scheme 7).
//
// Whose deadline moves out with every packet need not be moved with every packet: its
// owner looks at the deadline again when the time has come, and sets it anew.

const (
	wheelBits = 8
	wheelSize = 1 << wheelBits
	levels    = 4
)

// Wheel holds at most one deadline for each of the numbers 0, 1, 2... Make one with
// NewWheel.
type Wheel struct {
	tick  int64 // nanoseconds
	now   int64 // in ticks: all that was due before is out
	n     int
	heads [levels][wheelSize]uint32 // id + 1
	links []link                    // by id
	used  [levels]int               // how many are on each level
}

// link is where an id hangs: the slot's number + 1, 0 for nowhere.
type link struct {
	next, prev uint32 // id + 1
	slot       uint32
	when       int64 // in ticks
}

// NewWheel makes a wheel whose deadlines are kept to a tick of nanoseconds, beginning
// at now. A deadline more than 2^32 ticks away is kept as one that far.
func NewWheel(tick, now int64) *Wheel { return &Wheel{tick: tick, now: now / tick} }

// Len returns how many deadlines are set.
func (w *Wheel) Len() int { return w.n }

// Set sets the deadline of id to when, in nanoseconds; one before now is due at the
// next Advance. It allocates when id is larger than any before.
func (w *Wheel) Set(id uint32, when int64) {
	for int(id) >= len(w.links) {
		w.links = append(w.links, link{})
	}
	w.Clear(id)
	// Rounded up: nobody is told before the time.
	w.hang(id, min(max((when+w.tick-1)/w.tick, w.now+1), w.now+1<<(levels*wheelBits)-1))
	w.n++
}

// Clear takes the deadline of id away, if it has one.
func (w *Wheel) Clear(id uint32) {
	if int(id) >= len(w.links) || w.links[id].slot == 0 {
		return
	}
	w.unhang(id)
	w.n--
}

func (w *Wheel) hang(id uint32, when int64) {
	level := 0
	for away := when - w.now; away >= wheelSize && level < levels-1; away >>= wheelBits {
		level++
	}
	slot := int(when>>(level*wheelBits)) & (wheelSize - 1)
	head := &w.heads[level][slot]
	w.links[id] = link{next: *head, slot: uint32(level*wheelSize+slot) + 1, when: when}
	if *head != 0 {
		w.links[*head-1].prev = id + 1
	}
	*head = id + 1
	w.used[level]++
}

func (w *Wheel) unhang(id uint32) {
	l := w.links[id]
	level, slot := (l.slot-1)/wheelSize, (l.slot-1)%wheelSize
	if l.prev != 0 {
		w.links[l.prev-1].next = l.next
	} else {
		w.heads[level][slot] = l.next
	}
	if l.next != 0 {
		w.links[l.next-1].prev = l.prev
	}
	w.links[id] = link{}
	w.used[level]--
}

// Advance calls due for every id whose deadline has come by now, in nanoseconds; its
// deadline is cleared before. due may set and clear any.
func (w *Wheel) Advance(now int64, due func(id uint32)) {
	to := now / w.tick
	for w.now < to {
		if w.n == 0 {
			w.now = to
			return
		}
		if skip := w.idle(); skip > 0 {
			w.now = min(w.now+skip, to)
			continue
		}
		w.now++
		w.cascade()
		for head := &w.heads[0][w.now&(wheelSize-1)]; *head != 0; {
			id := *head - 1
			w.unhang(id)
			w.n--
			due(id)
		}
	}
}

// idle returns how many ticks can be gone at once: while the finest level is empty, up
// to just before the next one's slot changes.
func (w *Wheel) idle() int64 {
	if w.used[0] != 0 {
		return 0
	}
	return wheelSize - 1 - w.now&(wheelSize-1)
}

// cascade moves down what the coarser wheels have for the tick that begins.
func (w *Wheel) cascade() {
	for level := 1; level < levels && w.now&(1<<(level*wheelBits)-1) == 0; level++ {
		head := &w.heads[level][int(w.now>>(level*wheelBits))&(wheelSize-1)]
		for *head != 0 {
			id := *head - 1
			when := w.links[id].when
			w.unhang(id)
			w.hang(id, when)
		}
	}
}

// Next returns a time, in nanoseconds, by which Advance should be called again: that of
// the first deadline or, where that is far, an earlier one. ok is false when none is
// set.
func (w *Wheel) Next() (when int64, ok bool) {
	if w.n == 0 {
		return 0, false
	}
	first := int64(math.MaxInt64)
	for level := range levels {
		if w.used[level] > 0 {
			first = min(first, w.first(level))
		}
	}
	return first * w.tick, true
}

// first returns the tick at which the next slot of a level that is not empty comes: it is
// due then, or moves down. A coarser level's may come before a finer one's.
func (w *Wheel) first(level int) int64 {
	unit := int64(1) << (level * wheelBits)
	t := (w.now/unit + 1) * unit
	for w.heads[level][int(t>>(level*wheelBits))&(wheelSize-1)] == 0 {
		t += unit
	}
	return t
}
