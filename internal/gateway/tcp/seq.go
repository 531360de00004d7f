package tcp

// seq is a sequence number. All arithmetic on it is modulo 2^32, and order has a
// meaning only for numbers less than 2^31 apart (RFC 9293, section 3.4).
type seq uint32

// minus returns how far a is behind b, negative where it lies before it.
func (a seq) minus(b seq) int { return int(int32(a - b)) }

// plus returns the number n bytes further on.
func (a seq) plus(n int) seq { return a + seq(n) }

func (a seq) before(b seq) bool { return a.minus(b) < 0 }
func (a seq) upTo(b seq) bool   { return a.minus(b) <= 0 }

func later(a, b seq) seq {
	if a.before(b) {
		return b
	}
	return a
}

func earlier(a, b seq) seq {
	if a.before(b) {
		return a
	}
	return b
}
