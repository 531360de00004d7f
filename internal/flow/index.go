package flow

// None is the number of no record.
const None = ^uint32(0)

// minIndex is the size of a new table.
const minIndex = 16

// Index finds numbers by hash: open addressing with linear probing, 8 bytes a place,
// at most three quarters full. The zero value is empty. A deletion moves those that
// follow, so that there are no tombstones and a table that is emptied is as quick as
// a new one.
type Index struct {
	places []place // a power of two
	n      int
}

// place has id + 1, so that 0 is empty, and the hash, so that most others need not be
// looked at.
type place struct{ hash, id uint32 }

// Len returns how many numbers there are.
func (x *Index) Len() int { return x.n }

// Cursor is a walk over the numbers of one hash.
type Cursor struct {
	x    *Index
	hash uint32
	at   uint32
}

// Find begins a walk over the numbers that were added with hash:
//
//	for c := x.Find(h); ; {
//		id := c.Next()
//		if id == flow.None || keys[id] == key { ... }
//	}
//
// The index must not change meanwhile. It does not allocate.
func (x *Index) Find(hash uint32) Cursor { return Cursor{x, hash, hash} }

// Next returns the next number, or None.
func (c *Cursor) Next() uint32 {
	if len(c.x.places) == 0 {
		return None
	}
	mask := uint32(len(c.x.places) - 1)
	for {
		p := c.x.places[c.at&mask]
		if p.id == 0 {
			return None
		}
		c.at++
		if p.hash == c.hash {
			return p.id - 1
		}
	}
}

// Add adds id, below None, under hash. It allocates when the table doubles.
func (x *Index) Add(hash, id uint32) {
	if x.n*4 >= len(x.places)*3 {
		x.resize(max(2*len(x.places), minIndex))
	}
	x.put(place{hash, id + 1})
	x.n++
}

func (x *Index) put(p place) {
	mask := uint32(len(x.places) - 1)
	i := p.hash & mask
	for x.places[i].id != 0 {
		i = (i + 1) & mask
	}
	x.places[i] = p
}

// Remove takes id, which was added under hash, out and reports whether it was there.
// A table that is mostly empty shrinks.
func (x *Index) Remove(hash, id uint32) bool {
	if len(x.places) == 0 {
		return false
	}
	mask := uint32(len(x.places) - 1)
	i := hash & mask
	for x.places[i] != (place{hash, id + 1}) {
		if x.places[i].id == 0 {
			return false
		}
		i = (i + 1) & mask
	}
	x.close(i)
	x.n--
	if len(x.places) > 4*minIndex && x.n*8 < len(x.places) {
		x.resize(len(x.places) / 2)
	}
	return true
}

// close empties place i and moves back whoever probed past it.
func (x *Index) close(i uint32) {
	mask := uint32(len(x.places) - 1)
	for j := i; ; {
		j = (j + 1) & mask
		p := x.places[j]
		if p.id == 0 {
			break
		}
		if home := p.hash & mask; (j-home)&mask >= (j-i)&mask {
			x.places[i] = p
			i = j
		}
	}
	x.places[i] = place{}
}

func (x *Index) resize(size int) {
	old := x.places
	x.places = make([]place, size)
	for _, p := range old {
		if p.id != 0 {
			x.put(p)
		}
	}
}
