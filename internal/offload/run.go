package offload

import "vswitch/internal/frame"

// kind says what a frame's checksum allows.
type kind uint8

const (
	// unmergeable: the frame leaves alone, whatever follows.
	unmergeable kind = iota
	// summed: a finished checksum, to be verified before a merge.
	summed
	// carried: a finished checksum, to be carried into the result's.
	carried
	// trusted: the sender's kernel vouches for the payload.
	trusted
)

// segment is what Add finds out about one frame.
type segment struct {
	n      int // payload bytes
	end    int // where the payload begins
	kind   kind
	closes bool // nothing may follow it in a super-frame
}

// part is the payload of a frame that was merged into a run.
type part struct {
	payload []byte
	next    int32
}

// run is a super-frame in the making.
type run struct {
	f      *frame.Frame // the first
	first  segment
	bytes  int   // payload of all frames
	frames int   // how many
	head   int32 // the first frame's part, which is empty; the others follow
	last   int32
	older  int32 // next run in the same bucket, plus one
	hash   uint32
	sum    uint16 // of all payload, when carried
	flags  uint8  // TCP flags of the last frame
	// fixedID: the identifications of the first two frames are the same.
	fixedID, closed, checked bool
}

// classify says whether f can be part of a super-frame at all.
func (c *Coalescer) classify(f *frame.Frame) segment {
	s := segment{end: headersEnd(f)}
	s.n = packetEnd(f) - s.end
	if s.end == 0 || s.n == 0 {
		return segment{}
	}
	carry := c.opt.Carry
	if f.Proto == frame.ProtoTCP {
		flags := f.TCP().Flags()
		if flags&(frame.TCPSyn|frame.TCPRst|frame.TCPUrg|frame.TCPAck) != frame.TCPAck {
			return segment{}
		}
		s.closes = flags&(frame.TCPFin|frame.TCPPsh) != 0
	} else if carry = false; c.opt.NoUDP {
		return segment{}
	}
	s.kind = c.kind(f, carry)
	return s
}

func (c *Coalescer) kind(f *frame.Frame, carry bool) kind {
	var h Vnet
	if !c.opt.Detached {
		h = f.Vnet()
	}
	switch {
	case h != nil && (h.GSO() || !h.fits(f)):
		return unmergeable
	case h != nil && h.Partial():
		return trusted
	case carry:
		return carried
	case h != nil && h.Flags()&DataValid != 0:
		return trusted
	}
	return summed
}

// extend merges f into r, or closes r. What costs little is compared first; the
// checksums come last, those of the first frame when a second one turns up.
func (c *Coalescer) extend(r *run, f *frame.Frame, s segment) bool {
	if r.closed || !c.room(r, s) || !sameHeaders(r.f, f) || !r.continues(f) {
		r.closed = true
		return false
	}
	if !r.checked && !sound(r.f, r.first) || !sound(f, s) {
		r.closed = true
		return false
	}
	if !r.checked {
		r.checked = true
		r.carry(r.f, r.first, 0)
	}
	r.carry(f, s, r.bytes)
	r.append(c, f, s)
	return true
}

// room reports whether a segment like s may come next in r by size and number.
func (c *Coalescer) room(r *run, s segment) bool {
	slices := r.frames + 1
	if c.opt.Detached {
		slices++
	}
	limit := c.opt.MaxSlices
	if r.f.Proto == frame.ProtoUDP {
		limit = min(limit, mergedUDP)
	}
	total := packetEnd(r.f) - int(r.f.L3) - r.first.n + r.bytes + s.n
	return s.kind != unmergeable && (s.kind == carried) == (r.first.kind == carried) &&
		s.n <= r.first.n && slices <= limit && total <= maxPacket
}

// continues reports whether f is next by sequence number and identification.
func (r *run) continues(f *frame.Frame) bool {
	if f.Proto == frame.ProtoTCP {
		t := f.TCP()
		if t.Seq() != r.f.TCP().Seq()+uint32(r.bytes) || t.Flags()&frame.TCPCwr != 0 {
			return false
		}
	}
	if f.Flags&frame.FlagIPv6 != 0 {
		return true
	}
	ip, first := f.IPv4(), r.f.IPv4()
	steps := ip.ID() - first.ID()
	if r.frames == 1 {
		r.fixedID = steps == 0 && ip.DontFragment()
	}
	return r.fixedID && steps == 0 || !r.fixedID && steps == uint16(r.frames)
}

// sound reports whether the checksums of f are right, as far as they are not the
// receiver's to verify.
func sound(f *frame.Frame, s segment) bool {
	if f.Flags&frame.FlagIPv4 != 0 && !f.IPv4().ChecksumOK() {
		return false
	}
	switch s.kind {
	case carried:
		return true
	case trusted:
		return !Vnet(f.Vnet()).Partial() || pseudoFits(f)
	}
	return sumsUp(f)
}

// pseudoFits reports whether an unfinished checksum holds the sum of the very
// addresses in the header: not so with a routing header.
func pseudoFits(f *frame.Frame) bool {
	t := transport(f)
	stored := be.Uint16(t[csumOffset(f.Proto):])
	return frame.Fold(pseudoSum(f, len(t))) == stored
}

// carry adds the payload sum of f, as f's own checksum claims it, to the run's.
func (r *run) carry(f *frame.Frame, s segment, at int) {
	if s.kind != carried {
		return
	}
	t := transport(f)
	rest := frame.Checksum(t[:s.end-int(f.L4)], pseudoSum(f, len(t)))
	r.sum = frame.CombineAt(r.sum, ^rest, at)
}

func (r *run) append(c *Coalescer, f *frame.Frame, s segment) {
	c.parts[r.last].next = int32(len(c.parts))
	r.last = int32(len(c.parts))
	c.parts = append(c.parts, part{payload: f.Bytes()[s.end : s.end+s.n]})
	r.frames++
	r.bytes += s.n
	r.closed = s.closes || s.n < r.first.n
	if f.Proto == frame.ProtoTCP {
		r.flags = f.TCP().Flags()
	}
}
