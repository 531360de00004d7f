package tcp

// Sequence numbers are counted modulo 2^32, and their order has a meaning only for
// numbers less than 2^31 apart (RFC 9293, section 3.4).

func before(a, b uint32) bool { return int32(a-b) < 0 }
func after(a, b uint32) bool  { return int32(a-b) > 0 }

func later(a, b uint32) uint32 {
	if before(a, b) {
		return b
	}
	return a
}

func earlier(a, b uint32) uint32 {
	if before(a, b) {
		return a
	}
	return b
}
