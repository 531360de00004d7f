package tap

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sys/unix"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
)

// Config says what device to open and how to set it up. The zero value of a
// field leaves the kernel's default, but for QueueLen.
type Config struct {
	// NS is the namespace that the device is in. Required; not kept after Open.
	NS *netnsx.NS
	// Name is the interface's name: 1 to 15 bytes, no space, slash, colon or
	// percent sign. Required.
	Name string
	// MAC is the container's address on the network.
	MAC frame.MAC
	// MTU is in bytes; 0 is 1500, or what a device has that is attached to again.
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
// cfg.Persist a device of that name that nobody holds is attached to instead, and
// only what cfg names is set anew. On an error no new device is left. Errors wrap
// fs.ErrNotExist or fs.ErrPermission when Node is missing or closed, and
// unix.EBUSY when the name is taken.
func Open(cfg Config) (*Device, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	var q opened
	err := cfg.NS.Do(func() (err error) {
		q, err = openQueue(cfg)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tap: open %s: %w", cfg.Name, err)
	}
	d := &Device{Queue: NewQueue(q.fd, 0), name: cfg.Name, offloads: q.offloads}
	if err := d.setUp(cfg, q.existed); err != nil {
		return nil, errors.Join(fmt.Errorf("tap: set up %s: %w", cfg.Name, err), d.abandon(q.existed))
	}
	return d, nil
}

// check returns what is wrong with cfg.
func (c *Config) check() error {
	if c.NS == nil {
		return fmt.Errorf("tap: open %q: no namespace is named", c.Name)
	}
	return checkName(c.Name)
}

// checkName refuses what the kernel refuses, and a percent sign, which it would
// replace with a number.
func checkName(name string) error {
	if name == "" || len(name) >= unix.IFNAMSIZ || name == "." || name == ".." ||
		strings.ContainsAny(name, "/:%\x00") || strings.ContainsFunc(name, unicode.IsSpace) {
		return fmt.Errorf("tap: open %q: an interface's name has 1 to %d bytes, none a space, slash, colon or percent sign: %w",
			name, unix.IFNAMSIZ-1, unix.EINVAL)
	}
	return nil
}

// abandon gives up a device that could not be set up. A persistent one that was
// there before stays.
func (d *Device) abandon(existed bool) error {
	if !existed {
		forsake(d.fd)
	}
	return d.Close()
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
