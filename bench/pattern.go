package bench

import "encoding/binary"

// The verified transfer carries a stream in which every eight bytes are a
// function of their offset and of a seed: a byte that is lost, doubled, moved or
// changed, also by a checksum that fits, is found where it happens.

// patternWord is the word at word index i: the output function of SplitMix64
// (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
func patternWord(seed, i uint64) uint64 {
	z := seed + (i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// fillPattern writes the stream's bytes from offset off on into b.
func fillPattern(b []byte, seed, off uint64) {
	for len(b) > 0 {
		if off%8 == 0 && len(b) >= 8 {
			binary.LittleEndian.PutUint64(b, patternWord(seed, off/8))
			b, off = b[8:], off+8
			continue
		}
		b[0] = byte(patternWord(seed, off/8) >> (off % 8 * 8))
		b, off = b[1:], off+1
	}
}

// checkPattern returns the index of the first byte of b that is not the
// stream's at offset off, or -1.
func checkPattern(b []byte, seed, off uint64) int {
	for i := 0; i < len(b); {
		at := off + uint64(i)
		if at%8 == 0 && len(b)-i >= 8 && binary.LittleEndian.Uint64(b[i:]) == patternWord(seed, at/8) {
			i += 8
			continue
		}
		if b[i] != byte(patternWord(seed, at/8)>>(at%8*8)) {
			return i
		}
		i++
	}
	return -1
}
