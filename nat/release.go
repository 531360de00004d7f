package nat

// HasReleased reports whether Released would call emit. It is one load.
func (t *Table) HasReleased() bool { return t.fragments.ready.Load() > 0 }

// Released calls emit for each fragment that waited for its first one, which has come,
// and forgets it. b is an Ethernet frame as it came, with its tags and its source and
// destination address, translated from there on; it is emit's until emit returns. in says
// that it goes inside: In or Hair kept it. Call it after a fragment was accepted.
func (t *Table) Released(emit func(b []byte, in bool)) {
	s := &t.fragments
	s.mu.Lock()
	ready := s.released
	s.released = nil
	s.ready.Add(-int32(len(ready)))
	s.mu.Unlock()
	bytes := 0
	for _, k := range ready {
		emit(k.b, k.in)
		bytes += len(k.b)
	}
	s.mu.Lock()
	s.bytes -= bytes
	s.mu.Unlock()
}
