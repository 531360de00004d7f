package tcp

import (
	"bytes"
	"slices"
)

const (
	// recvBuf is the window, in bytes: what may wait for the service. It needs no
	// scaling and is many times what the link has under way.
	recvBuf = 32 << 10
	// maxPieces is how many pieces may wait for what is missing before them.
	maxPieces = 64
)

// receiver is the half of a connection that comes in.
type receiver struct {
	nxt  seq // what is missing first
	edge seq // behind the last byte that the peer may send, as it was told
	step int // the least by which edge moves
	buf  []byte
	// pieces came too early: in order, apart from each other, behind nxt.
	pieces []piece
	// finAt is where the stream ends, once hasFin; done when all of it came.
	finAt        seq
	hasFin, done bool
}

// piece is a run of bytes and where it begins.
type piece struct {
	at seq
	b  []byte
}

func (p piece) end() seq { return p.at.plus(len(p.b)) }

// cut returns what of p lies between two numbers.
func (p piece) cut(from, to seq) piece {
	if p.at.before(from) {
		p.b = p.b[min(from.minus(p.at), len(p.b)):]
		p.at = from
	}
	p.b = p.b[:max(min(to.minus(p.at), len(p.b)), 0)]
	return p
}

// acceptable reports whether any of the segment can be of use. It is more lenient
// than RFC 9293 by the numbers next to the window, as stacks are: so the ACK of a
// probe counts when the window is shut.
func (r *receiver) acceptable(s *segment) bool {
	return r.nxt.upTo(s.end()) && s.seq.upTo(r.edge)
}

// take takes in text and FIN of an acceptable segment. It reports whether there is
// something new for the service.
func (r *receiver) take(s *segment) bool {
	start := r.nxt
	end := s.seq.plus(len(s.payload))
	if s.has(fin) && !r.hasFin && r.nxt.upTo(end) && end.upTo(r.edge) {
		r.finAt, r.hasFin = end, true
	}
	p := r.fit(piece{at: s.seq, b: s.payload})
	switch {
	case len(p.b) == 0:
	case p.at == r.nxt:
		r.deliver(p)
	default:
		r.keep(p)
	}
	if r.hasFin && r.nxt == r.finAt {
		r.nxt, r.done, r.pieces = r.nxt+1, true, nil
	}
	return r.nxt != start
}

// fit returns what of p is still missing and may be sent.
func (r *receiver) fit(p piece) piece {
	end := r.edge
	if r.hasFin {
		end = earlier(end, r.finAt)
	}
	return p.cut(r.nxt, end)
}

// deliver appends what begins at nxt, and the pieces that follow it.
func (r *receiver) deliver(p piece) {
	for {
		r.buf = append(r.buf, p.b...)
		r.nxt = p.end()
		if len(r.pieces) == 0 || r.nxt.before(r.pieces[0].at) {
			return
		}
		p = r.fit(r.pieces[0])
		r.pieces = slices.Delete(r.pieces, 0, 1)
	}
}

// keep stores what of p is in no piece yet.
func (r *receiver) keep(p piece) {
	for i := 0; len(p.b) > 0; i++ {
		if i == len(r.pieces) {
			r.insert(i, p)
			return
		}
		q := r.pieces[i]
		if p.at.before(q.at) && r.insert(i, p.cut(p.at, q.at)) {
			i++
		}
		p = p.cut(later(p.at, q.end()), later(p.end(), q.end()))
	}
}

func (r *receiver) insert(i int, p piece) bool {
	if len(r.pieces) >= maxPieces {
		return false
	}
	r.pieces = slices.Insert(r.pieces, i, piece{p.at, bytes.Clone(p.b)})
	return true
}

// window returns the window to announce. Its right edge never moves back, and on
// only by a worthwhile step (RFC 9293, section 3.8.6.2.2).
func (r *receiver) window() uint16 {
	if r.widened() {
		r.edge = r.open()
	}
	return uint16(max(r.edge.minus(r.nxt), 0))
}

// open returns where the window could end; widened whether it is worthwhile
// to tell.
func (r *receiver) open() seq     { return r.nxt.plus(recvBuf - len(r.buf)) }
func (r *receiver) widened() bool { return r.open().minus(r.edge) >= r.step }

// read gives bytes to the service.
func (r *receiver) read(b []byte) int {
	n := copy(b, r.buf)
	if r.buf = r.buf[n:]; len(r.buf) == 0 {
		r.buf = nil
	}
	return n
}
