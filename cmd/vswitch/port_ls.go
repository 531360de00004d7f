package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func portLsCommand(a *app) *cobra.Command {
	return lsCommand(a, "port", "List the published ports of all containers", portListing, func(ctx context.Context, s switchAPI, network string) ([]api.PublishedPort, error) {
		all, err := s.Ports(ctx, network)
		slices.SortStableFunc(all, comparePublished)
		return all, err
	},
		by("container", func(p api.PublishedPort) string { return p.Container }),
		by("network", func(p api.PublishedPort) string { return p.Network }),
		by("proto", func(p api.PublishedPort) string { return p.Protocol }),
		by("mode", func(p api.PublishedPort) string { return p.Mode }),
	)
}

// comparePublished orders by container and by its port.
func comparePublished(x, y api.PublishedPort) int {
	return cmp.Or(natural(x.Container, y.Container), cmp.Compare(x.Port, y.Port), cmp.Compare(x.Protocol, y.Protocol),
		natural(x.HostIP, y.HostIP), cmp.Compare(x.HostPort, y.HostPort))
}

func portListing() listing[api.PublishedPort] {
	count := func(of func(api.PublishedPort) uint64) func(api.PublishedPort) string {
		return func(p api.PublishedPort) string { return strconv.FormatUint(of(p), 10) }
	}
	return listing[api.PublishedPort]{
		schema: "ports", row: "port", name: publishedSpec, id: publishedSpec, note: portFaults,
		heads: headings[api.PublishedPort](header{"HostIP": "HOST IP"}),
		columns: []column[api.PublishedPort]{
			{head: "CONTAINER", cell: func(p api.PublishedPort) string { return p.Container }, cut: true},
			{head: "NETWORK", cell: func(p api.PublishedPort) string { return p.Network }, cut: true},
			{head: "PROTO", cell: func(p api.PublishedPort) string { return p.Protocol }},
			{head: "HOST", cell: hostEnd, cut: true},
			{head: "CONTAINER PORT", cell: func(p api.PublishedPort) string { return strconv.Itoa(int(p.Port)) }},
			{head: "ADDRESS", cell: func(p api.PublishedPort) string { return p.Address }, where: wideOnly},
			{head: "MODE", cell: func(p api.PublishedPort) string { return p.Mode }, where: wideOnly},
			{head: "ACCEPTED", cell: count(func(p api.PublishedPort) uint64 { return p.Accepted }), where: wideOnly},
			{head: "ACTIVE", cell: count(func(p api.PublishedPort) uint64 { return p.Active }), where: wideOnly},
			{head: "REFUSED", cell: count(func(p api.PublishedPort) uint64 { return p.Refused }), where: wideOnly},
			{head: "NOTE", cell: portNote, where: wideOnly},
		},
	}
}

// hostEnd is where on the host a port is published.
func hostEnd(p api.PublishedPort) string {
	return net.JoinHostPort(p.HostIP, strconv.Itoa(int(p.HostPort)))
}

// publishedSpec names a published port in the form of SPEC.
func publishedSpec(p api.PublishedPort) string {
	return fmt.Sprintf("%s:%d/%s", hostEnd(p), p.Port, p.Protocol)
}

// portNote says what is particular about a port.
func portNote(p api.PublishedPort) string {
	switch {
	case p.Error != "":
		return "see below"
	case p.Activated:
		return "activated by systemd"
	}
	return "-"
}

// portFaults stand below the table: ports that do not work, and why.
func portFaults(all []api.PublishedPort) string {
	var b strings.Builder
	for _, p := range all {
		if p.Error != "" {
			fmt.Fprintf(&b, "\n%s of %s does not work: %s\n", hostEnd(p), oneLine(p.Container), oneLine(p.Error))
		}
	}
	return b.String()
}
