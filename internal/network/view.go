package network

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"vswitch/internal/dns"
)

// viewOf says what names a container may ask for, and the mode of its network. The
// caller holds mu.
func (m *Manager) viewOf(b *box) (v dns.View, mode string) {
	v.Asker, v.Internal = b.rec.ID, true
	for _, o := range b.rec.DNSOptions {
		v.NDotsSet = v.NDotsSet || strings.HasPrefix(o, "ndots:")
	}
	for _, e := range b.rec.Endpoints {
		n := m.networks[e.Network]
		if n == nil {
			continue
		}
		if !n.driver.Addressed() {
			mode = n.rec.Name
			continue
		}
		v.Networks = append(v.Networks, n.rec.ID)
		v.Names = v.Names || !n.rec.Predefined
		v.Internal = v.Internal && n.rec.Internal
		if n.seg != nil && len(v.Host) == 0 {
			v.Host = n.seg.exit.hostAddrs()
		}
	}
	for _, a := range b.rec.DNS {
		v.Upstreams = append(v.Upstreams, netip.AddrPortFrom(a, 53))
	}
	if len(v.Upstreams) > 0 {
		v.Dial = m.dialler(b)
	}
	return v, mode
}

// dialler reaches the name servers that a container was given: one on its own
// networks from inside the container, any other as the host does. The caller holds
// mu.
func (m *Manager) dialler(b *box) dns.DialFunc {
	var near []netip.Prefix
	for _, e := range b.rec.Endpoints {
		if n := m.networks[e.Network]; n != nil {
			for _, p := range n.rec.Pools {
				near = append(near, p.Subnet)
			}
		}
	}
	ns := b.ns
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		dial := func() error {
			conn, err = new(net.Dialer).DialContext(ctx, network, address)
			return err
		}
		at, _ := netip.ParseAddrPort(address)
		if ns != nil && slices.ContainsFunc(near, func(p netip.Prefix) bool { return p.Contains(at.Addr()) }) {
			err = ns.Do(dial)
			return conn, err
		}
		err = dial()
		return conn, err
	}
}

// dnsRecord is what DNS knows about an endpoint.
func (c *Container) dnsRecord(e *Endpoint, n *Record) dns.Record {
	r := dns.Record{Network: n.ID, NetworkName: n.Name, Endpoint: e.ID, Names: c.names(e)}
	for _, p := range e.addrs() {
		r.Addrs = append(r.Addrs, p.Addr())
	}
	return r
}
