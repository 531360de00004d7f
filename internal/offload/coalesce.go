package offload

import "vswitch/internal/frame"

// Coalescing (GRO)
//
// What enters is a batch of parsed frames in the order in which they arrived,
// flows mixed. What leaves is one output for each run of segments that continue
// one another, and one for each other frame, in the order in which their
// first frames arrived:
//
//	in    A1 B1 A2 C B2 A3      out   A1+A2+A3  B1+B2  C
//
// An output is a list of slices for one writev. The first is the first frame's
// slot, its headers edited in place to speak of the whole; the others are the
// payloads of the other frames, where they lie.
//
// The rule that keeps a flow in order: a frame either continues the flow's newest
// run, or closes it and begins another output. Pure acknowledgements, SYN, RST
// and damaged segments of the flow do the latter as well. An IP fragment, which
// shows no ports, closes all runs.
//
// What may be merged is what the kernel's GRO merges (tcp_gro_receive,
// udp_gro_receive_segment, inet_gro_receive), only stricter where a segmentation
// of the result would not give the same segments back: windows are equal, and
// identifications count up by one. The one exception are atomic IPv4 datagrams with a
// constant identification, which has no meaning there (RFC 6864, section 4.1).
//
// Checksums. A frame that the sender's own kernel vouches for (NeedsCsum,
// DataValid) is merged as it is. Any other is verified, which reads its payload
// once, and the result is written with NeedsCsum. With Options.Carry, TCP payload is not
// read: the checksum of the whole follows from the segments' own fields,
//
//	payload sum of a segment = ^(its pseudo header + its header, checksum included)
//
// and the result is written as GSO without NeedsCsum. The kernel that gets it
// verifies the whole, so damage on any segment's way is found where it would have
// been, and costs the super-frame. UDP is verified also then: a TAP takes UDP
// super-frames with NeedsCsum only.

const (
	// defaultSlices is the default of Options.MaxSlices: 64 segments of 1448
	// bytes exceed a super-frame.
	defaultSlices = 64
	// mergedUDP is how many datagrams are merged: what every kernel with UDP GSO
	// takes (UDP_GRO_CNT_MAX; UDP_MAX_SEGMENTS before Linux 6.9).
	mergedUDP = 64
	// maxPacket is the longest IP packet that is made.
	maxPacket = 65535
)

// Options says how a Coalescer works. The zero value of all but Frames is useful.
type Options struct {
	// Frames is how many frames fit between two calls of Reset.
	Frames int
	// MaxSlices limits the slices of one output; 0 means 64. A writev takes 1024.
	MaxSlices int
	// Carry makes TCP results that the receiver's kernel verifies, see above.
	Carry bool
	// NoUDP leaves datagrams alone: TAPs take UDP super-frames since Linux 6.2.
	NoUDP bool
	// Detached says that the bytes before the frames are not virtio headers but
	// another frame's, as in a receive buffer with frames back to back. Frames then
	// count as plain, and outputs have their virtio header in a slice of its own.
	Detached bool
	// Seed is any random number, which makes flow hashes unpredictable.
	Seed uint64
}

// Output is what one write takes.
type Output struct {
	// Frame is the only frame, or the first of a super-frame. Its headers then
	// speak of the whole, its Len and Info of what lies in its own slot.
	Frame *frame.Frame
	// Slices is the virtio header and the Ethernet frame, gathered.
	Slices [][]byte
	// Frames counts the frames in it; Len is its length as an Ethernet frame.
	Frames, Len int
}

// Coalescer merges frames. It belongs to one worker: Add each frame of a batch,
// take the Outputs, Reset.
type Coalescer struct {
	opt     Options
	runs    []run
	parts   []part
	slices  [][]byte
	outputs []Output
	vnets   []byte
	buckets []int32 // newest run of a flow hash, plus one
	barrier int32   // the first run, plus one, that no fragment has closed
}

// NewCoalescer makes a Coalescer with all its scratch.
func NewCoalescer(o Options) *Coalescer {
	if o.MaxSlices == 0 {
		o.MaxSlices = defaultSlices
	}
	c := &Coalescer{
		opt:     o,
		runs:    make([]run, 0, o.Frames),
		parts:   make([]part, 0, o.Frames),
		slices:  make([][]byte, 0, 2*o.Frames),
		outputs: make([]Output, 0, o.Frames),
		buckets: make([]int32, ceilPow2(2*o.Frames)),
	}
	if o.Detached {
		c.vnets = make([]byte, o.Frames*frame.VnetLen)
	}
	return c
}

func ceilPow2(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}

// Add takes the next frame of the batch, parsed and passed by Check. It is false,
// and the frame not taken, when Options.Frames are in: take the outputs first.
// The frame stays the caller's, who leaves it alone until Reset.
func (c *Coalescer) Add(f *frame.Frame) bool {
	if len(c.parts) == cap(c.parts) {
		return false
	}
	if f.Flags&frame.FlagFragment != 0 {
		c.barrier = int32(len(c.runs)) + 1
	}
	if !inFlow(f) {
		c.begin(f, segment{})
		return true
	}
	seg := c.classify(f)
	hash := flowHash(f, c.opt.Seed)
	bucket := &c.buckets[hash&uint32(len(c.buckets)-1)]
	if r := c.find(*bucket, hash, f); r != nil && c.extend(r, f, seg) {
		return true
	}
	r := c.begin(f, seg)
	r.hash, r.older = hash, *bucket
	*bucket = int32(len(c.runs))
	return true
}

// inFlow reports whether f shows the ports of a TCP or UDP flow.
func inFlow(f *frame.Frame) bool {
	return f.L4 != 0 && f.Flags&frame.FlagFragment == 0 &&
		(f.Proto == frame.ProtoTCP || f.Proto == frame.ProtoUDP)
}

// find returns the newest run of f's flow, or nil. i is an index plus one.
func (c *Coalescer) find(i int32, hash uint32, f *frame.Frame) *run {
	for ; i >= c.barrier && i > 0; i = c.runs[i-1].older {
		if r := &c.runs[i-1]; r.hash == hash && sameFlow(r.f, f) {
			return r
		}
	}
	return nil
}

// begin makes f the first frame of a run of its own.
func (c *Coalescer) begin(f *frame.Frame, seg segment) *run {
	c.parts = append(c.parts, part{})
	c.runs = append(c.runs, run{f: f, first: seg, frames: 1, last: int32(len(c.parts) - 1)})
	r := &c.runs[len(c.runs)-1]
	r.head, r.bytes = r.last, seg.n
	r.closed = seg.kind == unmergeable || seg.closes
	return r
}

// Outputs returns what Add has collected. It edits the first frames' headers, so
// it is called once. All is valid until Reset.
func (c *Coalescer) Outputs() []Output {
	for i := range c.runs {
		c.outputs = append(c.outputs, c.output(&c.runs[i]))
	}
	return c.outputs
}

// Reset forgets all frames and outputs.
func (c *Coalescer) Reset() {
	for i := range c.runs {
		c.buckets[c.runs[i].hash&uint32(len(c.buckets)-1)] = 0
	}
	c.runs, c.parts, c.barrier = c.runs[:0], c.parts[:0], 0
	c.slices, c.outputs = c.slices[:0], c.outputs[:0]
}
