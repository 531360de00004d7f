package nat

import "vswitch/internal/frame"

// Extension headers of IPv6 (RFC 8200, section 4).
const (
	extHopByHop = 0
	extRouting  = 43
	extFragment = 44
	extDstOpts  = 60

	fragmentHeader = 8
)

// headers6 is what a walk over extension headers finds.
type headers6 struct {
	proto    uint8
	upper    int  // where proto's header begins
	fragment int  // where the fragment header is, or 0
	later    bool // it is not the first fragment: upper is just its bytes
	routed   bool // a routing header has segments left
	signed   bool // an authentication header covers the addresses
}

// walk6 walks from the IPv6 header at b[0] to the transport header. It is not ok where
// the bytes end before that.
func walk6(b []byte) (h headers6, ok bool) {
	h.proto, h.upper = b[6], frame.IPv6Len
	for {
		size := 0
		switch rest := b[min(h.upper, len(b)):]; h.proto {
		case extHopByHop, extRouting, extDstOpts, extFragment, protoAH:
			if len(rest) < 8 {
				return h, false
			}
			size = h.take(rest)
		default:
			return h, h.upper <= len(b)
		}
		h.proto = b[h.upper]
		h.upper += size
		if h.later {
			return h, h.upper <= len(b)
		}
	}
}

// take notes the extension header at b[0] and returns its length.
func (h *headers6) take(b []byte) int {
	switch h.proto {
	case extFragment:
		h.fragment = h.upper
		h.later = be.Uint16(b[2:])&^7 != 0
		return fragmentHeader
	case protoAH:
		h.signed = true
		return (int(b[1]) + 2) * 4
	case extRouting:
		h.routed = h.routed || b[3] != 0
	}
	return (int(b[1]) + 1) * 8
}
