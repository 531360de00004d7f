package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func natCommand(a *app) *cobra.Command {
	return tableCommand(a, "nat", "Show which end outside stands for which inside", natListing, func(ctx context.Context, s switchAPI, network string) ([]api.NATMapping, error) {
		all, err := s.NATMappings(ctx, network)
		slices.SortStableFunc(all, compareMappings)
		return all, err
	},
		by("container", func(m api.NATMapping) string { return m.Container }),
		by("network", func(m api.NATMapping) string { return m.Network }),
		by("proto", func(m api.NATMapping) string { return m.Protocol }),
		by("kind", func(m api.NATMapping) string { return m.Kind }),
		by("filtering", func(m api.NATMapping) string { return m.Filtering }),
	)
}

// compareMappings orders by network, container and the end inside.
func compareMappings(x, y api.NATMapping) int {
	return cmp.Or(natural(x.Network, y.Network), natural(x.Container, y.Container), cmp.Compare(x.Protocol, y.Protocol),
		natural(x.Inside, y.Inside), natural(x.Outside, y.Outside))
}

func natListing() listing[api.NATMapping] {
	name := func(m api.NATMapping) string { return m.Protocol + " " + m.Outside }
	return listing[api.NATMapping]{
		schema: "nat", row: "mapping", name: name, id: name, heads: headings[api.NATMapping](nil),
		columns: []column[api.NATMapping]{
			{head: "NETWORK", cell: func(m api.NATMapping) string { return m.Network }, where: wideOnly},
			{head: "CONTAINER", cell: func(m api.NATMapping) string { return dash(m.Container) }, cut: true},
			{head: "PROTO", cell: func(m api.NATMapping) string { return m.Protocol }},
			{head: "INSIDE", cell: func(m api.NATMapping) string { return m.Inside }, cut: true},
			{head: "OUTSIDE", cell: func(m api.NATMapping) string { return m.Outside }, cut: true},
			{head: "KIND", cell: func(m api.NATMapping) string { return m.Kind }},
			{head: "FLOWS", cell: func(m api.NATMapping) string { return strconv.Itoa(m.Flows) }},
			{head: "FILTERING", cell: func(m api.NATMapping) string { return dash(m.Filtering) }, where: wideOnly},
			{head: "TIMEOUT", cell: func(m api.NATMapping) string { return timeout(m.Timeout) }, where: wideOnly},
		},
	}
}

// timeout is a number of seconds, shortly; "-" for one that never ends.
func timeout(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return brief(seconds)
}

// brief is a number of seconds in two figures or so: 0.2s, 12s, 3m, 5h.
func brief(seconds float64) string {
	if seconds < 10 {
		return fmt.Sprintf("%.2gs", max(seconds, 0))
	}
	return short(time.Duration(seconds * float64(time.Second)))
}
