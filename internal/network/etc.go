package network

import (
	"net/netip"
	"slices"
	"strings"

	"vswitch/internal/sandbox"
)

// embedded is where Docker's DNS answers inside a container.
var embedded = netip.MustParseAddr("127.0.0.11")

// hosts are the lines of /etc/hosts: the user's, and each of the container's
// addresses with its host name.
func (m *Manager) hosts(b *box) []sandbox.Host {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []sandbox.Host
	extra, _ := b.rec.extraHosts() // read before, when the container was made
	for _, h := range extra {
		out = append(out, sandbox.Host{Addr: h.addr, Names: []string{h.name}})
	}
	for i := range b.rec.Endpoints {
		for _, p := range b.rec.Endpoints[i].addrs() {
			out = append(out, sandbox.Host{Addr: p.Addr(), Names: []string{b.rec.Hostname}})
		}
	}
	return out
}

// resolv is /etc/resolv.conf: the embedded server on networks of the user's, on the
// default bridge its gateway, on the host's network the host's own servers.
func (m *Manager) resolv(b *box) sandbox.Resolv {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := sandbox.Resolv{Search: b.rec.DNSSearch, Options: b.rec.DNSOptions}
	if len(r.Search) == 0 && m.cfg.Search != nil {
		r.Search = m.cfg.Search()
	}
	view, mode := m.viewOf(b)
	switch {
	case view.Names:
		r.Servers = []netip.Addr{embedded}
		if !slices.ContainsFunc(r.Options, func(o string) bool { return strings.HasPrefix(o, "ndots:") }) {
			r.Options = append(slices.Clone(r.Options), "ndots:0")
		}
	case mode == "host":
		r.Servers = m.hostServers()
	default:
		r.Servers = m.gatewaysOf(b)
	}
	if len(b.rec.DNS) > 0 && !view.Names {
		r.Servers = b.rec.DNS
	}
	return r
}

func (m *Manager) hostServers() []netip.Addr {
	var out []netip.Addr
	if m.cfg.Upstreams != nil {
		for _, a := range m.cfg.Upstreams() {
			out = append(out, a.Addr())
		}
	}
	return out
}

// gatewaysOf are the gateways of a container's networks. The caller holds mu.
func (m *Manager) gatewaysOf(b *box) []netip.Addr {
	var out []netip.Addr
	for _, e := range b.rec.Endpoints {
		if n := m.networks[e.Network]; n != nil && n.seg != nil {
			for _, g := range n.seg.addrs() {
				out = append(out, g.Addr())
			}
		}
	}
	return out
}
