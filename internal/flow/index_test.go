package flow

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// all returns the numbers under a hash, in order.
func (x *Index) all(hash uint32) (ids []uint32) {
	for c := x.Find(hash); ; {
		id := c.Next()
		if id == None {
			slices.Sort(ids)
			return ids
		}
		ids = append(ids, id)
	}
}

func TestIndexEmpty(t *testing.T) {
	var x Index
	if x.Len() != 0 || x.all(7) != nil || x.Remove(7, 7) {
		t.Errorf("an empty index has %d, finds %v", x.Len(), x.all(7))
	}
}

// modelIndex is an Index beside a map of lists.
type modelIndex struct {
	x    Index
	want map[uint32][]uint32
	n    int
}

func (m *modelIndex) add(hash, id uint32) {
	m.x.Add(hash, id)
	m.want[hash] = append(m.want[hash], id)
	m.n++
}

func (m *modelIndex) remove(t *testing.T, hash, id uint32) {
	t.Helper()
	i := slices.Index(m.want[hash], id)
	if got := m.x.Remove(hash, id); got != (i >= 0) {
		t.Fatalf("Remove(%#x, %d) = %v", hash, id, got)
	}
	if i >= 0 {
		m.want[hash] = slices.Delete(m.want[hash], i, i+1)
		m.n--
	}
}

func (m *modelIndex) check(t *testing.T) {
	t.Helper()
	if m.x.Len() != m.n {
		t.Fatalf("Len is %d, want %d", m.x.Len(), m.n)
	}
	for hash, ids := range m.want {
		if got, want := m.x.all(hash), slices.Sorted(slices.Values(ids)); !slices.Equal(got, want) {
			t.Fatalf("under %#x: %v, want %v", hash, got, want)
		}
	}
}

// Hashes that collide wholly, that share a home, that wrap around the end, and that are
// spread: the table grows, is emptied in another order, and shrinks.
func TestIndexAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for name, hash := range map[string]func(i uint32) uint32{
		"same": func(uint32) uint32 { return 5 }, "neighbours": func(i uint32) uint32 { return i },
		"one home":   func(i uint32) uint32 { return i << 20 },
		"at the end": func(i uint32) uint32 { return ^uint32(0) - i%3 },
		"spread":     func(uint32) uint32 { return rnd.Uint32() },
	} {
		m := &modelIndex{want: map[uint32][]uint32{}}
		const n = 1000
		hashes := make([]uint32, n)
		for i := range uint32(n) {
			hashes[i] = hash(i)
			m.add(hashes[i], i)
		}
		m.check(t)
		for _, i := range rnd.Perm(n)[:n-3] {
			m.remove(t, hashes[i], uint32(i))
		}
		m.check(t)
		m.remove(t, 1, n+1)
		if len(m.x.places) > 8*minIndex {
			t.Errorf("%s: %d places for %d numbers", name, len(m.x.places), m.x.Len())
		}
	}
}

// FuzzIndex adds and removes by the input: an operation and a number, under one of a few
// hashes.
func FuzzIndex(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0x81, 0x82, 0x83})
	f.Add([]byte{0, 16, 32, 48, 64, 0x80, 16, 0x90})
	f.Fuzz(func(t *testing.T, in []byte) {
		m := &modelIndex{want: map[uint32][]uint32{}}
		for i, op := range in {
			id := uint32(op & 0x7f)
			hash := id % 7 * 0x3fffffff
			if op&0x80 != 0 {
				m.remove(t, hash, id)
			} else if !slices.Contains(m.want[hash], id) {
				m.add(hash, id)
			}
			if i%16 == 0 {
				m.check(t)
			}
		}
		m.check(t)
	})
}

func spread(i uint32) uint32 { return i * 0x9e3779b9 }

func TestIndexAllocations(t *testing.T) {
	var x Index
	for i := range uint32(1000) {
		x.Add(spread(i), i)
	}
	n := testing.AllocsPerRun(100, func() {
		c := x.Find(spread(500))
		c.Next()
		x.Remove(spread(7), 7)
		x.Add(spread(7), 7)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Hash takes in every one of its arguments, and an address in either form.
func TestHash(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")
	base := Hash(1, a, b, 2, 3, 6)
	if base != Hash(1, netip.AddrFrom16(a.As16()), b, 2, 3, 6) {
		t.Error("an IPv4-mapped address is another")
	}
	for name, other := range map[string]uint32{
		"seed": Hash(2, a, b, 2, 3, 6), "source": Hash(1, a.Next(), b, 2, 3, 6), "destination": Hash(1, a, b.Next(), 2, 3, 6),
		"source port": Hash(1, a, b, 3, 3, 6), "destination port": Hash(1, a, b, 2, 4, 6), "protocol": Hash(1, a, b, 2, 3, 17),
		"the other way": Hash(1, b, a, 3, 2, 6), "ports exchanged": Hash(1, a, b, 3, 2, 6),
	} {
		if other == base {
			t.Errorf("%s: the same hash", name)
		}
	}
}

// Ports in a row do not pile up.
func TestHashSpreads(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.7")
	var places [256]int
	for port := range uint16(256 * 64) {
		places[Hash(99, a, b, port, 443, 6)&255]++
	}
	if most := slices.Max(places[:]); most > 128 {
		t.Errorf("%d of 64 in one place", most)
	}
	if n := testing.AllocsPerRun(100, func() { Hash(1, a, b, 2, 3, 6) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
