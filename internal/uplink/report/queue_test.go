package report

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
	"vswitch/internal/testnet"
)

// socket opens a datagram socket that keeps errors.
func socket(t *testing.T, family int) int {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	if family == unix.AF_INET6 {
		must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1))
		must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1))
	}
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1))
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1)) // one more control message
	return fd
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// closed returns a port of the loopback that nobody listens on.
func closed(t *testing.T, a netip.Addr) netip.AddrPort {
	t.Helper()
	family := unix.AF_INET6
	if a.Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.Bind(fd, sockaddr(netip.AddrPortFrom(a, 0))))
	sa, err := unix.Getsockname(fd)
	must(t, err)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(a, uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(a, uint16(sa.Port))
	}
	t.Fatalf("a socket has address %v", sa)
	return netip.AddrPort{}
}

func await(t *testing.T, fd int) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd)}}
	if n, err := unix.Poll(fds, 10000); n != 1 || err != nil || fds[0].Revents&unix.POLLERR == 0 {
		t.Fatalf("no error came: %v, %x", err, fds[0].Revents)
	}
}

// A port that is closed, by sockets of both families and by one that speaks both.
func TestReadError(t *testing.T) {
	for _, c := range []struct {
		family       int
		peer         netip.Addr
		mapped       bool
		origin, code uint8
	}{
		{unix.AF_INET, ip("127.0.0.1"), false, unix.SO_EE_ORIGIN_ICMP, 3},
		{unix.AF_INET6, ip("::1"), false, unix.SO_EE_ORIGIN_ICMP6, 4},
		{unix.AF_INET6, ip("127.0.0.1"), true, unix.SO_EE_ORIGIN_ICMP, 3},
	} {
		fd, to := socket(t, c.family), closed(t, c.peer)
		target := to
		if c.mapped {
			target = netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port())
		}
		must(t, unix.Sendto(fd, []byte("hello"), 0, sockaddr(target)))
		await(t, fd)
		var e Error
		var buf [64]byte
		if !ReadError(fd, buf[:], &e) {
			t.Fatalf("%v: no error", to)
		}
		if e.Errno != unix.ECONNREFUSED || e.Origin != c.origin || e.Code != c.code ||
			e.From != c.peer || e.Peer != to || string(e.Payload) != "hello" {
			t.Errorf("%v: %+v", to, e)
		}
		if ReadError(fd, nil, &e) {
			t.Errorf("%v: a second error: %+v", to, e)
		}
		if soft, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); soft != 0 || err != nil {
			t.Errorf("%v: the socket has error %d left, %v", to, soft, err)
		}
	}
}

// Errors of the host's own making: what is too long for the path.
func TestReadLocalError(t *testing.T) {
	testnet.NeedRoot(t)
	ns, err := netnsx.New()
	must(t, err)
	defer ns.Close()
	h, err := ns.Netlink()
	must(t, err)
	defer h.Close()
	must(t, h.SetMTU("lo", 1400))
	must(t, ns.Do(func() error {
		for _, a := range []netip.Addr{ip("127.0.0.1"), ip("::1")} {
			family, level, name := unix.AF_INET, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
			if a.Is6() {
				family, level, name = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG
			}
			fd := socket(t, family)
			must(t, unix.SetsockoptInt(fd, level, name, unix.IP_PMTUDISC_DO))
			to := netip.AddrPortFrom(a, 9)
			if err := unix.Sendto(fd, make([]byte, 1380), 0, sockaddr(to)); err != unix.EMSGSIZE {
				t.Errorf("%v: a long datagram: %v", a, err)
			}
			var e Error
			if !ReadError(fd, nil, &e) {
				t.Fatalf("%v: no error", a)
			}
			if e.Errno != unix.EMSGSIZE || e.Origin != unix.SO_EE_ORIGIN_LOCAL || e.Info != 1400 ||
				e.From.IsValid() || e.Peer.Addr() != a {
				t.Errorf("%v: %+v", a, e)
			}
		}
		return nil
	}))
}

func TestReadErrorAllocs(t *testing.T) {
	fd := socket(t, unix.AF_INET)
	sa, n := sockaddr(closed(t, ip("127.0.0.1"))), 0
	for range 20 {
		if unix.Sendto(fd, []byte("x"), 0, sa) == nil {
			await(t, fd)
		}
	}
	buf := make([]byte, 64)
	var e Error
	if a := testing.AllocsPerRun(10, func() {
		if ReadError(fd, buf, &e) {
			n++
		}
	}); a != 0 || n < 5 {
		t.Errorf("%v allocations in %d errors", a, n)
	}
}

// entry is an entry of the error queue as the kernel writes it.
func entry(level, typ int32, errno uint32, origin, icmpType, code uint8, info uint32, offender []byte) []byte {
	b := make([]byte, unix.CmsgSpace(sizeofExtendedErr+len(offender)))
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(sizeofExtendedErr+len(offender))))
	binary.NativeEndian.PutUint32(b[8:], uint32(level))
	binary.NativeEndian.PutUint32(b[12:], uint32(typ))
	e := b[unix.CmsgLen(0):]
	binary.NativeEndian.PutUint32(e, errno)
	e[4], e[5], e[6] = origin, icmpType, code
	binary.NativeEndian.PutUint32(e[8:], info)
	copy(e[sizeofExtendedErr:], offender)
	return b
}

// FuzzParse: no entry, however broken, reads past its end or gives an address that is
// IPv6-mapped.
func FuzzParse(f *testing.F) {
	in4 := make([]byte, unix.SizeofSockaddrInet4)
	binary.NativeEndian.PutUint16(in4, unix.AF_INET)
	in6 := make([]byte, unix.SizeofSockaddrInet6)
	binary.NativeEndian.PutUint16(in6, unix.AF_INET6)
	one := entry(unix.IPPROTO_IP, unix.IP_RECVERR, 113, 2, 11, 0, 0, in4)
	f.Add(one, in4)
	f.Add(append(entry(unix.IPPROTO_IP, unix.IP_TTL, 0, 0, 0, 0, 0, nil), one...), in4)
	f.Add(entry(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 90, 3, 2, 0, 1400, in6), in6)
	f.Add(one[:20], in4[:3])
	f.Fuzz(func(t *testing.T, control, name []byte) {
		aligned := make([]uint64, len(control)/8+1)
		b := bytesOf(aligned)[:len(control):len(control)]
		copy(b, control)
		var e Error
		e.parse(b, name)
		if e.From.Is4In6() || e.Peer.Addr().Is4In6() {
			t.Errorf("%+v", e)
		}
	})
}
