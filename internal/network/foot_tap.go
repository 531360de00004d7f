package network

import (
	"errors"
	"io/fs"
	"net/netip"
	"syscall"

	"vswitch/internal/api"
	"vswitch/internal/frame"
	"vswitch/internal/netnsx"
	"vswitch/internal/tap"
	"vswitch/ipam"
	vswitch "vswitch/switch"
)

// carrierBlock is where the little networks between a TAP of the host and a NAT of ours
// come from: the shared address space that carriers use between their NATs and their
// customers (RFC 6598).
var carrierBlock = netip.MustParsePrefix("100.64.0.0/10")

// tapBits is the length of their prefixes: two addresses, and those of the network and
// of all (IPv6: /126, so that the subnet-router anycast address is left alone).
const tapBits, tapBits6 = 30, 126

// openTap makes a way out through a TAP device in the host's network namespace, or in
// the one that a path names: a switch with two ports, the device and our foot.
func (m *Manager) openTap(s *Segment, n *Network) (*foot, error) {
	subnets, err := m.tapSubnets(&n.rec)
	if err != nil {
		return nil, err
	}
	host, ours := ends(subnets)
	n.rec.Leg = ours
	ns, err := m.tapNamespace(s.opts.uplink.of)
	if err != nil {
		return nil, m.tapError(n, s.opts.uplink.of, err)
	}
	sw := m.fabric.NewSwitch(vswitch.Config{FDBLimit: 16})
	mac := ipam.MACFor(host[0].Addr())
	p, err := m.fabric.Plug(sw, PlugConfig{
		Tap:  tap.Config{NS: ns, Name: tapName(n.rec.ID), MAC: mac, MTU: s.opts.mtu, Addrs: host},
		Port: vswitch.PortConfig{Name: tapName(n.rec.ID)},
		Failed: func(err error) {
			m.cfg.Found(api.Errorf(api.NamespaceGone, err, "the way out of network %q is gone", n.rec.Name))
		},
	})
	if err != nil {
		m.fabric.DropSwitch(sw)
		return nil, m.tapError(n, s.opts.uplink.of, errors.Join(err, ns.Close()))
	}
	s.exit.of = tapName(n.rec.ID)
	return m.stand(s, ground{
		sw: sw, mtu: s.opts.mtu, port: vswitch.PortConfig{Name: "uplink of " + n.rec.Name},
		device: p,
		next:   func(netip.Addr) (frame.MAC, bool) { return mac, true },
		leave: func() error {
			err := errors.Join(p.Unplug(), ns.Close())
			m.fabric.DropSwitch(sw)
			return err
		},
	}, ours)
}

// tapName is the name of a network's device on the host.
func tapName(id string) string { return "vs-" + id[:8] }

// tapNamespace opens the namespace that a TAP goes to; "" is the host's.
func (m *Manager) tapNamespace(path string) (*netnsx.NS, error) {
	if path == "" {
		return netnsx.Current()
	}
	return netnsx.Open(path)
}

func (m *Manager) tapError(n *Network, path string, err error) error {
	code := api.Unexpected
	switch {
	case errors.Is(err, fs.ErrNotExist) && path != "":
		code = api.NamespaceGone
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EPERM):
		code = api.UplinkRights
	}
	return api.Errorf(code, err, "cannot make a TAP device for network %q", n.rec.Name)
}

// tapSubnets chooses the subnets of the network between the host and the NAT: those of
// before, or the first that overlap nothing of the host's and none of ours.
func (m *Manager) tapSubnets(r *Record) ([]netip.Prefix, error) {
	var out []netip.Prefix
	if r.Pool(false) != nil {
		p, err := m.tapSubnet(r)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if r.Pool(true) != nil {
		b := m.own.Addr().As16()
		b[6], b[7] = 0xff, 0xfe
		copy(b[8:], r.ID) // of hex digits: the same after a restart, another for each network
		b[15] = 0
		out = append(out, netip.PrefixFrom(netip.AddrFrom16(b), tapBits6))
	}
	return out, nil
}

func (m *Manager) tapSubnet(r *Record) (netip.Prefix, error) {
	for _, a := range r.Leg {
		if a.Addr().Is4() {
			return a.Masked(), nil
		}
	}
	taken := m.tapTaken()
	base := frame.Addr4(carrierBlock.Addr())
	for at := base; at < base+1<<(32-carrierBlock.Bits()); at += 1 << (32 - tapBits) {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at)}), tapBits)
		if !overlapsAny(p, taken) {
			return p, nil
		}
	}
	return netip.Prefix{}, api.Errorf(api.NoSubnetFree, nil, "no subnet of %v is free for the way out of network %q", carrierBlock, r.Name)
}

// tapTaken are the prefixes that such a subnet must stay away from.
func (m *Manager) tapTaken() []netip.Prefix {
	var out []netip.Prefix
	if m.cfg.HostRoutes != nil {
		for _, r := range m.cfg.HostRoutes() {
			if r.Dst.IsValid() && r.Dst.Bits() > 0 {
				out = append(out, r.Dst)
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.networks {
		for _, p := range n.rec.Pools {
			out = append(out, p.Subnet)
		}
		for _, p := range n.rec.Leg {
			out = append(out, p.Masked())
		}
	}
	return out
}

func overlapsAny(p netip.Prefix, all []netip.Prefix) bool {
	for _, o := range all {
		if o.Overlaps(p) {
			return true
		}
	}
	return false
}

// ends are the two ends of each subnet: the host's first.
func ends(subnets []netip.Prefix) (host, ours []netip.Prefix) {
	for _, p := range subnets {
		first := p.Addr().Next()
		host = append(host, netip.PrefixFrom(first, p.Bits()))
		ours = append(ours, netip.PrefixFrom(first.Next(), p.Bits()))
	}
	return host, ours
}
