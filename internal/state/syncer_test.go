package state

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// While one fsync runs, all who come share the next, and each gets its result.
func TestSyncerShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		gate := make(chan error)
		s := newSyncer(func() error { calls++; return <-gate })
		failed := errors.New("input/output error")
		first := make(chan error, 1)
		go func() { first <- s.sync() }()
		synctest.Wait() // it runs

		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := s.sync(); err != failed {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait() // they wait for the second
		if calls != 1 {
			t.Errorf("%d calls side by side", calls)
		}
		gate <- nil
		if err := <-first; err != nil {
			t.Errorf("the first got %v, which is of the second", err)
		}
		gate <- failed
		wg.Wait()
		if calls != 2 {
			t.Errorf("%d calls for 11, want 2", calls)
		}
	})
}

// What was done before sync is covered by a call that began after it.
func TestSyncerCovers(t *testing.T) {
	var mu sync.Mutex
	written, synced := 0, 0
	s := newSyncer(func() error {
		mu.Lock()
		now := written
		mu.Unlock()
		synced = now
		return nil
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				mu.Lock()
				written++
				mine := written
				mu.Unlock()
				if err := s.sync(); err != nil {
					t.Error(err)
				}
				s.turn <- struct{}{}
				if synced < mine {
					t.Errorf("synced up to %d, but %d was written before", synced, mine)
				}
				<-s.turn
			}
		})
	}
	wg.Wait()
}
