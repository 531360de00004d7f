package fragment

// MaxLen is the longest that IP carries, in bytes, the transport's header included.
const MaxLen = 65535

// Datagram is one that is being put together. The zero value is one of which nothing has
// come. Its memory, MaxLen bytes from the first fragment on, is kept for the next.
type Datagram struct {
	total int                        // its length in bytes; 0: the last fragment has not come
	got   int                        // bytes that have come
	end   int                        // of what has come
	have  [MaxLen/unit/64 + 1]uint64 // a bit a unit
	data  []byte
}

// Outcome is what a fragment was to a datagram.
type Outcome uint8

const (
	// Fresh is one whose bytes had not come.
	Fresh Outcome = iota
	// Repeated is one all of whose bytes had come, and are kept as they first came.
	Repeated
	// Conflict is one that overlaps others or contradicts where the datagram ends. The
	// datagram is of no use any more.
	Conflict
)

// Reset forgets what has come, and keeps the memory.
func (d *Datagram) Reset() { *d = Datagram{data: d.data} }

// Add copies a fragment to its place; it Fits MaxLen.
func (d *Datagram) Add(p *Piece) Outcome {
	end := p.At + len(p.Body)
	switch {
	case d.total != 0 && (end > d.total || !p.More && end != d.total), !p.More && end < d.end:
		return Conflict
	case !p.More:
		d.total = end
	}
	units := (len(p.Body) + unit - 1) / unit
	switch d.claim(p.At/unit, units) {
	case 0:
	case units:
		return Repeated
	default:
		return Conflict
	}
	if d.data == nil {
		d.data = make([]byte, MaxLen)
	}
	d.got += copy(d.data[p.At:], p.Body)
	d.end = max(d.end, end)
	return Fresh
}

// claim marks n units as come, and returns how many had come before.
func (d *Datagram) claim(at, n int) (here int) {
	for u := at; u < at+n; u++ {
		if bit := uint64(1) << (u % 64); d.have[u/64]&bit != 0 {
			here++
		} else {
			d.have[u/64] |= bit
		}
	}
	return here
}

// Whole returns the datagram when all of it has come, and nil before. The bytes are the
// Datagram's, until Add is called after Reset.
func (d *Datagram) Whole() []byte {
	if d.got == 0 || d.got != d.total {
		return nil
	}
	return d.data[:d.total]
}
