package tap

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"vswitch/internal/netnsx"
)

// setUp gives the device what cfg names and brings it up.
func (d *Device) setUp(cfg Config, existed bool) (err error) {
	if d.link, err = cfg.NS.Netlink(); err != nil {
		return err
	}
	if err := d.chooseMTU(cfg.MTU, existed); err != nil {
		return err
	}
	length := cfg.QueueLen
	if length == 0 {
		length = QueueLenFor(d.MTU(), d.offloads)
	}
	steps := []func() error{
		func() error { return d.link.SetRootQdisc(d.name, netnsx.NoQueue) },
		func() error { return d.link.SetTxQueueLen(d.name, length) },
		func() error { return d.link.SetMTU(d.name, d.MTU()) },
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

// chooseMTU settles the device's MTU.
func (d *Device) chooseMTU(mtu int, existed bool) error {
	switch {
	case mtu == 0 && existed:
		l, err := d.link.Link(d.name)
		if err != nil {
			return err
		}
		mtu = l.MTU
	case mtu == 0:
		mtu = 1500
	}
	d.mtu.Store(int32(mtu))
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
