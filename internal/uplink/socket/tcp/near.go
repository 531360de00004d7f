package tcp

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// A congestion control that paces, such as bbr, is a good choice for the long way, and
// holds back a peer on this machine, where there is nothing to be congested. Which of the
// two a destination is, shows when connect returns with the handshake done: only a peer on
// this machine answers within the call. Such a destination is remembered for a while, and
// sockets to it begin with reno, which everybody may ask for; a socket that has begun to
// pace goes on.

const (
	// nearFor is how long a destination is remembered, in nanoseconds, maxNear how many
	// are.
	nearFor = int64(60e9)
	maxNear = 1024
)

// near is the destinations that are on this machine, and until when that is believed.
type near struct {
	paces bool // the host's default congestion control does
	until map[netip.Addr]int64
}

// paces reports whether the host's default congestion control paces by itself.
func paces() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	return err == nil && len(name) >= 3 && name[:3] == "bbr"
}

// learn remembers a destination that has answered at once.
func (c *near) learn(to netip.Addr, now int64) {
	if !c.paces || to.IsLoopback() {
		return
	}
	if c.until == nil || len(c.until) >= maxNear {
		c.until = map[netip.Addr]int64{}
	}
	c.until[to] = now + nearFor
}

// has reports whether a destination is on this machine, as far as is known.
func (c *near) has(to netip.Addr, now int64) bool {
	return to.IsLoopback() || c.until[to] > now
}

// unpaced has a socket not pace that is not connected yet.
func unpaced(fd int) { _ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno") }
