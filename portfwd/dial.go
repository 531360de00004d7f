package portfwd

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dial connects to addr from inside a container's network namespace. It is called
// from any goroutine, several at once, and returns soon after ctx is over. A thread
// inside the namespace on which DialHere runs will do.
type Dial func(ctx context.Context, network string, addr netip.AddrPort) (*net.TCPConn, error)

// DialHere is a Dial for the calling thread's namespace: the goroutine is locked to
// its thread. The socket begins with reno, since a connection that never leaves the
// machine has nothing to gain from a congestion control that paces, as bbr does.
func DialHere(ctx context.Context, network string, addr netip.AddrPort) (*net.TCPConn, error) {
	d := net.Dialer{Control: unpaced}
	d.SetMultipathTCP(false)
	c, err := d.DialContext(ctx, network, addr.String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// unpaced is only faster: where the kernel refuses, the connection is made as it is.
func unpaced(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
	})
}
