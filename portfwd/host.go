package portfwd

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// backlog is how many connections wait to be accepted; the kernel cuts it down to
// net.core.somaxconn.
const backlog = 1<<16 - 1

// udpGRO is UDP_GRO of linux/udp.h: several datagrams of one sender in one read.
const udpGRO = 104

// OpenSocket makes a host socket for a published port, non-blocking and closed on
// exec: TCP listens, UDP is bound and tells the destination address and the ICMP
// errors of what it receives. With freebind the host need not have the address yet.
// IPv6 sockets take no IPv4. The descriptor is the caller's. Errors are *BindError.
func OpenSocket(proto string, host netip.AddrPort, freebind bool) (fd int, err error) {
	fd, err = unix.Socket(familyOf(host.Addr()), typeOf(proto)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		if err = bind(fd, proto, host, freebind); err == nil {
			return fd, nil
		}
		_ = unix.Close(fd) // the other error is the one to tell
	}
	return -1, &BindError{Proto: proto, Host: host, Err: bindCause(err)}
}

func bind(fd int, proto string, host netip.AddrPort, freebind bool) error {
	if err := beforeBind(fd, proto, host.Addr(), freebind); err != nil {
		return err
	}
	if err := unix.Bind(fd, sockaddr(host)); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return ready(fd, proto, host.Addr().Is6())
}

// beforeBind sets what decides whether the port can be had. A TCP port whose last
// connections are in TIME_WAIT can; for UDP the same option would let two sockets
// share a port.
func beforeBind(fd int, proto string, a netip.Addr, freebind bool) error {
	var opts []option
	if proto == TCP {
		opts = append(opts, option{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR})
	}
	if a.Is6() {
		opts = append(opts, option{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY})
	}
	switch {
	case freebind && a.Is6():
		opts = append(opts, option{"IPV6_FREEBIND", unix.IPPROTO_IPV6, unix.IPV6_FREEBIND})
	case freebind:
		opts = append(opts, option{"IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND})
	}
	return set(fd, opts)
}

// ready makes a bound socket, ours or an inherited one, what a carrier expects.
func ready(fd int, proto string, v6 bool) error {
	if proto == TCP {
		if err := unix.Listen(fd, backlog); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		return nil
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, udpGRO, 1) // only faster
	if v6 {
		return set(fd, []option{
			{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO},
			{"IPV6_RECVERR", unix.IPPROTO_IPV6, unix.IPV6_RECVERR},
		})
	}
	return set(fd, []option{
		{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO},
		{"IP_RECVERR", unix.IPPROTO_IP, unix.IP_RECVERR},
	})
}

// option is a socket option that is switched on.
type option struct {
	name       string
	level, opt int
}

func set(fd int, opts []option) error {
	for _, o := range opts {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, 1); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	return nil
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func typeOf(proto string) int {
	if proto == TCP {
		return unix.SOCK_STREAM
	}
	return unix.SOCK_DGRAM
}

func sockaddr(h netip.AddrPort) unix.Sockaddr {
	if h.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(h.Port()), Addr: h.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(h.Port()), Addr: h.Addr().As16()}
}

// ListensIPv6 reports whether this host can listen on IPv6 at all: it tries on the
// loopback address, as Docker does. An error that says nothing about that is not a no.
func ListensIPv6() bool {
	fd, err := OpenSocket(TCP, netip.AddrPortFrom(netip.IPv6Loopback(), 0), false)
	if err == nil {
		_ = unix.Close(fd)
	}
	return !errors.Is(err, ErrAddress)
}
