package tap

import (
	"fmt"
	"io"
	"net/netip"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
)

// OpenPlain opens a TAP device as package water does by itself: no virtio header,
// no offload, one frame a Read and a Write, through the runtime's poller. It is
// the floor that bench compares with, not a port. Close deletes the device.
func OpenPlain(ns *netnsx.NS, name string, mac frame.MAC, addrs ...netip.Prefix) (io.ReadWriteCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	var ifce *water.Interface
	err := ns.Do(func() (err error) {
		if err = tryPlain(name); err != nil {
			return err
		}
		ifce, err = newWater(water.PlatformSpecificParams{Name: name})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tap: open %s plainly: %w", name, err)
	}
	link, err := ns.Netlink()
	if err != nil {
		ifce.Close()
		return nil, fmt.Errorf("tap: set up %s: %w", name, err)
	}
	defer link.Close()
	steps := []func() error{
		func() error { return link.SetMAC(name, mac) },
		func() error { return link.Up(name) },
	}
	for _, a := range addrs {
		steps = append(steps, func() error { return link.AddAddr(name, a, netnsx.NoDAD) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			ifce.Close()
			return nil, fmt.Errorf("tap: set up %s: %w", name, err)
		}
	}
	return ifce, nil
}

// tryPlain makes the device and lets it go again, so that package water is not
// asked for one that cannot be had.
func tryPlain(name string) error {
	fd, err := openNode()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return attach(fd, name, unix.IFF_TAP|unix.IFF_NO_PI|unix.IFF_TUN_EXCL)
}
