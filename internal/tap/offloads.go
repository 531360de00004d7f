package tap

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Offloads says what a device may leave undone in the frames that it hands us:
// the bits of TUNSETOFFLOAD (linux/if_tun.h). Frames that we write may use them
// all, whatever was granted.
type Offloads uint32

// The offloads. USO4 and USO6 are granted together or not at all; all others
// need Csum, and TSOECN needs one of the TSOs.
const (
	Csum   Offloads = unix.TUN_F_CSUM
	TSO4   Offloads = unix.TUN_F_TSO4
	TSO6   Offloads = unix.TUN_F_TSO6
	TSOECN Offloads = unix.TUN_F_TSO_ECN
	USO4   Offloads = 0x20 // Linux 6.2
	USO6   Offloads = 0x40

	// NoOffloads asks for none: every frame comes with its checksum, cut to the MTU.
	NoOffloads Offloads = 1 << 31
)

// ladder is tried from the top until the kernel accepts a rung.
var ladder = []Offloads{
	Csum | TSO4 | TSO6 | TSOECN | USO4 | USO6,
	Csum | TSO4 | TSO6 | TSOECN,
	Csum | TSO4 | TSO6,
	Csum | TSO4,
	Csum,
	0,
}

// negotiate sets the most offloads out of limit (0: all) that the kernel accepts.
func negotiate(fd int, limit Offloads) (Offloads, error) {
	if limit == 0 {
		limit = ladder[0]
	}
	for _, rung := range ladder {
		rung &= limit
		err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, int(rung))
		if err == nil {
			return rung, nil
		}
		if !errors.Is(err, unix.EINVAL) {
			return 0, os.NewSyscallError("ioctl TUNSETOFFLOAD", err)
		}
	}
	return 0, fmt.Errorf("the kernel accepts no set of TAP offloads: %w", unix.EINVAL)
}

// String lists the offloads in the words of ethtool.
func (o Offloads) String() string {
	var words []string
	for _, w := range []struct {
		bit  Offloads
		word string
	}{{Csum, "csum"}, {TSO4, "tso4"}, {TSO6, "tso6"}, {TSOECN, "tso-ecn"}, {USO4, "uso4"}, {USO6, "uso6"}} {
		if o&w.bit != 0 {
			words = append(words, w.word)
		}
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, " ")
}

// QueueLenFor returns the length of the ring, in frames, for a device. The ring
// must hold what a sender may have under way, or bursts end in it: one TCP window
// of 6 MiB (the kernel's default tcp_rmem) in frames of the size that the device
// sends, and bursts of a few thousand small datagrams. More only adds delay.
func QueueLenFor(mtu int, o Offloads) int {
	const window, least = 6 << 20, 2048
	if o&TSO4 != 0 {
		return least
	}
	return max(least, window/max(mtu, 576))
}
