package bench

// Sequence judges the sequence numbers of frames as they arrive. Adding
// allocates nothing. The zero value expects number 0 first.
type Sequence struct {
	// Received counts every frame; Duplicates those seen before; Reordered those
	// that came after a higher number.
	Received, Duplicates, Reordered uint64
	next                            uint64 // one above the highest number seen
	seen                            [seqWindow / 64]uint64
}

// seqWindow is how far back, in frames, a duplicate is recognised.
const seqWindow = 1 << 16

// Add counts the frame with number n.
func (s *Sequence) Add(n uint64) {
	s.Received++
	switch {
	case n >= s.next:
		s.advance(n)
	case s.next-n > seqWindow:
		s.Reordered++ // too old to tell from a duplicate
		return
	case s.seen[n%seqWindow/64]>>(n%64)&1 == 1:
		s.Duplicates++
		return
	default:
		s.Reordered++
	}
	s.seen[n%seqWindow/64] |= 1 << (n % 64)
}

// advance forgets the numbers that leave the window as n becomes the highest.
func (s *Sequence) advance(n uint64) {
	if n-s.next >= seqWindow {
		clear(s.seen[:])
	} else {
		for i := s.next; i <= n; i++ {
			s.seen[i%seqWindow/64] &^= 1 << (i % 64)
		}
	}
	s.next = n + 1
}

// Unique returns how many different frames arrived.
func (s *Sequence) Unique() uint64 { return s.Received - s.Duplicates }
