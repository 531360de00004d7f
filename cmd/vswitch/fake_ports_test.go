package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"vswitch/internal/api"
)

// The published ports of the fake switch: they are written down and nothing listens.

// fakePorts are the ports of a container.
type fakePorts struct {
	published map[string][]api.PortBinding
	exposed   map[string]struct{}
	// fault is why nothing comes in.
	fault string
}

// webPorts are those of web: one on all addresses, one on loopback, one that is exposed.
func webPorts() fakePorts {
	return fakePorts{
		published: map[string][]api.PortBinding{
			"80/tcp": {{HostIP: "::", HostPort: "8080"}, {HostIP: "0.0.0.0", HostPort: "8080"}},
			"53/udp": {{HostIP: "127.0.0.1", HostPort: "5353"}},
		},
		exposed: map[string]struct{}{"80/tcp": {}, "53/udp": {}, "443/tcp": {}},
	}
}

// rows are the ports as a list of containers has them.
func (p fakePorts) rows() []api.Port {
	rows := []api.Port{}
	number := func(text string) uint16 {
		n, _ := strconv.Atoi(text)
		return uint16(n)
	}
	for port, places := range p.published {
		private, proto, _ := strings.Cut(port, "/")
		for _, b := range places {
			rows = append(rows, api.Port{IP: b.HostIP, PrivatePort: number(private), PublicPort: number(b.HostPort), Type: proto})
		}
	}
	for port := range p.exposed {
		if private, proto, _ := strings.Cut(port, "/"); len(p.published[port]) == 0 {
			rows = append(rows, api.Port{PrivatePort: number(private), Type: proto})
		}
	}
	return rows
}

func withUplink(n api.Network, u api.UplinkState) api.Network {
	n.VSwitch = &api.NetworkExtra{Schema: api.Schema("network"), Pools: []api.PoolUse{}, Uplink: &u}
	return n
}

func (f *fakeSwitch) Publish(_ context.Context, ref string, p api.PortPublish) (api.Ports, error) {
	f.request = p
	c, err := lookUp(f, f.containers, "container", ref)
	if err != nil {
		return api.Ports{}, err
	}
	now := maps.Clone(c.published)
	if now == nil {
		now = map[string][]api.PortBinding{}
	}
	for port, places := range p.PortBindings {
		for _, b := range places {
			if err := refused(ref, port, b); err != nil {
				return api.Ports{}, err
			}
			if b.HostPort == "" {
				b.HostPort = "32768"
			}
			if b.HostIP == "" {
				now[port] = append(now[port], api.PortBinding{HostIP: "0.0.0.0", HostPort: b.HostPort})
				b.HostIP = "::"
			}
			now[port] = append(now[port], b)
		}
	}
	c.published = now
	return api.Ports{Ports: now}, nil
}

// refused are the places on the host that cannot be had.
func refused(ref, port string, b api.PortBinding) error {
	switch {
	case b.HostPort == "8080":
		return api.Errorf(api.PortInUse, nil, "cannot publish port %s of container %q", port, ref).
			Because("Bind for 0.0.0.0:8080 failed: port is already allocated")
	case b.HostPort == "80":
		return api.Errorf(api.PrivilegedPort, syscall.EACCES, "cannot publish port %s of container %q", port, ref)
	case b.HostPort == "7000-7001":
		return api.Errorf(api.PortRangeUsed, nil, "cannot publish port %s of container %q", port, ref)
	case b.HostIP == "203.0.113.9":
		return api.Errorf(api.HostAddressMissing, syscall.EADDRNOTAVAIL, "cannot publish port %s of container %q", port, ref)
	case b.HostPort == "6000":
		return api.Errorf(api.SocketsExhausted, syscall.EMFILE, "cannot publish port %s of container %q", port, ref)
	}
	return nil
}

func (f *fakeSwitch) Unpublish(_ context.Context, ref string, p api.PortUnpublish) (api.Ports, error) {
	f.request = p
	c, err := lookUp(f, f.containers, "container", ref)
	if err != nil {
		return api.Ports{}, err
	}
	left := maps.Clone(c.published)
	for port, places := range p.PortBindings {
		rest := slices.DeleteFunc(slices.Clone(left[port]), func(have api.PortBinding) bool {
			return len(places) == 0 || slices.ContainsFunc(places, func(b api.PortBinding) bool {
				return b.HostPort == have.HostPort && (b.HostIP == "" || b.HostIP == have.HostIP)
			})
		})
		if len(rest) == len(left[port]) {
			return api.Ports{}, api.Errorf(api.NotPublished, nil, "port %s of container %q is not published", port, ref)
		}
		left[port] = rest
		if len(rest) == 0 {
			delete(left, port)
		}
	}
	c.published = left
	return api.Ports{Ports: left}, nil
}

func (f *fakeSwitch) Ports(_ context.Context, network string) ([]api.PublishedPort, error) {
	row := api.PublishedPort{
		Container: "web", Network: "lan", Protocol: "tcp", HostIP: "::", HostPort: 8080, Address: "10.5.0.2", Port: 80, Mode: "source",
		Accepted: 1234, Active: 2, Refused: 1,
	}
	v4, dns := row, row
	v4.HostIP, v4.Mode, v4.Activated = "0.0.0.0", "splice", true
	dns.Protocol, dns.HostIP, dns.HostPort, dns.Port, dns.Accepted, dns.Active, dns.Refused = "udp", "127.0.0.1", 5353, 53, 0, 0, 0
	dns.Error = "not an address of this host"
	return rowsOf(f, network, row, v4, dns)
}

func (f *fakeSwitch) Connections(_ context.Context, network string) ([]api.Connection, error) {
	return rowsOf(f, network,
		api.Connection{
			Network: "lan", Container: "web", Protocol: "tcp", State: "ESTABLISHED", Direction: "in", Path: "socket",
			Inside: "10.5.0.2:80", Remote: "192.0.2.77:51515", Outside: "192.0.2.1:8080", Peer: "192.0.2.77:51515",
			TxPackets: 12, TxBytes: 34567, RxPackets: 9, RxBytes: 890, Idle: 0.25, Timeout: 7200,
		},
		api.Connection{
			Network: "lan", Container: "db", Protocol: "udp", State: "REPLIED", Direction: "out", Path: "nat",
			Inside: "[fd00:5::3]:33333", Remote: "[2001:db8::53]:53", Outside: "[2001:db8::1]:33333", Peer: "[2001:db8::53]:53",
			TxPackets: 1, TxBytes: 60, RxPackets: 1, RxBytes: 120, Idle: 75, Timeout: 180,
		},
		api.Connection{Network: "lan", Protocol: "icmp", State: "UNREPLIED", Direction: "out", Path: "socket", Inside: "10.5.0.3:7", Remote: "192.0.2.9:7", Idle: 12})
}

func (f *fakeSwitch) NATMappings(_ context.Context, network string) ([]api.NATMapping, error) {
	return rowsOf(f, network,
		api.NATMapping{
			Network: "lan", Container: "web", Protocol: "tcp", Inside: "10.5.0.2:80", Outside: "192.0.2.1:8080", Kind: "forward",
			Filtering: "full-cone", Flows: 3,
		},
		api.NATMapping{
			Network: "lan", Container: "db", Protocol: "udp", Inside: "10.5.0.3:33333", Outside: "192.0.2.1:33333", Kind: "dynamic",
			Filtering: "port-restricted", Flows: 1, Timeout: 299.5,
		})
}
