package udp

import (
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
	"vswitch/internal/uplink"
)

// sendRaw sends one datagram without allocating.
func sendRaw(fd int, to netip.AddrPort) {
	var name6 unix.RawSockaddrInet6
	name := unsafe.Pointer(&name6)
	size := uintptr(unix.SizeofSockaddrInet6)
	if to.Addr().Is4() {
		*(*unix.RawSockaddrInet4)(name) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uplink.NetPort(to.Port()), Addr: to.Addr().As4()}
		size = unix.SizeofSockaddrInet4
	} else {
		name6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: uplink.NetPort(to.Port()), Addr: to.Addr().As16()}
	}
	b := [64]byte{}
	unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b)), uintptr(len(b)), 0, uintptr(name), size)
}

// hostAddr is the address, beside its loopback's, of a host of the test's own.
var hostAddr = netip.MustParseAddr("198.51.100.1")

// onOwnHost runs a test on a host of its own: in a network namespace that has hostAddr.
// The rig, which looks for what is left behind, is made outside.
func onOwnHost(t *testing.T, test func()) {
	t.Helper()
	ns, err := netnsx.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	h, err := ns.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.AddAddr("lo", netip.PrefixFrom(hostAddr, 32)); err != nil {
		t.Fatal(err)
	}
	if err := ns.Do(func() error { test(); return nil }); err != nil {
		t.Fatal(err)
	}
}
