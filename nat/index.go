package nat

import "sync/atomic"

// The index
//
// An index finds numbers by hash, as flow.Index does, but its readers take no lock. It
// is cut into 64 shards by the hash's high bits, so that no growth moves more than a
// 64th at once. A shard is an array of words, hash and number + 1, with linear probing,
// at most three quarters full. Writers hold the table's lock.
//
// A reader may walk while a writer moves a word back into a gap or fills a larger
// array, and may then miss a number that is there. That is harmless: who finds nothing
// looks again under the lock before anything is made. Who wants to be sure of nothing
// without the lock, because nothing is to be made of it, compares the shard's version,
// which is odd while it changes. A number that is found is only a hint; the record has
// the key, and says whether it is still the same record.

// none is the number of no record.
const none = ^uint32(0)

const (
	indexBits   = 6
	indexShards = 1 << indexBits
	minShard    = 16
)

type index struct{ shards [indexShards]shard }

type shard struct {
	version atomic.Uint32
	n       int
	places  atomic.Pointer[[]atomic.Uint64]
	_       [40]byte // a cache line each
}

func place(hash, id uint32) uint64 { return uint64(hash)<<32 | uint64(id+1) }

func (x *index) shard(hash uint32) *shard { return &x.shards[hash>>(32-indexBits)] }

// cursor is a walk over the numbers of one hash.
type cursor struct {
	s       *shard
	places  []atomic.Uint64
	version uint32
	hash    uint32
	step    uint32
}

// find begins a walk: call next until it returns none.
func (x *index) find(hash uint32) cursor {
	c := cursor{s: x.shard(hash), hash: hash}
	c.version = c.s.version.Load()
	if p := c.s.places.Load(); p != nil {
		c.places = *p
	}
	return c
}

func (c *cursor) next() uint32 {
	mask := uint32(len(c.places) - 1)
	for int(c.step) < len(c.places) {
		v := c.places[(c.hash+c.step)&mask].Load()
		if v == 0 {
			return none
		}
		c.step++
		if uint32(v>>32) == c.hash {
			return uint32(v) - 1
		}
	}
	return none
}

// sure reports whether nothing has changed since the walk began, so that what it did
// not find was not there.
func (c *cursor) sure() bool { return c.version&1 == 0 && c.s.version.Load() == c.version }

// add adds id under hash.
func (x *index) add(hash, id uint32) {
	s := x.shard(hash)
	s.version.Add(1)
	if places := s.load(); s.n*4 >= len(places)*3 {
		s.resize(max(2*len(places), minShard))
	}
	put(s.load(), place(hash, id))
	s.n++
	s.version.Add(1)
}

// remove takes id, which was added under hash, out.
func (x *index) remove(hash, id uint32) {
	s := x.shard(hash)
	places := s.load()
	mask := uint32(len(places) - 1)
	want := place(hash, id)
	i := hash & mask
	for places[i].Load() != want {
		i = (i + 1) & mask
	}
	s.version.Add(1)
	closeGap(places, i)
	s.n--
	if len(places) > 4*minShard && s.n*8 < len(places) {
		s.resize(len(places) / 2)
	}
	s.version.Add(1)
}

func (s *shard) load() []atomic.Uint64 {
	if p := s.places.Load(); p != nil {
		return *p
	}
	return nil
}

func put(places []atomic.Uint64, v uint64) {
	mask := uint32(len(places) - 1)
	i := uint32(v>>32) & mask
	for places[i].Load() != 0 {
		i = (i + 1) & mask
	}
	places[i].Store(v)
}

// closeGap empties place i and moves back whoever probed past it.
func closeGap(places []atomic.Uint64, i uint32) {
	mask := uint32(len(places) - 1)
	for j := i; ; {
		j = (j + 1) & mask
		v := places[j].Load()
		if v == 0 {
			break
		}
		if home := uint32(v>>32) & mask; (j-home)&mask >= (j-i)&mask {
			places[i].Store(v)
			i = j
		}
	}
	places[i].Store(0)
}

// resize puts all into an array of another size. Readers of the old one find what was
// there when it was left.
func (s *shard) resize(size int) {
	places := make([]atomic.Uint64, size)
	for i := range s.load() {
		if v := s.load()[i].Load(); v != 0 {
			put(places, v)
		}
	}
	s.places.Store(&places)
}
