package report

import (
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

const (
	// longer is how much longer an IPv6 header is than an IPv4 one.
	longer = frame.IPv6Len - frame.IPv4Len
	// minMTU4 and minMTU6 are the least that a link may have (RFC 791, RFC 8200).
	minMTU4, minMTU6 = 68, 1280
	// nextHeaderAt is where an IPv6 header names what follows.
	nextHeaderAt = 6
)

// message returns the head of the ICMP error (v6: ICMPv6) that says what e says. It is
// not ok if there is none.
func (e *Error) message(v6 bool) (m frame.ICMPFields, ok bool) {
	switch e.Origin {
	case unix.SO_EE_ORIGIN_ICMP:
		if v6 {
			return e.to6()
		}
		return e.same4()
	case unix.SO_EE_ORIGIN_ICMP6:
		if v6 {
			return e.same6()
		}
		return e.to4()
	case unix.SO_EE_ORIGIN_LOCAL:
		l, ok := Local(e.Errno, v6)
		if !ok {
			return m, false
		}
		if e.Info != 0 {
			l.Info = e.Info
		}
		return l.message(v6)
	}
	return m, false
}

// same4 is for an ICMP error to a container of IPv4.
func (e *Error) same4() (m frame.ICMPFields, ok bool) {
	m = frame.ICMPFields{Type: e.Type, Code: e.Code}
	switch e.Type {
	case frame.ICMPUnreachable:
		if e.Code == frame.ICMPCodeFragmentationNeeded {
			m.Rest = mtu4(e.Info)
		}
	case frame.ICMPTimeExceeded:
	case frame.ICMPParameter:
		m.Rest = e.Info << 24
	default:
		return m, false
	}
	return m, true
}

// same6 is for an ICMPv6 error to a container of IPv6.
func (e *Error) same6() (m frame.ICMPFields, ok bool) {
	m = frame.ICMPFields{Type: e.Type, Code: e.Code}
	switch e.Type {
	case frame.ICMPv6Unreachable, frame.ICMPv6TimeExceeded:
	case frame.ICMPv6TooBig:
		m.Rest = max(e.Info, minMTU6)
	case frame.ICMPv6Parameter:
		m.Rest = e.Info
	default:
		return m, false
	}
	return m, true
}

// mtu4 fits an MTU into the field of RFC 1191.
func mtu4(mtu uint32) uint32 { return min(max(mtu, minMTU4), 0xffff) }

// to6 translates an ICMP error to ICMPv6 (RFC 7915, section 4.2).
func (e *Error) to6() (m frame.ICMPFields, ok bool) {
	switch e.Type {
	case frame.ICMPUnreachable:
		return e.unreachable6()
	case frame.ICMPTimeExceeded:
		return frame.ICMPFields{Type: frame.ICMPv6TimeExceeded, Code: e.Code}, true
	case frame.ICMPParameter:
		at, ok := pointer(pointers6[:], e.Info)
		return frame.ICMPFields{Type: frame.ICMPv6Parameter, Rest: at}, ok && e.Code != 1
	}
	return m, false
}

func (e *Error) unreachable6() (m frame.ICMPFields, ok bool) {
	m.Type = frame.ICMPv6Unreachable
	switch e.Code {
	case 0, 1, 5, 6, 7, 8, 11, 12:
		m.Code = codeNoRoute6
	case codeProto4:
		m = frame.ICMPFields{Type: frame.ICMPv6Parameter, Code: codeNextHeader6, Rest: nextHeaderAt}
	case codePort4:
		m.Code = codePort6
	case frame.ICMPCodeFragmentationNeeded:
		m = frame.ICMPFields{Type: frame.ICMPv6TooBig, Rest: max(e.Info+longer, minMTU6)}
	case 9, 10, codeProhibited4, 15:
		m.Code = codeForbidden6
	default:
		return m, false
	}
	return m, true
}

// to4 translates an ICMPv6 error to ICMP (RFC 7915, section 5.2).
func (e *Error) to4() (m frame.ICMPFields, ok bool) {
	switch e.Type {
	case frame.ICMPv6Unreachable:
		return e.unreachable4()
	case frame.ICMPv6TooBig:
		return frame.ICMPFields{
			Type: frame.ICMPUnreachable, Code: frame.ICMPCodeFragmentationNeeded,
			Rest: mtu4(e.Info - min(e.Info, longer)),
		}, true
	case frame.ICMPv6TimeExceeded:
		return frame.ICMPFields{Type: frame.ICMPTimeExceeded, Code: e.Code}, true
	case frame.ICMPv6Parameter:
		if e.Code == codeNextHeader6 {
			return frame.ICMPFields{Type: frame.ICMPUnreachable, Code: codeProto4}, true
		}
		at, ok := pointer(pointers4[:], e.Info)
		return frame.ICMPFields{Type: frame.ICMPParameter, Rest: at << 24}, ok && e.Code == 0
	}
	return m, false
}

func (e *Error) unreachable4() (m frame.ICMPFields, ok bool) {
	m.Type = frame.ICMPUnreachable
	switch e.Code {
	case codeNoRoute6, 2, codeAddress6:
		m.Code = codeHost4
	case codeForbidden6, 5, 6: // the last two are finer forms of it (RFC 4443, section 3.1)
		m.Code = 10
	case codePort6:
		m.Code = codePort4
	default:
		return m, false
	}
	return m, true
}

// pointers6 and pointers4 say where a field of the one header is in the other (figures 3
// and 6 of RFC 7915); none where it has none.
var (
	pointers6 = [frame.IPv4Len]uint8{
		0, 1, 4, 4, none, none, none, none, 7, 6, none, none, 8, 8, 8, 8, 24, 24, 24, 24,
	}
	pointers4 = [frame.IPv6Len]uint8{
		0, 1, none, none, 2, 2, 9, 8,
		12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
		16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
	}
)

const none = 0xff

func pointer(table []uint8, at uint32) (uint32, bool) {
	if at >= uint32(len(table)) || table[at] == none {
		return 0, false
	}
	return uint32(table[at]), true
}
