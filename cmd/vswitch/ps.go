package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// containerFilters are the keys of ps --filter.
var containerFilters = []string{"expose", "id", "label", "name", "network", "publish", "status"}

func psCommand(a *app) *cobra.Command {
	f := &listFlags{}
	var all bool
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List containers",
		Long: `ps lists the running containers, or all with -a, the newest first. The table
fits 80 columns; -o wide has Docker's columns and more.`,
		Example: `  vswitch ps -a --filter network=lan
  vswitch ps --format '{{.Names}}: {{.Status}}'`,
		Args: arguments(0),
		RunE: a.asking(func(ctx context.Context, s switchAPI, _ []string) error {
			keep, filtered, err := containerFilter(f.filters)
			if err != nil {
				return err
			}
			return list(ctx, a, f, containerListing(a.now(), f.noTrunc), func(ctx context.Context) ([]api.ContainerSummary, error) {
				found, err := s.Containers(ctx, all || filtered)
				found = slices.DeleteFunc(found, func(c api.ContainerSummary) bool { return !keep(c) })
				slices.SortStableFunc(found, newestFirst)
				return found, err
			})
		}),
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also those that do not run")
	f.add(cmd, containerFilters...)
	return cmd
}

// newestFirst orders by the second; within one the switch's own order stays, which
// knows better.
func newestFirst(x, y api.ContainerSummary) int { return cmp.Compare(y.Created, x.Created) }

// containerName is a container's name without Docker's slash.
func containerName(c api.ContainerSummary) string {
	if len(c.Names) == 0 {
		return cutID(c.ID, false)
	}
	return strings.TrimPrefix(c.Names[0], "/")
}

// containerRow is a container as a template sees it; see networkRow.
type containerRow struct {
	Addresses, Command, CreatedAt, ID, Labels, Names, Networks, Ports, RunningFor, State, Status string

	labels map[string]string
}

// Label is the value of one label.
func (r containerRow) Label(key string) string { return r.labels[key] }

func containerListing(now time.Time, whole bool) listing[api.ContainerSummary] {
	row := func(c api.ContainerSummary) containerRow { return containerFields(c, now, whole) }
	cell := func(f func(containerRow) string) func(api.ContainerSummary) string {
		return func(c api.ContainerSummary) string { return f(row(c)) }
	}
	id, name := cell(func(r containerRow) string { return r.ID }), cell(func(r containerRow) string { return r.Names })
	command, status := cell(func(r containerRow) string { return r.Command }), cell(func(r containerRow) string { return r.Status })
	networks := cell(func(r containerRow) string { return r.Networks })
	return listing[api.ContainerSummary]{
		columns: []column[api.ContainerSummary]{
			{head: "CONTAINER ID", cell: id},
			{head: "NAME", cell: name, cut: true, where: narrowOnly},
			{head: "NETWORKS", cell: networks, cut: true, where: narrowOnly},
			{head: "ADDRESS", cell: firstAddress, cut: true, where: narrowOnly},
			{head: "STATUS", cell: status, cut: true, where: narrowOnly},
			{head: "COMMAND", cell: command, cut: true},
			{head: "CREATED", cell: cell(func(r containerRow) string { return r.RunningFor }), where: wideOnly},
			{head: "STATUS", cell: status, where: wideOnly},
			{head: "PORTS", cell: cell(func(r containerRow) string { return r.Ports }), where: wideOnly},
			{head: "NAMES", cell: name, where: wideOnly},
			{head: "NETWORKS", cell: networks, where: wideOnly},
			{head: "ADDRESSES", cell: cell(func(r containerRow) string { return r.Addresses }), where: wideOnly},
		},
		name: containerName, id: id,
		fields: func(c api.ContainerSummary) any { return row(c) },
		heads:  headings[containerRow](header{"ID": "CONTAINER ID", "RunningFor": "CREATED"}),
	}
}

// commandWidth is how much of a command line Docker shows.
const commandWidth = 20

func containerFields(c api.ContainerSummary, now time.Time, whole bool) containerRow {
	command := c.Command
	if !whole {
		command = ellipsis(command, commandWidth)
	}
	created := time.Unix(c.Created, 0)
	return containerRow{
		Addresses: joined(c.VSwitch.Addresses), Command: strconv.Quote(command), CreatedAt: created.String(), ID: cutID(c.ID, whole),
		Labels: labelText(c.Labels), Names: containerName(c), Networks: strings.Join(networksOf(c), ","), Ports: portText(c.Ports),
		RunningFor: ago(now, created), State: c.State, Status: c.Status, labels: c.Labels,
	}
}

// networksOf are the names of a container's networks, sorted.
func networksOf(c api.ContainerSummary) []string {
	return slices.Sorted(maps.Keys(c.NetworkSettings.Networks))
}

// firstAddress is one address, and how many more there are.
func firstAddress(c api.ContainerSummary) string {
	all := c.VSwitch.Addresses
	switch len(all) {
	case 0:
		return "-"
	case 1:
		return bare(all[0])
	}
	return fmt.Sprintf("%s +%d", bare(all[0]), len(all)-1)
}

// bare is an address without its prefix length.
func bare(s string) string {
	addr, _, _ := strings.Cut(s, "/")
	return addr
}

func joined(all []string) string { return strings.Join(all, ", ") }

// containerFilter makes the test of --filter; with a state asked for, those that do
// not run are meant too.
func containerFilter(pairs []string) (keep func(api.ContainerSummary) bool, all bool, err error) {
	f, err := parseFilters(pairs, containerFilters...)
	if err != nil {
		return nil, false, err
	}
	states := []string{"created", "running", "exited", "dead"}
	for _, s := range f["status"] {
		if !slices.Contains(states, s) {
			return nil, false, oneOf("--filter", "--filter", "status="+s, []string{"status=created", "status=running", "status=exited", "status=dead"})
		}
	}
	ports, err := f.ports()
	if err != nil {
		return nil, false, err
	}
	return func(c api.ContainerSummary) bool {
		return ports(c.Ports) && f.matches("id", c.ID) && f.labelled(c.Labels) && f.matches("name", containerName(c), "/"+containerName(c)) &&
			f.exactly("status", c.State) && f.onNetwork(c)
	}, len(f["status"]) > 0, nil
}

// onNetwork reports whether the container is on one of the networks asked for, by
// name or ID.
func (f filters) onNetwork(c api.ContainerSummary) bool {
	if len(f["network"]) == 0 {
		return true
	}
	for name, e := range c.NetworkSettings.Networks {
		if f.exactly("network", name) || slices.ContainsFunc(f["network"], func(v string) bool {
			return len(v) >= shortID && strings.HasPrefix(e.NetworkID, v)
		}) {
			return true
		}
	}
	return false
}
