package network

import (
	"errors"
	"fmt"
	"sync"

	"vswitch/internal/engine"
	"vswitch/internal/uplink/socket"
	"vswitch/portfwd"
)

// carrier gives sockets of published ports to the worker that reads the container's
// device: its connections live where its frames come by.
type carrier struct {
	m *Manager

	mu   sync.Mutex
	open map[*portfwd.Binding]berth
}

// berth is where a published port is served.
type berth struct {
	way    *way
	worker int
	id     uint32
}

var errNoWay = errors.New("the container's network has no way out by sockets")

// Open implements portfwd.Carrier.
func (c *carrier) Open(b *portfwd.Binding) error {
	w, worker, p, err := c.place(b)
	if err != nil {
		return err
	}
	at := berth{way: w, worker: worker}
	err = w.on(worker, func(x *engine.Exchange, s *socket.Shard) (err error) {
		at.id, err = s.Open(x, p)
		return err
	})
	if err != nil {
		return fmt.Errorf("serve %v: %w", b.Host, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[b] = at
	return nil
}

// place finds the worker of the container that a port belongs to.
func (c *carrier) place(b *portfwd.Binding) (w *way, worker int, p socket.Port, err error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	box := c.m.containers[b.Owner]
	if box == nil || box.published.net == nil {
		return nil, 0, p, errNoWay
	}
	exit, plug := &box.published.net.seg.exit, box.plugs[box.published.endpoint]
	if exit.net == nil || plug == nil {
		return nil, 0, p, errNoWay
	}
	worker, ok := c.m.fabric.engine.Owner(plug.id)
	if !ok {
		return nil, 0, p, errNoWay
	}
	return exit.way, worker, socket.Port{
		UDP: b.Proto == portfwd.UDP, FD: b.FD, Host: b.Host, Inside: b.Target, Net: exit.net,
	}, nil
}

// Close implements portfwd.Carrier.
func (c *carrier) Close(b *portfwd.Binding) {
	c.mu.Lock()
	at, ok := c.open[b]
	delete(c.open, b)
	c.mu.Unlock()
	if ok {
		_ = at.way.on(at.worker, func(x *engine.Exchange, s *socket.Shard) error { // fails when the engine has ended
			s.Shut(x, at.id)
			return nil
		})
	}
}

// counts are the clients that a published port has had.
func (c *carrier) counts(b *portfwd.Binding) (n socket.PortCounts) {
	c.mu.Lock()
	at, ok := c.open[b]
	c.mu.Unlock()
	if ok {
		_ = at.way.on(at.worker, func(_ *engine.Exchange, s *socket.Shard) error {
			n = s.PortCounts(at.id)
			return nil
		})
	}
	return n
}
