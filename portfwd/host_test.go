package portfwd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vswitch/internal/testnet"
)

// free returns a loopback address with a port that nobody has.
func free(t testing.TB, proto, ip string) netip.AddrPort {
	t.Helper()
	fd, err := OpenSocket(proto, netip.AddrPortFrom(addr(ip), 0), false)
	must(t, err)
	defer unix.Close(fd)
	sa, err := unix.Getsockname(fd)
	must(t, err)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(addr(ip), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(addr(ip), uint16(sa.Port))
	}
	t.Fatalf("%T", sa)
	return netip.AddrPort{}
}

func needIPv6(t testing.TB) {
	t.Helper()
	if !ListensIPv6() {
		t.Skip("NEEDS-IPV6: this machine cannot listen on it")
	}
}

func TestOpenSocketOptions(t *testing.T) {
	needIPv6(t)
	type opt struct{ level, name, want int }
	for _, c := range []struct {
		proto, ip string
		opts      []opt
	}{
		{TCP, "127.0.0.1", []opt{
			{unix.SOL_SOCKET, unix.SO_ACCEPTCONN, 1}, {unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		}},
		{TCP, "::1", []opt{
			{unix.SOL_SOCKET, unix.SO_ACCEPTCONN, 1}, {unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
		}},
		{UDP, "127.0.0.1", []opt{
			{unix.SOL_SOCKET, unix.SO_REUSEADDR, 0}, {unix.IPPROTO_IP, unix.IP_PKTINFO, 1},
			{unix.IPPROTO_IP, unix.IP_RECVERR, 1}, {unix.IPPROTO_UDP, udpGRO, 1},
		}},
		{UDP, "::1", []opt{
			{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1}, {unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
			{unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1}, {unix.IPPROTO_UDP, udpGRO, 1},
		}},
	} {
		fd, err := OpenSocket(c.proto, netip.AddrPortFrom(addr(c.ip), 0), false)
		must(t, err)
		for _, o := range c.opts {
			if got, err := unix.GetsockoptInt(fd, o.level, o.name); err != nil || got != o.want {
				t.Errorf("%s %s: option %d of level %d is %d, %v; want %d", c.proto, c.ip, o.name, o.level, got, err, o.want)
			}
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		must(t, err)
		if flags&unix.O_NONBLOCK == 0 {
			t.Errorf("%s %s blocks", c.proto, c.ip)
		}
		flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		must(t, err)
		if flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s %s is inherited by programs", c.proto, c.ip)
		}
		must(t, unix.Close(fd))
	}
}

func TestInUseByAnother(t *testing.T) {
	for _, proto := range []string{TCP, UDP} {
		at := free(t, proto, "127.0.0.1")
		fd, err := OpenSocket(proto, at, false)
		must(t, err)
		a := NewAllocator(AllocatorConfig{})
		for _, s := range []string{"127.0.0.1:%d:80/%s", "0.0.0.0:%d:80/%s", "%d:80/%s"} {
			s = fmt.Sprintf(s, at.Port(), proto)
			got, err := try(a, Request{Spec: spec(t, s), Target: both})
			if !errors.Is(err, ErrInUse) || !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("%s beside %v: %v, %v", s, at, hosts(got), err)
			}
			if e, ok := errors.AsType[*BindError](err); ok && e.Owner != "" {
				t.Errorf("%s: blamed on %q", s, e.Owner)
			}
		}
		must(t, unix.Close(fd))
		got, err := try(a, Request{Spec: spec(t, fmt.Sprintf("%d:80/%s", at.Port(), proto)), Target: both})
		must(t, err)
		closed(t, got)
	}
}

// TestAgainWithinTimeWait: the side that closes first keeps the port in TIME_WAIT.
func TestAgainWithinTimeWait(t *testing.T) {
	a := NewAllocator(AllocatorConfig{})
	at := free(t, TCP, "127.0.0.1")
	r := Request{Spec: spec(t, fmt.Sprintf("127.0.0.1:%d:80", at.Port())), Target: both}
	got, err := try(a, r)
	must(t, err)
	c, err := net.Dial("tcp", at.String())
	must(t, err)
	fd, _, err := unix.Accept(got[0].FD)
	must(t, err)
	must(t, unix.Close(fd))
	_, _ = c.Read(make([]byte, 1)) // the end has come
	must(t, c.Close())
	closed(t, got)
	got, err = try(a, r)
	must(t, err)
	closed(t, got)
}

func TestAddressOfAnother(t *testing.T) {
	const there = "192.0.2.77:0" // RFC 5737: nobody has it
	_, err := OpenSocket(TCP, netip.MustParseAddrPort(there), false)
	if !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
	for _, proto := range []string{TCP, UDP} {
		fd, err := OpenSocket(proto, netip.MustParseAddrPort(there), true)
		must(t, err)
		must(t, unix.Close(fd))
	}
	needIPv6(t)
	for _, ip := range []string{"[2001:db8::77]:0", "[fe80::77]:0"} {
		if _, err := OpenSocket(UDP, netip.MustParseAddrPort(ip), false); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", ip, err)
		}
	}
	fd, err := OpenSocket(UDP, netip.MustParseAddrPort("[2001:db8::77]:0"), true)
	must(t, err)
	must(t, unix.Close(fd))
}

func TestNoDescriptorLeft(t *testing.T) {
	var was unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	none := was
	none.Cur = 3
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
	_, err := OpenSocket(TCP, netip.MustParseAddrPort("127.0.0.1:0"), false)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
	if !errors.Is(err, ErrFiles) {
		t.Error(err)
	}
}

// TestPrivileged runs itself again as an ordinary user, who may not have port 7.
func TestPrivileged(t *testing.T) {
	if role("user") {
		_, err := OpenSocket(TCP, netip.MustParseAddrPort("127.0.0.1:7"), false)
		fmt.Println("error:", err, errors.Is(err, ErrPrivileged), errors.Is(err, unix.EACCES))
		return
	}
	if start, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err == nil && strings.TrimSpace(string(start)) == "0" {
		t.Skip("NEEDS-PRIVILEGED-PORTS: on this machine everybody may bind every port")
	}
	out, err := testnet.AsUser(t, []string{roleEnv + "=user"}, "-test.run", "^TestPrivileged$", "-test.count=1")
	if err != nil || !strings.Contains(out, "net.ipv4.ip_unprivileged_port_start (bind: permission denied) true true") {
		t.Errorf("%v\n%s", err, out)
	}
}
