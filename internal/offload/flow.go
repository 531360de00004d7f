package offload

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"vswitch/internal/frame"
)

// Which frames belong to one flow, and which of them continue one another. The
// flow is addresses, protocol and ports; within a flow frames never overtake one
// another, so a frame that cannot be merged ends the merging of those before it.

// sameFlow reports whether two frames with a TCP or UDP header are of one flow.
func sameFlow(a, b *frame.Frame) bool {
	const ip = frame.FlagIPv4 | frame.FlagIPv6
	return a.Proto == b.Proto && a.Flags&ip == b.Flags&ip &&
		bytes.Equal(ports(a), ports(b)) && bytes.Equal(addresses(a), addresses(b))
}

func ports(f *frame.Frame) []byte { return f.Bytes()[f.L4 : f.L4+4] }

func addresses(f *frame.Frame) []byte {
	b := f.Bytes()[f.L3:]
	if f.Flags&frame.FlagIPv4 != 0 {
		return b[12:frame.IPv4Len]
	}
	return b[8:frame.IPv6Len]
}

// flowHash mixes what sameFlow compares. The seed keeps a sender from choosing
// flows that collide; if they do, it costs time only, bounded by the batch.
func flowHash(f *frame.Frame, seed uint64) uint32 {
	h := mix(seed, uint64(binary.NativeEndian.Uint32(ports(f)))<<8|uint64(f.Proto))
	for a := addresses(f); len(a) > 0; a = a[8:] {
		h = mix(h, binary.NativeEndian.Uint64(a))
	}
	return uint32(h >> 32)
}

// mix folds a 128-bit product: every input bit reaches both halves.
func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// sameHeaders reports whether two frames of one flow could be segments of one
// super-frame by everything in their headers that segments share. What counts up
// (identification, sequence number) and what depends on the length is not
// compared here.
func sameHeaders(a, b *frame.Frame) bool {
	if a.L3 != b.L3 || a.L4 != b.L4 {
		return false
	}
	x, y := a.Bytes(), b.Bytes()
	if !bytes.Equal(x[:a.L3], y[:b.L3]) { // Ethernet and tags
		return false
	}
	if !sameIP(x[a.L3:a.L4], y[b.L3:b.L4], a.Flags&frame.FlagIPv4 != 0) {
		return false
	}
	return a.Proto == frame.ProtoUDP || sameTCP(a.TCP(), b.TCP())
}

// sameIP compares version, header length, TOS or traffic class and flow label,
// DF, TTL, protocol, options and extension headers.
func sameIP(x, y []byte, v4 bool) bool {
	if !v4 {
		return bytes.Equal(x[:4], y[:4]) && bytes.Equal(x[6:8], y[6:8]) &&
			bytes.Equal(x[frame.IPv6Len:], y[frame.IPv6Len:])
	}
	return bytes.Equal(x[:2], y[:2]) && bytes.Equal(x[6:10], y[6:10]) &&
		bytes.Equal(x[frame.IPv4Len:], y[frame.IPv4Len:])
}

// sameTCP compares acknowledgement, header length, window, urgent pointer and
// options (timestamps among them), and the flags but for those that only the first or
// only the last segment of a super-frame carries.
func sameTCP(x, y frame.TCP) bool {
	const edge = frame.TCPFin | frame.TCPPsh | frame.TCPCwr
	return bytes.Equal(x[8:13], y[8:13]) && (x.Flags()^y.Flags())&^edge == 0 &&
		bytes.Equal(x[14:16], y[14:16]) &&
		bytes.Equal(x[18:x.HeaderLen()], y[18:y.HeaderLen()])
}
