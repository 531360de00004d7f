package ipam

import (
	"math/bits"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// addrSet is a set of addresses of one family that finds the lowest address which is
// not in it. A word has the bits of 64 neighbours; words without a bit are not
// stored. Words with all bits are in full as well, joined to runs, and a search
// jumps over a run in one step. So its cost depends neither on the size of the
// subnet nor on how many addresses are taken, but on the logarithm of the number of
// runs. The zero value is empty.
type addrSet struct {
	words map[netip.Addr]uint64 // by the lowest of the 64 addresses
	full  []netipx.IPRange      // ascending; no two touch
}

const wordBits = 64

// inWord returns the address of a's word with the given number, and inWord(a, 0)
// is the word's key.
func inWord(a netip.Addr, bit uint8) netip.Addr {
	b := a.As16()
	b[15] = b[15]&^(wordBits-1) | bit
	if a.Is4() {
		return netip.AddrFrom16(b).Unmap()
	}
	return netip.AddrFrom16(b)
}

// bitOf returns a's number in its word.
func bitOf(a netip.Addr) uint8 { return a.As16()[15] & (wordBits - 1) }

// has reports whether a is in the set. An invalid address is in none.
func (s *addrSet) has(a netip.Addr) bool {
	return a.IsValid() && s.words[inWord(a, 0)]>>bitOf(a)&1 != 0
}

// add puts a in and reports whether it was not there.
func (s *addrSet) add(a netip.Addr) bool {
	if s.has(a) {
		return false
	}
	if s.words == nil {
		s.words = map[netip.Addr]uint64{}
	}
	key := inWord(a, 0)
	s.words[key] |= 1 << bitOf(a)
	if s.words[key] == ^uint64(0) {
		s.join(key)
	}
	return true
}

// remove takes a out and reports whether it was there.
func (s *addrSet) remove(a netip.Addr) bool {
	if !s.has(a) {
		return false
	}
	key := inWord(a, 0)
	if s.words[key] == ^uint64(0) {
		s.part(key)
	}
	if s.words[key] &^= 1 << bitOf(a); s.words[key] == 0 {
		delete(s.words, key)
	}
	return true
}

// free returns the lowest address of [from, to] that is not in the set. It looks at
// three places at most: the rest of a word, a run after it, the word after that.
func (s *addrSet) free(from, to netip.Addr) (netip.Addr, bool) {
	for from.IsValid() && from.Compare(to) <= 0 {
		if i, in := s.run(from); in {
			from = s.full[i].To().Next()
			continue
		}
		if rest := ^s.words[inWord(from, 0)] >> bitOf(from); rest != 0 {
			a := inWord(from, bitOf(from)+uint8(bits.TrailingZeros64(rest)))
			return a, a.Compare(to) <= 0
		}
		from = inWord(from, wordBits-1).Next()
	}
	return netip.Addr{}, false
}

// run returns the index of the first run that ends at a or after it, and whether a
// lies in it.
func (s *addrSet) run(a netip.Addr) (i int, in bool) {
	i, _ = slices.BinarySearchFunc(s.full, a, func(r netipx.IPRange, a netip.Addr) int {
		return r.To().Compare(a)
	})
	return i, i < len(s.full) && s.full[i].Contains(a)
}

// join makes the word at key part of a run: it closes a gap, lengthens a neighbour
// or is a run of its own.
func (s *addrSet) join(key netip.Addr) {
	i, _ := s.run(key)
	from, to := key, inWord(key, wordBits-1)
	first, end := i, i
	if i > 0 && s.full[i-1].To().Next() == from {
		first, from = i-1, s.full[i-1].From()
	}
	if i < len(s.full) && s.full[i].From() == to.Next() {
		end, to = i+1, s.full[i].To()
	}
	s.full = slices.Replace(s.full, first, end, netipx.IPRangeFrom(from, to))
}

// part takes the word at key out of its run, of which up to two parts remain.
func (s *addrSet) part(key netip.Addr) {
	i, _ := s.run(key)
	var rest []netipx.IPRange
	if r := s.full[i]; r.From() != key {
		rest = append(rest, netipx.IPRangeFrom(r.From(), key.Prev()))
	}
	if r := s.full[i]; r.To() != inWord(key, wordBits-1) {
		rest = append(rest, netipx.IPRangeFrom(inWord(key, wordBits-1).Next(), r.To()))
	}
	s.full = slices.Replace(s.full, i, i+1, rest...)
}
