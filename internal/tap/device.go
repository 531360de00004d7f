package tap

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
)

// Node is the device node that TAPs are opened by.
const Node = "/dev/net/tun"

// Config says what device to open and how to set it up. The zero value of a
// field leaves the kernel's default, but for QueueLen.
type Config struct {
	// NS is the namespace that the device is in. Required; not kept after Open.
	NS *netnsx.NS
	// Name is the interface's name, at most 15 bytes. Required.
	Name string
	// MAC is the container's address on the network.
	MAC frame.MAC
	// MTU is in bytes; 0 is 1500.
	MTU int
	// Addrs are the interface's addresses. Duplicate address detection is off for
	// them: the switch hands addresses out and knows that they are free.
	Addrs []netip.Prefix
	// Gateways become default routes.
	Gateways []netip.Addr
	// Sysctls are set before the link comes up, names as for sysctl(8).
	Sysctls map[string]string
	// QueueLen is the length of the ring in frames; 0 is QueueLenFor(MTU, offloads).
	QueueLen int
	// Persist keeps the device when its descriptor is closed, so that another Open
	// with Persist attaches to it again, its addresses and routes as they were.
	Persist bool
	// MaxOffloads limits what is asked for; 0 asks for all. NoOffloads asks for none.
	MaxOffloads Offloads
}

// Device is an open TAP device: an engine port. It is its maker's to close, after
// the engine has detached it.
type Device struct {
	*Queue
	name     string
	offloads Offloads
	link     *netnsx.Handle
	once     sync.Once
	err      error
}

// Open makes the device in its namespace, sets it up and brings it up. With
// cfg.Persist an existing device of that name is attached to instead, and only
// what cfg names is set anew. Errors wrap fs.ErrNotExist or fs.ErrPermission when
// Node is missing or closed, and unix.EBUSY when the name is taken.
func Open(cfg Config) (*Device, error) {
	if cfg.NS == nil || cfg.Name == "" || len(cfg.Name) >= unix.IFNAMSIZ {
		return nil, fmt.Errorf("tap: open %q: a namespace and a name of 1 to %d bytes are needed", cfg.Name, unix.IFNAMSIZ-1)
	}
	if cfg.MTU == 0 {
		cfg.MTU = 1500
	}
	d := &Device{name: cfg.Name}
	var fd int
	err := cfg.NS.Do(func() (err error) {
		fd, d.offloads, err = openQueue(cfg)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tap: open %s: %w", cfg.Name, err)
	}
	d.Queue = NewQueue(fd, cfg.MTU)
	if d.link, err = cfg.NS.Netlink(); err == nil {
		err = d.setUp(cfg)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tap: set up %s: %w", cfg.Name, err), d.Close())
	}
	return d, nil
}

// openQueue opens the device's one queue, on a thread inside its namespace.
func openQueue(cfg Config) (int, Offloads, error) {
	seed, offloads, err := openSeed(cfg)
	if err != nil {
		return -1, 0, err
	}
	defer unix.Close(seed)
	fd, err := openWater(cfg)
	return fd, offloads, err
}

// openSeed makes or attaches to the device with a virtio header and sets the
// offloads, which queues that come later inherit.
func openSeed(cfg Config) (int, Offloads, error) {
	fd, err := openNode()
	if err != nil {
		return -1, 0, err
	}
	flags := unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_MULTI_QUEUE
	if !cfg.Persist {
		flags |= unix.IFF_TUN_EXCL
	}
	if err := attach(fd, cfg.Name, flags); err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	granted, err := negotiate(fd, cfg.MaxOffloads)
	if err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	return fd, granted, nil
}

func openNode() (int, error) {
	fd, err := unix.Open(Node, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: Node, Err: err}
	}
	return fd, nil
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
// closed on exec: until it is, no program may be started.
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
		return -1, err
	}
	var fd int
	var inner error
	err = conn.Control(func(old uintptr) {
		fd, inner = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
		if inner == nil {
			inner = unix.SetNonblock(fd, true)
		}
	})
	if err = errors.Join(err, inner); err != nil {
		return -1, fmt.Errorf("duplicate the queue's descriptor: %w", err)
	}
	return fd, nil
}

// setUp gives the device what cfg names and brings it up.
func (d *Device) setUp(cfg Config) error {
	length := cfg.QueueLen
	if length == 0 {
		length = QueueLenFor(cfg.MTU, d.offloads)
	}
	steps := []func() error{
		func() error { return d.link.SetRootQdisc(d.name, netnsx.NoQueue) },
		func() error { return d.link.SetTxQueueLen(d.name, length) },
		func() error { return d.link.SetMTU(d.name, cfg.MTU) },
	}
	if cfg.MAC != 0 {
		steps = append(steps, func() error { return d.link.SetMAC(d.name, cfg.MAC) })
	}
	for name, value := range cfg.Sysctls {
		steps = append(steps, func() error { return cfg.NS.SetSysctl(name, value) })
	}
	steps = append(steps, func() error { return d.link.Up(d.name) })
	for _, a := range cfg.Addrs {
		steps = append(steps, func() error { return d.addAddr(cfg, a) })
	}
	for _, g := range cfg.Gateways {
		steps = append(steps, func() error { return d.addGateway(cfg, g) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Device) addAddr(cfg Config, a netip.Prefix) error {
	err := d.link.AddAddr(d.name, a, netnsx.NoDAD)
	if cfg.Persist && errors.Is(err, unix.EEXIST) {
		return nil // it stayed with the device
	}
	return err
}

func (d *Device) addGateway(cfg Config, g netip.Addr) error {
	return d.link.SetRoute(netnsx.Route{Gateway: g, Link: d.name})
}

// Name returns the interface's name in its namespace.
func (d *Device) Name() string { return d.name }

// Offloads returns what the kernel granted.
func (d *Device) Offloads() Offloads { return d.offloads }

// SetMTU changes the interface's MTU. The engine learns of it when the device is
// attached.
func (d *Device) SetMTU(mtu int) error {
	if err := d.link.SetMTU(d.name, mtu); err != nil {
		return err
	}
	d.mtu.Store(int32(mtu))
	return nil
}

// SetUp brings the interface up or down.
func (d *Device) SetUp(up bool) error {
	if up {
		return d.link.Up(d.name)
	}
	return d.link.Down(d.name)
}

// AddAddr gives the interface one more address, DelAddr takes one away.
func (d *Device) AddAddr(a netip.Prefix) error { return d.link.AddAddr(d.name, a, netnsx.NoDAD) }

// DelAddr takes an address away from the interface.
func (d *Device) DelAddr(a netip.Prefix) error { return d.link.DelAddr(d.name, a) }

// SetGSOMaxSize limits the super-frames that the container sends, in bytes.
func (d *Device) SetGSOMaxSize(n int) error { return d.link.SetGSOMaxSize(d.name, n) }

// RingDrops returns how many frames the kernel dropped because the ring was full
// before the switch could read them.
func (d *Device) RingDrops() (uint64, error) {
	l, err := d.link.Link(d.name)
	if err != nil {
		return 0, err
	}
	return l.Stats.TxDropped, nil
}

// Close gives the device back; the kernel deletes it unless it is persistent.
// The engine must have detached it. A second Close returns what the first did.
func (d *Device) Close() error {
	d.once.Do(func() {
		if d.link != nil {
			d.link.Close()
		}
		if err := unix.Close(d.fd); err != nil {
			d.err = fmt.Errorf("tap: close %s: %w", d.name, err)
		}
	})
	return d.err
}

// Delete removes the interface, also a persistent one. It comes before Close.
func (d *Device) Delete() error { return d.link.Delete(d.name) }
