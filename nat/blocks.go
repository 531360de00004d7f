package nat

import "sync/atomic"

// blockSize is how many records are made at once.
const blockSize = 4096

// blocks holds records by number, in blocks that never move: a million of them are made
// without a copy, and a reader's pointer stays good. T has no pointers, so that the
// garbage collector does not look inside.
type blocks[T any] struct {
	dir  []atomic.Pointer[[blockSize]T]
	used uint32   // numbers ever given out
	free []uint32 // those given back
}

// newBlocks makes room for up to n records.
func newBlocks[T any](n int) blocks[T] {
	return blocks[T]{dir: make([]atomic.Pointer[[blockSize]T], (n+blockSize-1)/blockSize)}
}

// at returns record id, which has been given out.
func (b *blocks[T]) at(id uint32) *T { return &b.dir[id/blockSize].Load()[id%blockSize] }

// take gives out a number; the caller holds the lock and sees to the limit.
func (b *blocks[T]) take() uint32 {
	if n := len(b.free); n > 0 {
		id := b.free[n-1]
		b.free = b.free[:n-1]
		return id
	}
	id := b.used
	if id%blockSize == 0 {
		b.dir[id/blockSize].Store(new([blockSize]T))
	}
	b.used++
	return id
}

// give takes a number back.
func (b *blocks[T]) give(id uint32) { b.free = append(b.free, id) }
