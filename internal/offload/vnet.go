package offload

import (
	"encoding/binary"

	"vswitch/internal/frame"
)

// Bits of Vnet.Flags (virtio 1.3, section 5.1.6).
const (
	// NeedsCsum: the field at CsumStart+CsumOffset holds the pseudo-header sum
	// only; the sum from CsumStart on is still to be added.
	NeedsCsum = 1
	// DataValid: whoever made the frame has verified its checksum.
	DataValid = 2
)

// Values of Vnet.GSOType. GSOECN may be set beside the two TCP ones.
const (
	GSONone = 0
	GSOTCP4 = 1
	GSOTCP6 = 4
	GSOUDP  = 5 // UDP_L4: every segment is a datagram with a header of its own
	GSOECN  = 0x80
)

const (
	// maxUDPSegments is how many datagrams the kernel takes in one super-frame
	// (UDP_MAX_SEGMENTS, include/linux/udp.h; 64 before Linux 6.9).
	maxUDPSegments = 128
	// gsoByFrags is a gso_size with a meaning of its own inside the kernel.
	gsoByFrags = 0xffff
	// minCsumStart is the lowest csum_start that a TAP accepts: it wants room for
	// an IPv4 header before it, counted from the Ethernet header.
	minCsumStart = 20
)

// Vnet is a view on a virtio-net header, frame.VnetLen bytes in the machine's
// byte order as a TAP speaks it. It borrows its bytes.
type Vnet []byte

func (h Vnet) field(i int) uint16       { return binary.NativeEndian.Uint16(h[i:]) }
func (h Vnet) setField(i int, v uint16) { binary.NativeEndian.PutUint16(h[i:], v) }

// Flags returns NeedsCsum and DataValid.
func (h Vnet) Flags() uint8 { return h[0] }

// GSOType returns one of the GSO values, GSOECN included.
func (h Vnet) GSOType() uint8 { return h[1] }

// HdrLen returns the length of all headers; the kernel fills in a mere hint.
func (h Vnet) HdrLen() uint16 { return h.field(2) }

// GSOSize returns the payload bytes of each segment.
func (h Vnet) GSOSize() uint16 { return h.field(4) }

// CsumStart returns where summing begins, counted from the Ethernet header.
func (h Vnet) CsumStart() uint16 { return h.field(6) }

// CsumOffset returns where the checksum field lies, counted from CsumStart.
func (h Vnet) CsumOffset() uint16 { return h.field(8) }

// SetFlags sets NeedsCsum and DataValid.
func (h Vnet) SetFlags(v uint8) { h[0] = v }

// SetGSOType sets one of the GSO values.
func (h Vnet) SetGSOType(v uint8) { h[1] = v }

// SetHdrLen sets the length of all headers.
func (h Vnet) SetHdrLen(v uint16) { h.setField(2, v) }

// SetGSOSize sets the payload bytes of each segment.
func (h Vnet) SetGSOSize(v uint16) { h.setField(4, v) }

// SetCsumStart sets where summing begins.
func (h Vnet) SetCsumStart(v uint16) { h.setField(6, v) }

// SetCsumOffset sets where the checksum field lies.
func (h Vnet) SetCsumOffset(v uint16) { h.setField(8, v) }

// Clear makes it the header of a plain, finished frame.
func (h Vnet) Clear() { clear(h[:frame.VnetLen]) }

// Plain reports whether the header says nothing: two loads and a compare.
func (h Vnet) Plain() bool {
	return binary.NativeEndian.Uint64(h)|uint64(binary.NativeEndian.Uint16(h[8:])) == 0
}

// Partial reports whether the frame's checksum is unfinished.
func (h Vnet) Partial() bool { return h[0]&NeedsCsum != 0 }

// GSO reports whether the frame is a super-frame.
func (h Vnet) GSO() bool { return h[1] != GSONone }

// Check says whether the virtio header before a parsed frame fits it:
// frame.Accepted, or frame.DropVnet. It accepts what a TAP delivers and what a
// TAP accepts, and nothing else: a frame that passes can be segmented, merged
// and completed without a further look at the header.
func Check(f *frame.Frame) frame.Reason {
	h := Vnet(f.Vnet())
	if h.Plain() || h.fits(f) {
		return frame.Accepted
	}
	return frame.DropVnet
}

func (h Vnet) fits(f *frame.Frame) bool {
	if h.Flags()&^(NeedsCsum|DataValid) != 0 || int(h.HdrLen()) > f.Len {
		return false
	}
	if h.Partial() && !h.csumFits(f) {
		return false
	}
	return !h.GSO() || h.gsoFits(f)
}

// csumFits: the field lies inside the frame and, where the transport is known,
// is that transport's. A fragment has no checksum of its own to finish.
func (h Vnet) csumFits(f *frame.Frame) bool {
	start, off := h.CsumStart(), h.CsumOffset()
	if int(start)+int(off)+2 > f.Len || f.Flags&frame.FlagFragment != 0 {
		return false
	}
	if f.L4 == 0 {
		return start >= max(f.L3, minCsumStart)
	}
	return start == f.L4 && off == csumOffset(f.Proto)
}

// gsoFits: the type is one that we ask a TAP for and agrees with the packet, and
// no padding follows the packet: the kernel would cut it as payload.
func (h Vnet) gsoFits(f *frame.Frame) bool {
	size := int(h.GSOSize())
	end := headersEnd(f)
	if end == 0 || size == 0 || size == gsoByFrags || packetEnd(f) != f.Len {
		return false
	}
	switch h.GSOType() {
	case GSOTCP4, GSOTCP4 | GSOECN:
		return f.Proto == frame.ProtoTCP && f.Flags&frame.FlagIPv4 != 0
	case GSOTCP6, GSOTCP6 | GSOECN:
		return f.Proto == frame.ProtoTCP && f.Flags&frame.FlagIPv6 != 0
	case GSOUDP:
		return f.Proto == frame.ProtoUDP && h.Partial() && f.Len-end <= size*maxUDPSegments
	}
	return false
}
