package report

import (
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
)

func TestMessage(t *testing.T) {
	head := func(typ, code uint8, rest uint32) frame.ICMPFields {
		return frame.ICMPFields{Type: typ, Code: code, Rest: rest}
	}
	for _, c := range []struct {
		e  Error
		v6 bool
		m  frame.ICMPFields
	}{
		// As they are.
		{icmp(3, 1, 0), false, head(3, 1, 0)},
		{icmp(3, 13, 99), false, head(3, 13, 0)},
		{icmp(3, 4, 1400), false, head(3, 4, 1400)},
		{icmp(3, 4, 10), false, head(3, 4, 68)},
		{icmp(3, 4, 1e5), false, head(3, 4, 0xffff)},
		{icmp(11, 0, 0), false, head(11, 0, 0)},
		{icmp(12, 0, 9), false, head(12, 0, 9<<24)},
		{icmp6(1, 3, 0), true, head(1, 3, 0)},
		{icmp6(2, 0, 1400), true, head(2, 0, 1400)},
		{icmp6(2, 0, 1000), true, head(2, 0, 1280)},
		{icmp6(3, 0, 0), true, head(3, 0, 0)},
		{icmp6(4, 1, 40), true, head(4, 1, 40)},
		// ICMP for a container of IPv6.
		{icmp(3, 0, 0), true, head(1, 0, 0)},
		{icmp(3, 1, 0), true, head(1, 0, 0)},
		{icmp(3, 2, 0), true, head(4, 1, 6)},
		{icmp(3, 3, 0), true, head(1, 4, 0)},
		{icmp(3, 4, 1400), true, head(2, 0, 1420)},
		{icmp(3, 4, 576), true, head(2, 0, 1280)},
		{icmp(3, 10, 0), true, head(1, 1, 0)},
		{icmp(3, 13, 0), true, head(1, 1, 0)},
		{icmp(11, 1, 0), true, head(3, 1, 0)},
		{icmp(12, 0, 8), true, head(4, 0, 7)},
		{icmp(12, 2, 16), true, head(4, 0, 24)},
		// ICMPv6 for a container of IPv4.
		{icmp6(1, 0, 0), false, head(3, 1, 0)},
		{icmp6(1, 1, 0), false, head(3, 10, 0)},
		{icmp6(1, 4, 0), false, head(3, 3, 0)},
		{icmp6(1, 5, 0), false, head(3, 10, 0)},
		{icmp6(2, 0, 1400), false, head(3, 4, 1380)},
		{icmp6(2, 0, 4), false, head(3, 4, 68)},
		{icmp6(3, 0, 0), false, head(11, 0, 0)},
		{icmp6(4, 0, 7), false, head(12, 0, 8<<24)},
		{icmp6(4, 1, 6), false, head(3, 2, 0)},
		// The host's own.
		{local(unix.ENETUNREACH), false, head(3, 0, 0)},
		{local(unix.EHOSTUNREACH), true, head(1, 3, 0)},
		{local(unix.ECONNREFUSED), true, head(1, 4, 0)},
		{local(unix.EPERM), false, head(3, 13, 0)},
		{local(unix.EACCES), true, head(1, 1, 0)},
		{local(unix.ENOPROTOOPT), false, head(3, 2, 0)},
		{local(unix.ENOPROTOOPT), true, head(4, 1, 6)},
		{Error{Errno: unix.EMSGSIZE, Origin: unix.SO_EE_ORIGIN_LOCAL, Info: 1400}, false, head(3, 4, 1400)},
		{Error{Errno: unix.EMSGSIZE, Origin: unix.SO_EE_ORIGIN_LOCAL, Info: 1400}, true, head(2, 0, 1400)},
	} {
		if m, ok := c.e.message(c.v6); !ok || m != c.m {
			t.Errorf("%+v, IPv6 %v: %+v, %v; want %+v", c.e, c.v6, m, ok, c.m)
		}
	}
}

// What has no meaning in the container's family, or is none of its business, is not told.
func TestNoMessage(t *testing.T) {
	for _, c := range []struct {
		e  Error
		v6 bool
	}{
		{icmp(4, 0, 0), false}, {icmp(5, 0, 0), false}, {icmp(5, 0, 0), true}, {icmp(3, 14, 0), true}, {icmp(3, 99, 0), true},
		{icmp(12, 1, 0), true}, {icmp(12, 0, 6), true}, {icmp(12, 0, 20), true}, {icmp(12, 0, 1<<31), true},
		{icmp6(137, 0, 0), true}, {icmp6(137, 0, 0), false}, {icmp6(1, 9, 0), false}, {icmp6(4, 2, 0), false},
		{icmp6(4, 0, 2), false}, {icmp6(4, 0, 40), false},
		{local(unix.EINTR), false}, {local(0), true}, {Error{Errno: unix.ENETUNREACH, Origin: unix.SO_EE_ORIGIN_ZEROCOPY}, false}, {Error{}, true},
	} {
		if m, ok := c.e.message(c.v6); ok {
			t.Errorf("%+v, IPv6 %v: %+v", c.e, c.v6, m)
		}
	}
}
