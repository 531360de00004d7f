package bench

import (
	"context"
	"errors"
	"fmt"

	"vswitch/internal/netnsx"
)

// Kernel is the reference: the kernel's own bridge in a namespace of its own,
// with a veth pair to each of two stations.
type Kernel struct {
	name string
	cells
	hub *space
}

// NewKernel returns a runner with the name. It needs the right to make network
// namespaces: root's, or that of a user namespace of its own.
func NewKernel(name string) *Kernel { return &Kernel{name: name} }

const hubBridge = "br0"

// Name implements Runner.
func (k *Kernel) Name() string { return k.name }

// Start implements Runner.
func (k *Kernel) Start(context.Context) ([]Station, error) {
	if err := errors.Join(k.add(2), k.build()); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k.stations(), nil
}

func (k *Kernel) build() error {
	hub, err := newSpace()
	if err != nil {
		return err
	}
	k.hub = &hub
	if err := k.hub.nl.MakeBridge(hubBridge); err != nil {
		return err
	}
	for i, c := range k.cells {
		if err := k.plug(portName(i), c); err != nil {
			return err
		}
	}
	return errors.Join(k.hub.nl.Up(hubBridge), k.activate())
}

func portName(i int) string { return fmt.Sprintf("port%d", i+1) }

// plug joins a station to the bridge.
func (k *Kernel) plug(port string, c *cell) error {
	hub, station := netnsx.End{NS: k.hub.ns, Name: port}, netnsx.End{NS: c.ns, Name: stationLink}
	if err := netnsx.MakeVeth(hub, station, 0); err != nil {
		return err
	}
	return errors.Join(k.hub.nl.Enslave(port, hubBridge), k.hub.nl.Up(port))
}

// Counters implements Runner: what the bridge's ports received from the stations.
func (k *Kernel) Counters() (Counters, error) {
	c := Counters{Source: "received by the bridge's veth ports"}
	for i := range k.cells {
		if err := c.addLink(k.hub.nl, portName(i)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// addLink adds what a link received, and what it lost either way.
func (c *Counters) addLink(nl *netnsx.Handle, name string) error {
	l, err := nl.Link(name)
	if err != nil {
		return err
	}
	c.Frames += l.Stats.RxPackets
	c.Bytes += l.Stats.RxBytes
	c.Drops += l.Stats.RxDropped + l.Stats.TxDropped
	return nil
}

// Close implements Runner.
func (k *Kernel) Close() error {
	err := k.cells.close()
	if k.hub != nil {
		err = errors.Join(err, k.hub.close())
		k.hub = nil
	}
	return err
}

// Plain is two stations on the two ends of one veth pair: nothing is under test.
// It shows what the generators and the two network stacks can do.
type Plain struct {
	name string
	cells
}

// NewPlain returns a runner with the name; see NewKernel for the rights.
func NewPlain(name string) *Plain { return &Plain{name: name} }

// Name implements Runner.
func (p *Plain) Name() string { return p.name }

// Start implements Runner.
func (p *Plain) Start(context.Context) ([]Station, error) {
	err := p.add(2)
	if err == nil {
		err = netnsx.MakeVeth(netnsx.End{NS: p.cells[0].ns, Name: stationLink}, netnsx.End{NS: p.cells[1].ns, Name: stationLink}, 0)
	}
	if err = errors.Join(err, p.activate()); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p.stations(), nil
}

// Counters implements Runner: what the two ends received.
func (p *Plain) Counters() (Counters, error) {
	c := Counters{Source: "received by both veth ends"}
	for _, cell := range p.cells {
		if err := c.addLink(cell.nl, stationLink); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Close implements Runner.
func (p *Plain) Close() error { return p.cells.close() }
