package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"vswitch/bench"
	"vswitch/internal/daemon"
	"vswitch/internal/frame"
)

// site is this program's own switch with two containers: what demo shows and what
// bench measures against others.
type site struct {
	name    string
	cfg     daemon.Config
	node    *daemon.Node
	members []*daemon.Member
	// keep is set when the maker closes the node, and not bench.
	keep bool
}

// siteNames are the containers; their addresses are documentation's own (RFC
// 5737) and a unique local prefix, and mean nothing outside the namespaces.
var siteNames = []string{"alice", "bob"}

func siteAddr(i int) (v4, v6 netip.Prefix) {
	a4 := netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
	a6 := netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x76, 2: 0x73, 15: byte(i + 1)})
	return netip.PrefixFrom(a4, 24), netip.PrefixFrom(a6, 64)
}

// open starts the switch and joins the containers.
func (s *site) open() (err error) {
	if s.node, err = daemon.New(s.cfg); err != nil {
		return err
	}
	for i, name := range siteNames {
		v4, v6 := siteAddr(i)
		m, err := s.node.Join(daemon.MemberConfig{Name: name, Addrs: []netip.Prefix{v4, v6}})
		if err != nil {
			err = errors.Join(err, s.node.Close())
			s.node, s.members = nil, nil
			return err
		}
		s.members = append(s.members, m)
	}
	return nil
}

// Name implements bench.Runner.
func (s *site) Name() string { return s.name }

// Start implements bench.Runner.
func (s *site) Start(context.Context) ([]bench.Station, error) {
	if s.node == nil {
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	var out []bench.Station
	for i, m := range s.members {
		v4, v6 := siteAddr(i)
		out = append(out, bench.NewStation(m.Name(), m.Sandbox().NetNS(), v4.Addr(), v6.Addr()))
	}
	return out, nil
}

// Counters implements bench.Runner.
func (s *site) Counters() (bench.Counters, error) {
	t := s.node.Totals()
	c := bench.Counters{Source: "the switch's own ledger", Frames: t.RxFrames, Bytes: t.RxBytes, Drops: t.Dropped()}
	for _, m := range s.members {
		_, ring, err := m.Totals()
		if err != nil {
			return c, fmt.Errorf("counters of %s: %w", m.Name(), err)
		}
		c.Drops += ring
	}
	return c, nil
}

// Close implements bench.Runner.
func (s *site) Close() error {
	if s.keep || s.node == nil {
		return nil
	}
	node := s.node
	s.node, s.members = nil, nil
	return node.Close()
}

// settle waits until frames that are under way have arrived: the totals stand
// still for a moment and add up. It gives up after a second.
func (s *site) settle() frame.Totals {
	t := s.node.Totals()
	for range 20 {
		time.Sleep(50 * time.Millisecond)
		next := s.node.Totals()
		if next == t && next.Balanced() {
			break
		}
		t = next
	}
	return t
}
