package offload

import "vswitch/internal/frame"

// Segmentation (TSO, USO)
//
// What enters is a super-frame: one header and up to 64 KiB of payload, cut by
// its virtio header into pieces of gso_size bytes. What leaves is, for each
// piece, the header written anew into a block of scratch, and the piece itself as
// a slice of the slot it was read into. The two go to one writev or sendmsg.
//
// What differs from segment to segment (net/ipv4/tcp_offload.c, udp_offload.c,
// af_inet.c do the same):
//
//	IPv4   total length, identification + 1 each, header checksum
//	IPv6   payload length
//	TCP    sequence number; FIN and PSH on the last only; CWR on the first only
//	       (RFC 3168, section 6.1.2); checksum
//	UDP    length, checksum
//
// A super-frame may have thousands of segments, so they come in runs as long as
// the scratch. What is kept between runs is the payload offset of the next one.
//
// The sender's unfinished checksum holds the pseudo-header sum; ours is derived
// from it, not from the addresses, so that a packet with a routing header, whose
// destination is not the one summed, comes out right too. A finished one is
// verified first.

// SumMode says what the transport checksum of a segment is to be.
type SumMode uint8

const (
	// SumComplete computes it: the payload is read once.
	SumComplete SumMode = iota
	// SumPartial leaves it to who gets the segment, with a virtio header that
	// says NeedsCsum: the payload is not read.
	SumPartial
)

// maxSegmentHead is the longest header block: Ethernet, two tags, and as many IPv6
// extension headers as fit. IPv4 and TCP with all their options need 142.
const maxSegmentHead = 512

// Segment is one piece of a super-frame. All bytes are borrowed, see Next.
type Segment struct {
	// Block is a header block in scratch. The Ethernet header begins at Off; the
	// VnetLen bytes before it are a virtio header that fits the segment; what lies
	// before that is room for an encapsulation, with old bytes in it. The caller
	// may write to all of it.
	Block []byte
	Off   int
	// Payload is a slice of the super-frame's own slot.
	Payload []byte
}

// Head returns the segment's headers from Ethernet on.
func (s *Segment) Head() []byte { return s.Block[s.Off:] }

// WithVnet returns the headers with the virtio header before them.
func (s *Segment) WithVnet() []byte { return s.Block[s.Off-frame.VnetLen:] }

// Len returns the length of the segment as an Ethernet frame.
func (s *Segment) Len() int { return len(s.Block) - s.Off + len(s.Payload) }

// Segmenter cuts super-frames. It belongs to one worker.
type Segmenter struct {
	scratch   []byte
	out       []Segment
	stride    int
	off       int
	f         *frame.Frame
	head      []byte // the super-frame's headers, in its slot
	body      []byte // its payload
	size      int    // payload of each segment but the last
	pos       int    // payload already given out
	sumOffset int    // of the checksum field, from the Ethernet header
	pseudo    uint32 // pseudo-header sum without a length
	mode      SumMode
}

// NewSegmenter makes a Segmenter that gives out up to run segments at a time, with
// room bytes before each Ethernet header (at least VnetLen, the virtio header
// included).
func NewSegmenter(run, room int) *Segmenter {
	room = max(room, frame.VnetLen)
	stride := (room + maxSegmentHead + 63) &^ 63
	return &Segmenter{
		scratch: make([]byte, run*stride),
		out:     make([]Segment, 0, run),
		stride:  stride,
		off:     room,
	}
}

// Start begins with a parsed super-frame (Vnet.GSO). A reason other than Accepted
// says that it is none or a malformed one: DropVnet; that its headers are
// too long: DropIPv6; that its finished checksum is wrong: DropTransport. The
// caller leaves the frame alone until Next has returned nil.
func (s *Segmenter) Start(f *frame.Frame, mode SumMode) frame.Reason {
	s.f = nil
	h := Vnet(f.Vnet())
	end := headersEnd(f)
	switch {
	case !h.GSO() || end == 0 || !h.fits(f):
		return frame.DropVnet
	case end > maxSegmentHead:
		return frame.DropIPv6
	case !h.Partial() && !sumsUp(f):
		return frame.DropTransport
	}
	b := f.Bytes()
	s.f, s.mode = f, mode
	s.head, s.body = b[:end], b[end:]
	s.size, s.pos = int(h.GSOSize()), 0
	s.sumOffset = int(f.L4 + csumOffset(f.Proto))
	s.pseudo = pseudoSum(f, 0)
	if h.Partial() {
		whole := uint16(packetEnd(f) - int(f.L4))
		s.pseudo = uint32(frame.Adjust16(be.Uint16(s.head[s.sumOffset:]), whole, 0))
	}
	return frame.Accepted
}

// Next returns the next run of segments in order, or nil after the last. The run
// is valid until the next call of Next or Start.
func (s *Segmenter) Next() []Segment {
	if s.f == nil {
		return nil
	}
	s.out = s.out[:0]
	for s.f != nil && len(s.out) < cap(s.out) {
		s.out = append(s.out, s.cut(len(s.out)))
	}
	return s.out
}

// cut makes the next segment in block i of the scratch.
func (s *Segmenter) cut(i int) Segment {
	n := min(s.size, len(s.body)-s.pos)
	at := i * s.stride
	seg := Segment{
		Block:   s.scratch[at : at+s.off+len(s.head) : at+s.off+len(s.head)],
		Off:     s.off,
		Payload: s.body[s.pos : s.pos+n : s.pos+n],
	}
	h := seg.Head()
	copy(h, s.head)
	s.network(h, n)
	s.transport(h, n)
	s.sum(&seg, h)
	s.pos += n
	if s.pos == len(s.body) {
		s.f = nil
	}
	return seg
}

// network edits the IP header in h for a segment of n payload bytes.
func (s *Segmenter) network(h []byte, n int) {
	p := h[s.f.L3:]
	if s.f.Flags&frame.FlagIPv6 != 0 {
		frame.IPv6(p).SetPayloadLen(len(p) - frame.IPv6Len + n)
		return
	}
	ip := frame.IPv4(p)
	ip.SetTotalLen(len(p) + n)
	ip.SetID(ip.ID() + uint16(s.pos/s.size))
}

// transport edits the TCP or UDP header in h, except for its checksum.
func (s *Segmenter) transport(h []byte, n int) {
	if s.f.Proto == frame.ProtoUDP {
		frame.UDP(h[s.f.L4:]).SetLength(frame.UDPLen + n)
		return
	}
	t := frame.TCP(h[s.f.L4:])
	flags := t.Flags()
	if s.pos > 0 {
		flags &^= frame.TCPCwr
	}
	if s.pos+n < len(s.body) {
		flags &^= frame.TCPFin | frame.TCPPsh
	}
	t.SetFlags(flags)
	t.SetSeq(t.Seq() + uint32(s.pos))
}

// sum fills in the checksum and the virtio header that goes with it.
func (s *Segmenter) sum(seg *Segment, h []byte) {
	v := Vnet(seg.WithVnet())
	v.Clear()
	t := h[s.f.L4:]
	pseudo := frame.Fold(s.pseudo + uint32(len(t)+len(seg.Payload)))
	be.PutUint16(h[s.sumOffset:], pseudo)
	if s.mode == SumPartial {
		v.markPartial(s.f.L4, csumOffset(s.f.Proto))
		return
	}
	sum := ^frame.Checksum(seg.Payload, uint32(frame.Checksum(t, 0)))
	if s.f.Proto == frame.ProtoUDP {
		sum = nonZero(sum)
	}
	be.PutUint16(h[s.sumOffset:], sum)
}
