package engine

import (
	"unsafe"

	"vswitch/internal/frame"
)

const (
	// slots is the number of frames that one batch can hold. Few slots stay in the
	// cache.
	slots = 32
	// replySlots are never read into: local ports fill them. One for each frame of
	// a batch, so that every one can be answered.
	replySlots = slots
	allSlots   = slots + replySlots
)

// stock is the slots of a worker, and who holds them: the batch that is carried,
// frames that are to enter by a local port, writes under way. A slot that nobody
// holds is read into again, or, a reply slot, is spare.
type stock struct {
	slab  *frame.Slab
	refs  [allSlots]uint16 // hands, by slot
	spare []uint8          // reply slots that nobody holds
	lent  uint64           // reply slots that are borrowed, a bit each
}

func newStock() (stock, error) {
	slab, err := frame.NewSlab(allSlots)
	s := stock{slab: slab, spare: make([]uint8, 0, replySlots)}
	for i := slots; i < allSlots; i++ {
		s.spare = append(s.spare, uint8(i))
	}
	return s, err
}

// batch makes a batch over the slots that are read into.
func (s *stock) batch() *frame.Batch {
	b := frame.NewBatch(s.slab)
	b.Frames = b.Frames[:slots:slots]
	return b
}

// slot returns the number of the slot that a frame lies in.
func (s *stock) slot(buf []byte) int {
	return int(uintptr(unsafe.Pointer(&buf[0]))-uintptr(unsafe.Pointer(&s.slab.Mem()[0]))) / frame.SlotSize
}

// hold puts a hand on a slot.
func (s *stock) hold(slot int) { s.refs[slot]++ }

// release takes one hand off a slot and reports whether it is free to be read into.
func (s *stock) release(slot int) bool {
	if s.refs[slot]--; s.refs[slot] > 0 {
		return false
	}
	if slot >= slots {
		s.spare = append(s.spare, uint8(slot))
		return false
	}
	return true
}

// reply takes a spare slot, with a hand on it; nil when there is none.
func (s *stock) reply() []byte {
	n := len(s.spare) - 1
	if n < 0 {
		return nil
	}
	slot := int(s.spare[n])
	s.spare = s.spare[:n]
	s.hold(slot)
	return s.slab.Slot(slot)
}

// lend notes that a reply slot, which may be nil, is borrowed, and returns it.
func (s *stock) lend(buf []byte) []byte {
	if buf != nil {
		s.lent |= 1 << (s.slot(buf) - slots)
	}
	return buf
}

// redeem takes a slot back from who borrowed it, with the hand that is on it, and
// returns its number; ok is false if it is not borrowed.
func (s *stock) redeem(buf []byte) (slot int, ok bool) {
	if len(buf) == 0 {
		return 0, false
	}
	slot = s.slot(buf)
	if slot < slots || slot >= allSlots || s.lent>>(slot-slots)&1 == 0 {
		return 0, false
	}
	s.lent &^= 1 << (slot - slots)
	return slot, true
}
