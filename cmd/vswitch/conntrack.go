package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func conntrackCommand(a *app) *cobra.Command {
	return tableCommand(a, "conntrack", "Show the connections to and from the world", connectionListing, func(ctx context.Context, s switchAPI, network string) ([]api.Connection, error) {
		all, err := s.Connections(ctx, network)
		slices.SortStableFunc(all, compareConnections)
		return all, err
	},
		by("container", func(c api.Connection) string { return c.Container }),
		by("network", func(c api.Connection) string { return c.Network }),
		by("proto", func(c api.Connection) string { return c.Protocol }),
		by("state", func(c api.Connection) string { return c.State }),
		by("direction", func(c api.Connection) string { return c.Direction }),
		by("path", func(c api.Connection) string { return c.Path }),
	)
}

// compareConnections orders by network, container and ends, so that a connection keeps
// its place from one look to the next.
func compareConnections(x, y api.Connection) int {
	return cmp.Or(natural(x.Network, y.Network), natural(x.Container, y.Container), cmp.Compare(x.Protocol, y.Protocol),
		natural(x.Inside, y.Inside), natural(x.Remote, y.Remote))
}

func connectionListing() listing[api.Connection] {
	name := func(c api.Connection) string { return c.Protocol + " " + c.Inside + " " + c.Remote }
	count := func(of func(api.Connection) uint64) func(api.Connection) string {
		return func(c api.Connection) string { return strconv.FormatUint(of(c), 10) }
	}
	return listing[api.Connection]{
		schema: "conntrack", row: "connection", name: name, id: name, heads: headings[api.Connection](nil),
		columns: []column[api.Connection]{
			{head: "NETWORK", cell: func(c api.Connection) string { return c.Network }, where: wideOnly},
			{head: "CONTAINER", cell: func(c api.Connection) string { return dash(c.Container) }, cut: true},
			{head: "PROTO", cell: func(c api.Connection) string { return c.Protocol }},
			{head: "STATE", cell: func(c api.Connection) string { return c.State }, cut: true},
			{head: "DIR", cell: func(c api.Connection) string { return c.Direction }},
			{head: "INSIDE", cell: func(c api.Connection) string { return c.Inside }, cut: true},
			{head: "REMOTE", cell: func(c api.Connection) string { return c.Remote }, cut: true},
			{head: "OUTSIDE", cell: func(c api.Connection) string { return dash(c.Outside) }, where: wideOnly},
			{head: "PEER", cell: func(c api.Connection) string { return dash(c.Peer) }, where: wideOnly},
			{head: "PATH", cell: func(c api.Connection) string { return c.Path }, where: wideOnly},
			{head: "TX PACKETS", cell: count(func(c api.Connection) uint64 { return c.TxPackets }), where: wideOnly},
			{head: "TX BYTES", cell: count(func(c api.Connection) uint64 { return c.TxBytes }), where: wideOnly},
			{head: "RX PACKETS", cell: count(func(c api.Connection) uint64 { return c.RxPackets }), where: wideOnly},
			{head: "RX BYTES", cell: count(func(c api.Connection) uint64 { return c.RxBytes }), where: wideOnly},
			{head: "IDLE", cell: func(c api.Connection) string { return brief(c.Idle) }, where: wideOnly},
			{head: "TIMEOUT", cell: func(c api.Connection) string { return timeout(c.Timeout) }, where: wideOnly},
		},
	}
}
