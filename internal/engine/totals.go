package engine

import "vswitch/internal/frame"

// PortTotals returns the counts of port id so far; ok is false if there is none.
func (e *Engine) PortTotals(id frame.PortID) (t frame.Totals, ok bool) {
	a := e.table.Load().at(id)
	if a == nil {
		return t, false
	}
	return a.totals(), true
}

// Totals returns the sum over all ports, detached ones included.
func (e *Engine) Totals() frame.Totals {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.base
	for _, a := range e.table.Load().ports {
		if a != nil {
			t.Add(a.totals())
		}
	}
	return t
}

// WorkerStats says how one worker spends its time.
type WorkerStats struct {
	Ports   int
	Batches uint64 // runs of frames carried to completion
	Sleeps  uint64 // times it went to sleep in the kernel
	// Strays counts mistakes with borrowed slots: neither entered nor returned, or
	// twice, or for no port. They were put back; no frame was booked.
	Strays uint64
}

// Stats returns one entry a worker.
func (e *Engine) Stats() []WorkerStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := make([]WorkerStats, len(e.workers))
	for i, w := range e.workers {
		s[i] = WorkerStats{Ports: w.ports, Batches: w.batches.Load(), Sleeps: w.sleeps.Load(), Strays: w.strays.Load()}
	}
	return s
}
