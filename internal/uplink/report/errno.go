package report

import (
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

// Codes of ICMP and ICMPv6 "destination unreachable" (RFC 792, RFC 1812, RFC 4443).
const (
	codeNet4, codeNoRoute6          = 0, 0
	codeHost4, codeAddress6         = 1, 3
	codeProto4, codeNextHeader6     = 2, 1 // of a "parameter problem" in IPv6
	codePort4, codePort6            = 3, 4
	codeProhibited4, codeForbidden6 = 13, 1
)

// Local returns what an errno of connect or sendmsg means to a container of IPv6 or of
// IPv4: ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ETIMEDOUT, ECONNREFUSED (the port), EACCES
// and EPERM (a rule of the host's), ENOPROTOOPT, and EMSGSIZE, for which the caller puts
// the MTU into Info. It is the opposite of what the kernel makes of errors
// (icmp_err_convert in net/ipv4/icmp.c). It is not ok for any other.
func Local(errno unix.Errno, v6 bool) (e Error, ok bool) {
	e = Error{Errno: errno, Origin: unix.SO_EE_ORIGIN_ICMP, Type: frame.ICMPUnreachable}
	var code6 uint8
	switch errno {
	case unix.ENETUNREACH:
		e.Code, code6 = codeNet4, codeNoRoute6
	case unix.EHOSTUNREACH, unix.EHOSTDOWN, unix.ETIMEDOUT:
		e.Code, code6 = codeHost4, codeAddress6
	case unix.ECONNREFUSED:
		e.Code, code6 = codePort4, codePort6
	case unix.EACCES, unix.EPERM:
		e.Code, code6 = codeProhibited4, codeForbidden6
	case unix.ENOPROTOOPT:
		e.Code, code6 = codeProto4, codeNextHeader6
	case unix.EMSGSIZE:
		e.Code = frame.ICMPCodeFragmentationNeeded
	default:
		return Error{}, false
	}
	if v6 {
		e.Origin, e.Type, e.Code = unix.SO_EE_ORIGIN_ICMP6, frame.ICMPv6Unreachable, code6
		switch errno {
		case unix.EMSGSIZE:
			e.Type = frame.ICMPv6TooBig
		case unix.ENOPROTOOPT:
			e.Type, e.Info = frame.ICMPv6Parameter, nextHeaderAt
		}
	}
	return e, true
}
