package vswitch

import (
	"math/bits"
	"sync"

	"vswitch/internal/frame"
)

// Numbers gives out port numbers. Switches whose ports are attached to the same
// engine share one, so that a number names one port of one of them. Its methods may
// be called from anywhere.
type Numbers struct {
	mu    sync.Mutex
	taken [MaxPorts / 64]uint64 // a bit a number
}

// NewNumbers returns Numbers of which none is taken.
func NewNumbers() *Numbers { return &Numbers{} }

// take returns the lowest free number, taken now; ok is false when there is none.
func (n *Numbers) take() (id frame.PortID, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, word := range n.taken {
		if bit := bits.TrailingZeros64(^word); bit < 64 {
			n.taken[i] |= 1 << bit
			return frame.PortID(i*64 + bit), true
		}
	}
	return frame.NoPort, false
}

// free gives a number back.
func (n *Numbers) free(id frame.PortID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken[id/64] &^= 1 << (id % 64)
}
