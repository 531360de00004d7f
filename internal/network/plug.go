package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/tap"
	vswitch "vswitch/switch"
)

// PlugConfig says what device to make and how its port behaves.
type PlugConfig struct {
	Tap  tap.Config
	Port vswitch.PortConfig
	// Failed is told, once, that the device is gone: its namespace ended or somebody
	// deleted it. It must not unplug, but may have that done elsewhere.
	Failed func(error)
}

// Plug is a TAP device and its port in a switch.
type Plug struct {
	f   *Fabric
	sw  *vswitch.Switch
	cfg PlugConfig
	id  frame.PortID
	dev *tap.Device

	mu    sync.Mutex
	gone  bool
	final frame.Totals // of the port, once gone
}

// Plug makes a device in its namespace and plugs it into sw. On an error nothing
// is left of it.
func (f *Fabric) Plug(sw *vswitch.Switch, cfg PlugConfig) (*Plug, error) {
	p := &Plug{f: f, sw: sw, cfg: cfg, id: frame.NoPort}
	var err error
	if p.dev, err = tap.Open(cfg.Tap); err != nil {
		return nil, err
	}
	if p.id, err = f.addPort(sw, cfg.Port); err != nil {
		return nil, errors.Join(err, p.closeDevice(true))
	}
	f.remember(p.id, p)
	if err := f.engine.Attach(p.id, p.dev); err != nil {
		return nil, errors.Join(err, p.Unplug())
	}
	return p, nil
}

func (f *Fabric) remember(id frame.PortID, p *Plug) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p == nil {
		delete(f.plugs, id)
	} else {
		f.plugs[id] = p
	}
}

// Unplug takes the port out, under traffic too, and deletes the device. A second
// one does nothing.
func (p *Plug) Unplug() error { return p.leave(true) }

// Release takes the port out and leaves a persistent device in its namespace, for
// another Plug.
func (p *Plug) Release() error { return p.leave(false) }

func (p *Plug) leave(remove bool) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return nil
	}
	p.gone = true
	p.final, err = p.f.dropPort(p.sw, p.id, func() error {
		p.f.remember(p.id, nil)
		return p.closeDevice(remove)
	})
	return err
}

// closeDevice closes the device. One that is to go may have gone already, with its
// namespace or by somebody's hand.
func (p *Plug) closeDevice(remove bool) error {
	var err error
	if remove && p.cfg.Tap.Persist {
		if err = p.dev.Delete(); errors.Is(err, netnsx.ErrNoLink) || errors.Is(err, syscall.ENODEV) {
			err = nil
		}
	}
	return errors.Join(err, p.dev.Close())
}

// ID returns the port's number, Device its device.
func (p *Plug) ID() frame.PortID { return p.id }

// Device returns the TAP device. It is the plug's: do not close it.
func (p *Plug) Device() *tap.Device { return p.dev }

// allow adds an address to those that the port may claim, or takes one away. A port
// without a guard may claim any.
func (p *Plug) allow(a netip.Addr, on bool) error {
	return p.sw.EditPort(p.id, func(c *vswitch.PortConfig) {
		if c.Guard == nil {
			return
		}
		c.Guard.Addrs = slices.DeleteFunc(c.Guard.Addrs, func(o netip.Addr) bool { return o == a })
		if on {
			c.Guard.Addrs = append(c.Guard.Addrs, a)
		}
	})
}

// Totals returns the counts of the port, and what the kernel dropped because the
// device's ring was full before the switch could read it. Of a port that was taken
// out they are the last counts, and the error says that the ring's are lost.
func (p *Plug) Totals() (t frame.Totals, ring uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		t = p.final
	} else {
		t, _ = p.f.engine.PortTotals(p.id)
	}
	if ring, err = p.dev.RingDrops(); err != nil {
		err = fmt.Errorf("port %d: %w", p.id, err)
	}
	return t, ring, err
}
