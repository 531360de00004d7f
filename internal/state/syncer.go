package state

import "sync"

// syncer calls fsync for many at once. A call covers whatever was done before it
// began; so who comes while one runs has to wait for the next, and all who do so
// share that one.
type syncer struct {
	fsync func() error

	turn chan struct{} // has room for one; full while fsync runs
	mu   sync.Mutex
	next *round // has not begun; nil: nobody waits
}

func newSyncer(fsync func() error) *syncer {
	return &syncer{fsync: fsync, turn: make(chan struct{}, 1)}
}

// round is one call that some wait for.
type round struct {
	done chan struct{}
	err  error // valid when done is closed
}

// sync returns after a call of fsync that began after sync was called.
func (s *syncer) sync() error {
	s.mu.Lock()
	if r := s.next; r != nil {
		s.mu.Unlock()
		<-r.done
		return r.err
	}
	r := &round{done: make(chan struct{})}
	s.next = r
	s.mu.Unlock()

	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.mu.Lock()
	s.next = nil // it begins: who comes now is too late
	s.mu.Unlock()
	r.err = s.fsync()
	close(r.done)
	return r.err
}
