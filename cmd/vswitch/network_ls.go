package main

import (
	"context"
	"slices"
	"strconv"

	"github.com/fvbommel/sortorder"
	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// networkFilters are the keys of network ls --filter.
var networkFilters = []string{"dangling", "driver", "id", "label", "name", "scope", "type"}

func networkLsCommand(a *app) *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List networks",
		Example: `  vswitch network ls --filter type=custom
  vswitch network ls --format 'table {{.Name}}\t{{.Labels}}'`,
		Args: arguments(0),
		RunE: a.asking(func(ctx context.Context, s switchAPI, _ []string) error {
			keep, err := networkFilter(f.filters)
			if err != nil {
				return err
			}
			return list(ctx, a, f, networkListing(f.noTrunc), func(ctx context.Context) ([]api.Network, error) {
				all, err := s.Networks(ctx)
				all = slices.DeleteFunc(all, func(n api.Network) bool { return !keep(n) })
				slices.SortFunc(all, func(x, y api.Network) int { return natural(x.Name, y.Name) })
				return all, err
			})
		}),
	}
	f.add(cmd, networkFilters...)
	return cmd
}

// natural orders names as people do: net2 before net10.
func natural(x, y string) int {
	switch {
	case x == y:
		return 0
	case sortorder.NaturalLess(x, y):
		return -1
	}
	return 1
}

// networkRow is a network as a template sees it; every field is text, as Docker has
// it, and --format json writes them in this order.
type networkRow struct {
	CreatedAt, Driver, ID, IPv4, IPv6, Internal, Labels, Name, Scope string

	labels map[string]string
}

// Label is the value of one label.
func (r networkRow) Label(key string) string { return r.labels[key] }

// shortID is how much of an ID is shown.
const shortID = 12

func cutID(id string, whole bool) string {
	if whole {
		return id
	}
	return truncate(id, shortID)
}

func networkListing(whole bool) listing[api.Network] {
	id := func(n api.Network) string { return cutID(n.ID, whole) }
	name := func(n api.Network) string { return n.Name }
	return listing[api.Network]{
		columns: []column[api.Network]{
			{head: "NETWORK ID", cell: id},
			{head: "NAME", cell: name, cut: true},
			{head: "DRIVER", cell: func(n api.Network) string { return n.Driver }, cut: true},
			{head: "SCOPE", cell: func(n api.Network) string { return n.Scope }},
			{head: "SUBNETS", cell: subnets, where: wideOnly},
			{head: "CONTAINERS", cell: func(n api.Network) string { return strconv.Itoa(len(n.Containers)) }, where: wideOnly},
			{head: "UPLINK", cell: wayOut, where: wideOnly},
		},
		name: name, id: id,
		fields: func(n api.Network) any {
			return networkRow{
				CreatedAt: n.Created.String(), Driver: n.Driver, ID: id(n), IPv4: strconv.FormatBool(n.EnableIPv4),
				IPv6: strconv.FormatBool(n.EnableIPv6), Internal: strconv.FormatBool(n.Internal),
				Labels: labelText(n.Labels), Name: n.Name, Scope: n.Scope, labels: n.Labels,
			}
		},
		heads: headings[networkRow](header{"ID": "NETWORK ID", "IPv4": "IPV4", "IPv6": "IPV6"}),
	}
}

// subnets are a network's, in one cell.
func subnets(n api.Network) string {
	var all []string
	for _, c := range n.IPAM.Config {
		all = append(all, c.Subnet)
	}
	return joined(all)
}

// wayOut is a network's way out, as --uplink takes it; "-" where there is no gateway.
func wayOut(n api.Network) string {
	if n.VSwitch == nil || n.VSwitch.Uplink == nil {
		return "-"
	}
	u := n.VSwitch.Uplink
	if u.Of == "" {
		return u.Kind
	}
	return u.Kind + ":" + u.Of
}

// predefined are the networks that are there from the start.
var predefined = []string{"bridge", "host", "none"}

// networkFilter makes the test of --filter.
func networkFilter(pairs []string) (keep func(api.Network) bool, err error) {
	f, err := parseFilters(pairs, networkFilters...)
	if err != nil {
		return nil, err
	}
	dangling, err := f.boolean("dangling")
	if err != nil {
		return nil, err
	}
	for _, kind := range f["type"] {
		if kind != "custom" && kind != "builtin" {
			return nil, oneOf("--filter", "--filter", "type="+kind, []string{"type=custom", "type=builtin"})
		}
	}
	return func(n api.Network) bool {
		kind := "custom"
		if slices.Contains(predefined, n.Name) {
			kind = "builtin"
		}
		unused := kind == "custom" && len(n.Containers) == 0
		return f.exactly("driver", n.Driver) && f.matches("id", n.ID) && f.labelled(n.Labels) && f.matches("name", n.Name) &&
			f.exactly("scope", n.Scope) && f.exactly("type", kind) && (dangling == nil || *dangling == unused)
	}, nil
}
