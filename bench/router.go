package bench

import (
	"context"
	"errors"
	"net/netip"

	"vswitch/internal/netnsx"
)

// Router is the kernel as a router between two stations: a namespace that forwards,
// with a veth pair to each of them.
type Router struct {
	name  string
	hub   *space
	ends  []space
	sides []Station
}

// NewRouter returns a runner with the name; see NewKernel for the rights.
func NewRouter(name string) *Router { return &Router{name: name} }

// Name implements Runner.
func (r *Router) Name() string { return r.name }

// Start implements Runner.
func (r *Router) Start(context.Context) ([]Station, error) {
	if err := r.build(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r.sides, nil
}

func (r *Router) build() error {
	hub, err := newSpace()
	if err != nil {
		return err
	}
	r.hub = &hub
	if err := hub.ns.SetSysctl("net.ipv4.ip_forward", "1"); err != nil {
		return err
	}
	for i := range 2 {
		end, err := newSpace()
		if err != nil {
			return err
		}
		r.ends = append(r.ends, end)
		if err := r.plug(i, end); err != nil {
			return err
		}
	}
	return nil
}

// plug joins station number i, 10.204.i.2, to the router, 10.204.i.1.
func (r *Router) plug(i int, end space) error {
	at := func(host byte) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 204, byte(i), host}), 24)
	}
	err := netnsx.MakeVeth(netnsx.End{NS: r.hub.ns, Name: portName(i)}, netnsx.End{NS: end.ns, Name: stationLink}, 0)
	if err != nil {
		return err
	}
	r.sides = append(r.sides, NewStation(portName(i), end.ns, at(2).Addr(), netip.Addr{}))
	return errors.Join(
		r.hub.nl.AddAddr(portName(i), at(1)), r.hub.nl.Up(portName(i)),
		end.nl.AddAddr(stationLink, at(2)), end.nl.Up(stationLink), end.nl.AddDefault(stationLink, at(1).Addr()),
	)
}

// Counters implements Runner: what the router received.
func (r *Router) Counters() (Counters, error) {
	c := Counters{Source: "received by the router's veth ends"}
	for i := range r.ends {
		if err := c.addLink(r.hub.nl, portName(i)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Close implements Runner.
func (r *Router) Close() error {
	var err error
	for _, e := range r.ends {
		err = errors.Join(err, e.close())
	}
	r.ends, r.sides = nil, nil
	if r.hub != nil {
		err = errors.Join(err, r.hub.close())
		r.hub = nil
	}
	return err
}
