package tcp

import (
	"crypto/sha256"
	"encoding/binary"
)

// isn returns the initial sequence number of a connection: a clock of 4 us behind an
// offset that only the process's secret tells (RFC 6528). So numbers cannot be guessed,
// and a connection between the same two ends begins behind the one before it.
func (s *Shard) isn(r *record, now int64) uint32 {
	var b [8 + 16 + 16 + 2 + 2]byte
	binary.BigEndian.PutUint64(b[:], s.cfg.Seed)
	copy(b[8:], r.inside[:])
	copy(b[24:], r.remote[:])
	binary.BigEndian.PutUint16(b[40:], r.insidePort)
	binary.BigEndian.PutUint16(b[42:], r.remotePort)
	sum := sha256.Sum256(b[:])
	return binary.BigEndian.Uint32(sum[:]) + uint32(now/4000)
}
