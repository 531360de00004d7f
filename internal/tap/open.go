package tap

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"
)

// Node is the device node that TAPs are opened by.
const Node = "/dev/net/tun"

// queueFlags are those of every queue that frames pass.
const queueFlags = unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_MULTI_QUEUE

// opened is a queue and what is known about its device.
type opened struct {
	fd       int
	offloads Offloads
	existed  bool // a persistent device that was there before
}

// openQueue opens the device's one queue, on a thread inside its namespace.
func openQueue(cfg Config) (q opened, err error) {
	seed, err := openNode()
	if err != nil {
		return q, err
	}
	defer unix.Close(seed)
	if q.existed, err = plant(seed, cfg); err != nil {
		return q, err
	}
	if q.offloads, err = negotiate(seed, cfg.MaxOffloads); err == nil {
		q.fd, err = openWater(cfg)
	}
	if err != nil && !q.existed {
		forsake(seed)
	}
	return q, err
}

// forsake lets a device go with its last queue, persistent or not. That cannot
// fail on a queue that is attached.
func forsake(fd int) { unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 0) }

func openNode() (int, error) {
	fd, err := unix.Open(Node, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: Node, Err: err}
	}
	return fd, nil
}

// plant makes the device with a virtio header, which queues that come later
// inherit, or attaches to a persistent one that was there before.
func plant(fd int, cfg Config) (existed bool, err error) {
	err = attach(fd, cfg.Name, queueFlags|unix.IFF_TUN_EXCL)
	if !cfg.Persist || !errors.Is(err, unix.EBUSY) {
		return false, err
	}
	// A second queue beside somebody else's would get half of the frames.
	if held, heldErr := carrier(cfg.Name); heldErr != nil || held {
		return false, errors.Join(err, heldErr)
	}
	return true, attach(fd, cfg.Name, queueFlags)
}

func attach(fd int, name string, flags int) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("interface name: %w", err)
	}
	req.SetUint16(uint16(flags))
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return os.NewSyscallError("ioctl TUNSETIFF", err)
	}
	return nil
}

// carrier reports whether the device of that name in the thread's namespace has a
// carrier, which a TAP has as long as a queue is attached (drivers/net/tun.c). The
// flags of a link follow its carrier with a delay, this does not.
func carrier(name string) (bool, error) {
	dump, err := syscall.NetlinkRIB(syscall.RTM_GETLINK, syscall.AF_UNSPEC)
	if err != nil {
		return false, os.NewSyscallError("netlink RTM_GETLINK", err)
	}
	links, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return false, fmt.Errorf("parse the list of links: %w", err)
	}
	for i := range links {
		if links[i].Header.Type != syscall.RTM_NEWLINK {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&links[i])
		if err != nil {
			return false, fmt.Errorf("parse a link: %w", err)
		}
		if found, up := readLink(attrs, name); found {
			return up, nil
		}
	}
	return false, nil
}

// readLink says whether the link is of that name, and whether it has a carrier.
func readLink(attrs []syscall.NetlinkRouteAttr, name string) (found, up bool) {
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFLA_IFNAME:
			found = unix.ByteSliceToString(a.Value) == name
		case unix.IFLA_CARRIER:
			up = len(a.Value) > 0 && a.Value[0] != 0
		}
	}
	return found, up
}

// openWater opens the queue that frames pass. Its file is in the runtime's poller,
// which would wake up for each frame; a duplicate of the descriptor, which is
// closed on exec, is not.
func openWater(cfg Config) (int, error) {
	params := water.PlatformSpecificParams{Name: cfg.Name, MultiQueue: true, Persist: cfg.Persist}
	ifce, err := newWater(params)
	if err != nil {
		return -1, fmt.Errorf("open the queue: %w", err)
	}
	defer ifce.Close()
	file, ok := ifce.ReadWriteCloser.(*os.File)
	if !ok {
		return -1, fmt.Errorf("open the queue: %T is no file", ifce.ReadWriteCloser)
	}
	return duplicate(file)
}

// newWater opens a queue by package water, which does not mark the descriptor as
// closed on exec: until it is, no program may be started. Water also loses the
// descriptor of a device that it cannot attach to: the caller has tried that.
func newWater(params water.PlatformSpecificParams) (*water.Interface, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ifce, err := water.New(water.Config{DeviceType: water.TAP, PlatformSpecificParams: params})
	if err != nil {
		return nil, err
	}
	if file, ok := ifce.ReadWriteCloser.(*os.File); ok {
		if conn, err := file.SyscallConn(); err == nil {
			conn.Control(func(fd uintptr) { unix.CloseOnExec(int(fd)) })
		}
	}
	return ifce, nil
}

func duplicate(file *os.File) (int, error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("duplicate the queue's descriptor: %w", err)
	}
	fd := -1
	var inner error
	err = conn.Control(func(old uintptr) {
		if fd, inner = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); inner == nil {
			inner = unix.SetNonblock(fd, true)
		}
	})
	if err = errors.Join(err, inner); err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, fmt.Errorf("duplicate the queue's descriptor: %w", err)
	}
	return fd, nil
}
