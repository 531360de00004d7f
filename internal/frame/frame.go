package frame

// Sizes of a slot, in bytes.
const (
	// VnetLen is the length of the virtio-net header that a port with offloads
	// puts before each frame (struct virtio_net_hdr, without num_buffers).
	VnetLen = 10
	// Headroom is what lies before the Ethernet header of a frame that has just
	// entered: room for the virtio header, two VLAN tags and the outer headers of
	// an overlay (Ethernet 14 + IPv6 40 + UDP 8 + VXLAN 8). Two bytes short of 128
	// it puts the IP header on a word and the payload of TCP with time stamps on a
	// cache line, where the kernel's copies are fastest.
	Headroom = 126
	// MaxFrame is the longest Ethernet frame accepted: a 64 KiB super-frame with
	// its Ethernet header and two VLAN tags.
	MaxFrame = 65536 + EthernetLen + 2*TagLen
	// SlotSize is a slot, headroom and slack included; 17 pages, so that the hot
	// headers of neighbouring slots do not fall into the same cache sets.
	SlotSize = 17 * 4096
)

// PortID names a port of a switch. The number is small and dense: it indexes
// tables. It is given out by the switch and used again only after a grace period.
type PortID uint16

// NoPort is the value of a PortID that names nothing.
const NoPort PortID = 0xffff

// Egress is one way out: a port, and the form that the frame takes on it.
type Egress struct {
	Port PortID
	// VID is the 802.1Q tag that the frame carries on the way out; 0 sends it
	// untagged.
	VID uint16
}

// Verdict is what a forwarding stage says about one frame. With Drop set, the
// frame ends here with that reason. Otherwise a copy leaves by every entry of
// Out but the port that it came in by. Out is borrowed from an immutable
// snapshot: never edit it.
type Verdict struct {
	Out  []Egress
	Drop Reason
}

// Frame is one Ethernet frame in a slot. The zero value is an empty slot.
type Frame struct {
	// Buf is the slot, whole.
	Buf []byte
	// Off is where the Ethernet header begins in Buf; Len counts from there.
	Off, Len int
	Info
	Verdict
}

// Enter makes a fresh frame of what a port put into the slot, got bytes from
// Headroom-VnetLen on, virtio header included. Fewer bytes than that header make
// an empty frame, which parsing ends as a runt.
func (f *Frame) Enter(got int) {
	f.Off = Headroom
	f.Len = max(got-VnetLen, 0)
	f.Verdict = Verdict{}
}

// Bytes returns the frame from its Ethernet header on. The slice is borrowed.
func (f *Frame) Bytes() []byte { return f.Buf[f.Off : f.Off+f.Len : f.Off+f.Len] }

// Vnet returns the VnetLen bytes of the virtio header before the frame.
func (f *Frame) Vnet() []byte { return f.Buf[f.Off-VnetLen : f.Off : f.Off] }

// WithVnet returns the virtio header and the frame as one slice, as a port with
// offloads reads and writes them.
func (f *Frame) WithVnet() []byte {
	return f.Buf[f.Off-VnetLen : f.Off+f.Len : f.Off+f.Len]
}

// Batch is a run of frames that came in by one port. One worker owns it.
type Batch struct {
	// In is the port that every frame of the batch came in by.
	In PortID
	// Now is the time in nanoseconds of a monotonic clock, read once a batch.
	Now int64
	// Frames has one entry a slot; the first N hold frames.
	Frames []Frame
	N      int
}

// NewBatch makes a batch over all slots of s.
func NewBatch(s *Slab) *Batch {
	b := &Batch{In: NoPort, Frames: make([]Frame, s.Slots())}
	for i := range b.Frames {
		b.Frames[i].Buf = s.Slot(i)
		b.Frames[i].Off = Headroom
	}
	return b
}

// Live returns the frames of the batch.
func (b *Batch) Live() []Frame { return b.Frames[:b.N] }
