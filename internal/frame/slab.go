package frame

import (
	"fmt"
	"syscall"
)

// Slab is a run of slots in memory of its own, outside the Go heap: the garbage
// collector neither scans nor moves it, so the kernel may hold its addresses.
type Slab struct {
	mem []byte
}

// NewSlab maps n slots. The memory is zero and is given back by Close.
func NewSlab(n int) (*Slab, error) {
	if n <= 0 {
		return nil, fmt.Errorf("frame: slab of %d slots", n)
	}
	mem, err := syscall.Mmap(-1, 0, n*SlotSize, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("frame: map %d slots of %d bytes: %w", n, SlotSize, err)
	}
	return &Slab{mem: mem}, nil
}

// Slots returns how many slots the slab has.
func (s *Slab) Slots() int { return len(s.mem) / SlotSize }

// Slot returns slot i. The slice stays valid until Close.
func (s *Slab) Slot(i int) []byte {
	return s.mem[i*SlotSize : (i+1)*SlotSize : (i+1)*SlotSize]
}

// Mem returns all slots as one run of memory, for registering with the kernel.
func (s *Slab) Mem() []byte { return s.mem }

// Close unmaps the slab. No slot of it may be used afterwards.
func (s *Slab) Close() error {
	if s.mem == nil {
		return nil
	}
	mem := s.mem
	s.mem = nil
	return syscall.Munmap(mem)
}
