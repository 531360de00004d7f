package tcp

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// makeKey draws the secret of this host's initial sequence numbers.
func (h *Host) makeKey() {
	binary.BigEndian.PutUint64(h.key[:8], h.cfg.Rand())
	binary.BigEndian.PutUint64(h.key[8:], h.cfg.Rand())
}

// isn returns the initial sequence number of a connection: a clock of 4 us, behind an
// offset that only the key tells (RFC 6528). So numbers cannot be guessed, and a
// connection between the same two ends begins behind the one before it.
func (h *Host) isn(p pair) seq {
	b := make([]byte, 0, 64)
	b = append(b, h.key[:]...)
	b = append(b, p.local.Addr().AsSlice()...)
	b = append(b, p.remote.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, p.local.Port())
	b = binary.BigEndian.AppendUint16(b, p.remote.Port())
	sum := sha256.Sum256(b)
	ticks := h.now.UnixNano() / int64(4*time.Microsecond)
	return seq(ticks) + seq(binary.BigEndian.Uint32(sum[:4]))
}
