package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// The tables of the switch: what it knows now. Each is a noun with the verb ls, of
// one network or of all.

// tableCommand makes a noun whose one verb is ls.
func tableCommand[T any](a *app, noun, short string, l func() listing[T], get getter[T], filters ...rowFilter[T]) *cobra.Command {
	cmd := group(&cobra.Command{Use: noun, Short: short})
	cmd.AddCommand(lsCommand(a, noun, short, l, get, filters...))
	return cmd
}

// getter asks the switch for the rows of a network, or of all.
type getter[T any] = func(ctx context.Context, s switchAPI, network string) ([]T, error)

// lsCommand makes `NOUN ls [NETWORK]`. Without filters it has no --filter.
func lsCommand[T any](a *app, noun, short string, l func() listing[T], get getter[T], filters ...rowFilter[T]) *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{
		Use:               "ls [NETWORK]",
		Aliases:           []string{"list"},
		Short:             short,
		Example:           fmt.Sprintf("  vswitch %s ls\n  vswitch %s ls lan -o json", noun, noun),
		Args:              arguments(0, "the network's name"),
		ValidArgsFunction: a.completeNetworks(1),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			network := ""
			if len(args) > 0 {
				network = args[0]
			}
			keep, err := rowTest(f.filters, filters)
			if err != nil {
				return err
			}
			return list(ctx, a, f, l(), func(ctx context.Context) ([]T, error) {
				rows, err := get(ctx, s, network)
				return slices.DeleteFunc(rows, func(row T) bool { return !keep(row) }), err
			})
		}),
	}
	f.add(cmd, filterKeys(filters)...)
	return cmd
}

func fdbCommand(a *app) *cobra.Command {
	mac := func(s api.Station) string { return s.MAC }
	return tableCommand(a, "fdb", "Show which station is behind which port", func() listing[api.Station] {
		return listing[api.Station]{
			schema: "fdb", row: "station", name: mac, id: mac, heads: headings[api.Station](nil),
			columns: []column[api.Station]{
				{head: "NETWORK", cell: func(s api.Station) string { return s.Network }, cut: true},
				{head: "MAC", cell: mac},
				{head: "VLAN", cell: func(s api.Station) string { return numberOr(s.VLAN, "-") }},
				{head: "PORT", cell: func(s api.Station) string { return strconv.Itoa(s.Port) }},
				{head: "CONTAINER", cell: func(s api.Station) string { return dash(s.Container) }, cut: true},
				{head: "AGE", cell: stationAge},
			},
		}
	}, func(ctx context.Context, s switchAPI, network string) ([]api.Station, error) {
		return s.FDB(ctx, network)
	})
}

func stationAge(s api.Station) string {
	if s.Static {
		return "static"
	}
	return strconv.Itoa(s.Age) + "s"
}

func neighCommand(a *app) *cobra.Command {
	address := func(n api.Neighbour) string { return n.Address }
	return tableCommand(a, "neigh", "Show which addresses the gateways answer for", func() listing[api.Neighbour] {
		return listing[api.Neighbour]{
			schema: "neigh", row: "neighbour", name: address, id: address, heads: headings[api.Neighbour](nil),
			columns: []column[api.Neighbour]{
				{head: "NETWORK", cell: func(n api.Neighbour) string { return n.Network }, cut: true},
				{head: "ADDRESS", cell: address},
				{head: "MAC", cell: func(n api.Neighbour) string { return n.MAC }},
				{head: "CONTAINER", cell: func(n api.Neighbour) string { return dash(n.Container) }, cut: true},
				{head: "ORIGIN", cell: func(n api.Neighbour) string { return n.Origin }},
			},
		}
	}, func(ctx context.Context, s switchAPI, network string) ([]api.Neighbour, error) {
		return s.Neighbours(ctx, network)
	})
}

func leaseCommand(a *app) *cobra.Command {
	address := func(l api.Lease) string { return l.Address }
	return tableCommand(a, "lease", "Show which addresses were given by DHCP", func() listing[api.Lease] {
		return listing[api.Lease]{
			schema: "lease", row: "lease", name: address, id: address, heads: headings[api.Lease](nil),
			columns: []column[api.Lease]{
				{head: "NETWORK", cell: func(l api.Lease) string { return l.Network }, cut: true},
				{head: "ADDRESS", cell: address},
				{head: "MAC", cell: func(l api.Lease) string { return l.MAC }},
				{head: "CONTAINER", cell: func(l api.Lease) string { return dash(l.Container) }, cut: true},
				{head: "STATE", cell: func(l api.Lease) string { return l.State }},
				{head: "EXPIRES", cell: leaseLeft(a.now)},
				{head: "HOSTNAME", cell: func(l api.Lease) string { return dash(l.Hostname) }, where: wideOnly},
				{head: "CLIENT ID", cell: func(l api.Lease) string { return dash(l.ClientID) }, where: wideOnly},
			},
		}
	}, func(ctx context.Context, s switchAPI, network string) ([]api.Lease, error) {
		return s.Leases(ctx, network)
	})
}

// leaseLeft is how long a lease still lasts.
func leaseLeft(now func() time.Time) func(api.Lease) string {
	return func(l api.Lease) string { return until(now(), l.Expires) }
}

func dnsCommand(a *app) *cobra.Command {
	name := func(n api.Name) string { return n.Name }
	return tableCommand(a, "dns", "Show which names the networks answer with", func() listing[api.Name] {
		return listing[api.Name]{
			schema: "dns", row: "name", name: name, id: name, heads: headings[api.Name](nil),
			columns: []column[api.Name]{
				{head: "NETWORK", cell: func(n api.Name) string { return n.Network }, cut: true},
				{head: "NAME", cell: name, cut: true},
				{head: "CONTAINER", cell: func(n api.Name) string { return dash(n.Container) }, cut: true},
				{head: "ADDRESSES", cell: func(n api.Name) string { return joined(n.Addresses) }, cut: true},
			},
		}
	}, func(ctx context.Context, s switchAPI, network string) ([]api.Name, error) {
		return s.Names(ctx, network)
	})
}

func routeCommand(a *app) *cobra.Command {
	dst := func(r api.Route) string { return r.Dst }
	return tableCommand(a, "route", "Show the routes of gateways and containers", func() listing[api.Route] {
		return listing[api.Route]{
			schema: "route", row: "route", name: dst, id: dst, heads: headings[api.Route](header{"Dst": "DESTINATION"}),
			columns: []column[api.Route]{
				{head: "OF", cell: func(r api.Route) string { return r.Of }, cut: true},
				{head: "KIND", cell: func(r api.Route) string { return r.Kind }},
				{head: "DESTINATION", cell: dst},
				{head: "GATEWAY", cell: func(r api.Route) string { return dash(r.Gateway) }},
				{head: "DEVICE", cell: func(r api.Route) string { return dash(r.Device) }, cut: true},
				{head: "NOTE", cell: func(r api.Route) string { return dash(r.Note) }, cut: true},
			},
		}
	}, func(ctx context.Context, s switchAPI, network string) ([]api.Route, error) {
		return s.Routes(ctx, network)
	})
}

// dash stands for what is not there.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// numberOr is n, or a word for none.
func numberOr(n int, none string) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n)
}
