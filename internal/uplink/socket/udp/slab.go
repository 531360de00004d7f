package udp

// slab is records by number. A number that was given back is taken again first, so that
// the records in use lie close together. Pointers into it are good until the next take.
type slab[T any] struct {
	all  []T
	free []uint32
}

// take returns the number of a record, which is zero.
func (s *slab[T]) take() uint32 {
	if n := len(s.free) - 1; n >= 0 {
		id := s.free[n]
		s.free = s.free[:n]
		return id
	}
	var zero T
	s.all = append(s.all, zero)
	return uint32(len(s.all) - 1)
}

func (s *slab[T]) at(id uint32) *T { return &s.all[id] }

// give gives a record back.
func (s *slab[T]) give(id uint32) {
	var zero T
	s.all[id] = zero
	s.free = append(s.free, id)
}

// len returns how many records are taken.
func (s *slab[T]) len() int { return len(s.all) - len(s.free) }
