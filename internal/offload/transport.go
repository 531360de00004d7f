package offload

import "vswitch/internal/frame"

// What segmentation, coalescing and checksums need to know of a parsed frame's
// transport, TCP and UDP only.

const (
	// Offsets of the checksum field in each transport header.
	csumTCP, csumUDP, csumICMP = 16, 6, 2

	// IPv6 extension headers behind which the kernel can segment
	// (INET6_PROTO_GSO_EXTHDR in net/ipv6/exthdrs_offload.c).
	extHopByHop, extRouting, extDstOpts = 0, 43, 60
)

// csumOffset returns where proto has its checksum, for the four protocols that
// have an L4 offset.
func csumOffset(proto uint8) uint16 {
	switch proto {
	case frame.ProtoTCP:
		return csumTCP
	case frame.ProtoUDP:
		return csumUDP
	}
	return csumICMP
}

// packetEnd returns where the IP packet ends in the frame; padding may follow.
func packetEnd(f *frame.Frame) int { return int(f.L3) + int(f.L3Len) }

// headersEnd returns where the payload of a whole TCP or UDP packet begins, or 0
// for a frame that is none, or that the kernel could not segment.
func headersEnd(f *frame.Frame) int {
	if f.L4 == 0 || f.Flags&frame.FlagFragment != 0 || !plainExtensions(f) {
		return 0
	}
	switch f.Proto {
	case frame.ProtoTCP:
		return int(f.L4) + f.TCP().HeaderLen()
	case frame.ProtoUDP:
		if f.UDP().Length() == packetEnd(f)-int(f.L4) {
			return int(f.L4) + frame.UDPLen
		}
	}
	return 0
}

// plainExtensions reports whether all headers between IPv6 and the transport are
// the same in every segment: no authentication or fragment header.
func plainExtensions(f *frame.Frame) bool {
	if f.Flags&frame.FlagIPv6 == 0 || f.L4 == f.L3+frame.IPv6Len {
		return true
	}
	p := f.IPv6()
	next, off := p.NextHeader(), frame.IPv6Len
	for end := int(f.L4 - f.L3); off < end; {
		if next != extHopByHop && next != extRouting && next != extDstOpts {
			return false
		}
		next = p[off]
		off += 8 * (1 + int(p[off+1]))
	}
	return true
}

// pseudoSum returns the pseudo-header sum of f's addresses and protocol for n
// bytes of transport header and payload.
func pseudoSum(f *frame.Frame, n int) uint32 {
	if f.Flags&frame.FlagIPv4 != 0 {
		return f.IPv4().PseudoSum(n)
	}
	return f.IPv6().PseudoSum(f.Proto, n)
}

// transport returns f from its transport header to the end of the packet.
func transport(f *frame.Frame) []byte { return f.Bytes()[f.L4:packetEnd(f)] }

// markPartial makes h say that the checksum at field off of the transport header
// at l4 is to be finished.
func (h Vnet) markPartial(l4, off uint16) {
	h.SetFlags(NeedsCsum)
	h.SetCsumStart(l4)
	h.SetCsumOffset(off)
}
