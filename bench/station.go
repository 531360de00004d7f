package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"

	"vswitch/internal/netnsx"
)

// NewStation returns a station whose programs run in the namespace. The caller
// keeps the namespace open for as long as the station is used, and closes it.
func NewStation(name string, ns *netnsx.NS, addr4, addr6 netip.Addr) Station {
	return Station{
		Name: name, Addr4: addr4, Addr6: addr6,
		Start:     func(cmd *exec.Cmd) error { return ns.Do(cmd.Start) },
		SetSysctl: ns.SetSysctl,
	}
}

// stationLink is the device of a station, by which it is attached.
const stationLink = "eth0"

// space is an open namespace.
type space struct {
	ns *netnsx.NS
	nl *netnsx.Handle
}

func newSpace() (space, error) {
	ns, err := netnsx.New()
	if err != nil {
		return space{}, err
	}
	nl, err := ns.Netlink()
	if err != nil {
		return space{}, errors.Join(err, ns.Close())
	}
	return space{ns, nl}, nil
}

func (s space) close() error {
	s.nl.Close()
	return s.ns.Close()
}

// cell is a station's namespace while a site is up.
type cell struct {
	space
	station Station
}

// newCell makes a namespace for station number i: 10.203.0.i+1 and fd00:203::i+1.
func newCell(i int) (*cell, error) {
	s, err := newSpace()
	if err != nil {
		return nil, err
	}
	a4 := netip.AddrFrom4([4]byte{10, 203, 0, byte(i + 1)})
	a6 := netip.AddrFrom16([16]byte{0: 0xfd, 2: 0x02, 3: 0x03, 15: byte(i + 1)})
	return &cell{s, NewStation(fmt.Sprintf("station%d", i+1), s.ns, a4, a6)}, nil
}

// prefixes returns the station's addresses with the lengths of their subnets.
func (c *cell) prefixes() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(c.station.Addr4, 24), netip.PrefixFrom(c.station.Addr6, 64)}
}

// activate gives the station's device its addresses and sets it up.
func (c *cell) activate() error {
	var err error
	for _, p := range c.prefixes() {
		err = errors.Join(err, c.nl.AddAddr(stationLink, p, netnsx.NoDAD))
	}
	return errors.Join(err, c.nl.Up(stationLink))
}

// cells is how the runners of this package keep their namespaces.
type cells []*cell

// add makes n more cells.
func (cs *cells) add(n int) error {
	for range n {
		c, err := newCell(len(*cs))
		if err != nil {
			return err
		}
		*cs = append(*cs, c)
	}
	return nil
}

func (cs cells) activate() error {
	var err error
	for _, c := range cs {
		err = errors.Join(err, c.activate())
	}
	return err
}

func (cs cells) stations() []Station {
	st := make([]Station, len(cs))
	for i, c := range cs {
		st[i] = c.station
	}
	return st
}

// close ends all namespaces, and with them the devices inside.
func (cs *cells) close() error {
	var err error
	for _, c := range *cs {
		err = errors.Join(err, c.close())
	}
	*cs = nil
	return err
}
