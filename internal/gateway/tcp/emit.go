package tcp

import (
	"net/netip"

	"vswitch/internal/frame"
)

// minMSS is the shortest segment that a peer can ask for, in bytes of payload: less
// would have this side say a lot for very little.
const minMSS = 64

// mss returns how much payload fits in a segment to a's IP version.
func (h *Host) mss(a netip.Addr) int { return max(h.cfg.MTU-ipLen(a)-frame.TCPLen, minMSS) }

// defaultMSS is what a peer takes that announces nothing (RFC 9293, section 3.7.1).
func defaultMSS(a netip.Addr) int {
	if a.Is4() {
		return 536
	}
	return 1220
}

func ipLen(a netip.Addr) int {
	if a.Is4() {
		return frame.IPv4Len
	}
	return frame.IPv6Len
}

// emit makes a frame and queues it for Send. Ports and checksums of f are filled in;
// the payload is copied.
func (h *Host) emit(to frame.MAC, p pair, f frame.TCPFields, payload []byte) {
	if len(h.out) >= maxQueued {
		h.stats.Lost++
		return
	}
	ip, n := ipLen(p.local.Addr()), frame.TCPLen+len(f.Options)+len(payload)
	buf := make([]byte, frame.EthernetLen+ip+n)
	b := h.network(buf, to, p)
	copy(b[n-len(payload):], payload)
	f.SrcPort, f.DstPort = p.local.Port(), p.remote.Port()
	f.Encode(b, pseudo(p, n))
	h.out = append(h.out, buf)
	h.stats.SegmentsOut++
}

// network writes the headers below TCP's and returns what follows them.
func (h *Host) network(b []byte, to frame.MAC, p pair) []byte {
	src, dst := p.local.Addr(), p.remote.Addr()
	eth := frame.EthernetFields{Dst: to, Src: h.cfg.MAC, EtherType: frame.TypeIPv6}
	if src.Is4() {
		eth.EtherType = frame.TypeIPv4
		b = eth.Encode(b)
		return frame.IPv4Fields{DontFragment: true, Proto: frame.ProtoTCP, Src: src, Dst: dst}.Encode(b)[frame.IPv4Len:]
	}
	b = eth.Encode(b)
	return frame.IPv6Fields{NextHeader: frame.ProtoTCP, Src: src, Dst: dst}.Encode(b)[frame.IPv6Len:]
}

// pseudo returns the sum of the pseudo header for n bytes of header and payload.
func pseudo(p pair, n int) uint32 {
	src, dst := p.local.Addr(), p.remote.Addr()
	if src.Is4() {
		return frame.PseudoSum4(frame.Addr4(src), frame.Addr4(dst), frame.ProtoTCP, n)
	}
	return frame.PseudoSum6(src.As16(), dst.As16(), frame.ProtoTCP, n)
}
