package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"vswitch/internal/netnsx"
)

// Addresses of a private host (RFC 5737, section 3: TEST-NET-2) and of what is
// behind it. From the host to hostAddr a packet takes the loopback device, as to any
// address of its own.
var (
	hostAddr    = netip.AddrFrom4([4]byte{198, 51, 100, 1})
	guestAddr   = netip.AddrFrom4([4]byte{198, 51, 100, 2})
	hostGateway = netip.AddrFrom4([4]byte{198, 51, 100, 254})
	loopAddr    = netip.AddrFrom4([4]byte{127, 0, 0, 1})
)

// publishedPort is where servers listen, and where they are published.
const publishedPort = 5201

// The uplink of a private host is a veth pair whose other end is in the same
// namespace: nothing is to leave by it. It is there for programs that look for a
// default route.
const (
	hostLink  = "up0"
	hostOther = "up1"
	loopLink  = "lo"
)

// wayHost is a network namespace that plays the host: it has an address that is not
// loopback, and a default route.
type wayHost struct {
	space
	// station runs programs on the host.
	station Station
}

func newWayHost(name string) (*wayHost, error) {
	s, err := newSpace()
	if err != nil {
		return nil, err
	}
	h := &wayHost{s, NewStation(name, s.ns, hostAddr, netip.Addr{})}
	if err := h.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("bench: make a host of its own: %w", err), h.close())
	}
	return h, nil
}

func (h *wayHost) build() error {
	err := netnsx.MakeVeth(netnsx.End{NS: h.ns, Name: hostLink}, netnsx.End{NS: h.ns, Name: hostOther}, 0)
	if err != nil {
		return err
	}
	return errors.Join(
		h.nl.Up(hostOther), h.nl.Up(hostLink),
		h.nl.AddAddr(hostLink, netip.PrefixFrom(hostAddr, 24)),
		h.nl.AddDefault(hostLink, hostGateway),
		h.ns.SetSysctl("net.ipv4.ping_group_range", "0 0"),
	)
}

// loops counts what crossed the host's loopback device.
func (h *wayHost) loops() (Counters, error) {
	c := Counters{Source: "received by the host's loopback device"}
	return c, c.addLink(h.nl, loopLink)
}

// Loopback is the reference for the ways out and in: two programs on one host.
type Loopback struct {
	name string
	host *wayHost
}

// NewLoopback returns a runner with the name; see NewKernel for the rights.
func NewLoopback(name string) *Loopback { return &Loopback{name: name} }

// Name implements Runner.
func (l *Loopback) Name() string { return l.name }

// Start implements Runner.
func (l *Loopback) Start(context.Context) ([]Station, error) {
	h, err := newWayHost(l.name)
	if err != nil {
		return nil, err
	}
	l.host = h
	return []Station{h.station, h.station}, nil
}

// Counters implements Runner.
func (l *Loopback) Counters() (Counters, error) { return l.host.loops() }

// Close implements Runner.
func (l *Loopback) Close() error {
	if l.host == nil {
		return nil
	}
	err := l.host.close()
	l.host = nil
	return err
}
