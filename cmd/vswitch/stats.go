package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
	"vswitch/internal/frame"
)

func statsCommand(a *app) *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{
		Use:   "stats [PORT|CONTAINER|NETWORK]",
		Short: "Show what the ports have carried, and why frames ended",
		Long: `stats counts each port's frames: RX came from the container, TX went to it.
Below stands why frames ended; vswitch explain REASON tells about one.`,
		Example: `  vswitch stats
  vswitch stats web -w=1s`,
		Args:              arguments(0, "the port's number, or a name"),
		ValidArgsFunction: a.completeContainers(1, false),
		RunE: a.asking(func(ctx context.Context, s switchAPI, args []string) error {
			return f.watch.run(ctx, a, func(w io.Writer) error {
				st, err := s.Stats(ctx)
				if err != nil {
					return err
				}
				l := statsListing(st.Total)
				if len(args) > 0 {
					if st.Ports, err = portsOf(st.Ports, args[0]); err != nil {
						return err
					}
					l = statsListing(sum(st.Ports))
				}
				return a.showStats(w, f, l, st)
			})
		}),
	}
	f.add(cmd)
	return cmd
}

// showStats shows the ports; -o json and -o yaml have the sums too.
func (a *app) showStats(w io.Writer, f *listFlags, l listing[api.PortStats], st api.Stats) error {
	if (a.output == "json" || a.output == "yaml") && !f.quiet && f.format == "" {
		if st.Ports == nil {
			st.Ports = []api.PortStats{}
		}
		shown := *a
		shown.out = w
		return shown.show(st, nil)
	}
	text, err := l.render(a.output, f, st.Ports)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	return err
}

func statsListing(total api.PortStats) listing[api.PortStats] {
	count := func(f func(api.PortStats) uint64, unit string) func(api.PortStats) string {
		return func(p api.PortStats) string { return size(float64(f(p)), unit) }
	}
	exact := func(f func(api.PortStats) uint64) func(api.PortStats) string {
		return func(p api.PortStats) string { return strconv.FormatUint(f(p), 10) }
	}
	port := func(p api.PortStats) string { return strconv.Itoa(p.Port) }
	rxFrames, txFrames := func(p api.PortStats) uint64 { return p.RxFrames }, func(p api.PortStats) uint64 { return p.TxFrames }
	rxBytes, txBytes := func(p api.PortStats) uint64 { return p.RxBytes }, func(p api.PortStats) uint64 { return p.TxBytes }
	return listing[api.PortStats]{
		schema: "stats", row: "port", id: port, name: func(p api.PortStats) string { return p.Name },
		heads: headings[api.PortStats](nil),
		columns: []column[api.PortStats]{
			{head: "PORT", cell: port},
			{head: "NAME", cell: portName, cut: true},
			{head: "NETWORK", cell: func(p api.PortStats) string { return p.Network }, cut: true},
			{head: "RX", cell: count(rxFrames, ""), where: narrowOnly},
			{head: "RX BYTES", cell: count(rxBytes, "B"), where: narrowOnly},
			{head: "TX", cell: count(txFrames, ""), where: narrowOnly},
			{head: "TX BYTES", cell: count(txBytes, "B"), where: narrowOnly},
			{head: "DROPPED", cell: exact(dropped)},
			{head: "RX FRAMES", cell: exact(rxFrames), where: wideOnly},
			{head: "RX BYTES", cell: exact(rxBytes), where: wideOnly},
			{head: "TX FRAMES", cell: exact(txFrames), where: wideOnly},
			{head: "TX BYTES", cell: exact(txBytes), where: wideOnly},
			{head: "UNICAST", cell: exact(func(p api.PortStats) uint64 { return p.Unicast }), where: wideOnly},
			{head: "MULTICAST", cell: exact(func(p api.PortStats) uint64 { return p.Multicast }), where: wideOnly},
			{head: "BROADCAST", cell: exact(func(p api.PortStats) uint64 { return p.Broadcast }), where: wideOnly},
			{head: "UNKNOWN", cell: exact(func(p api.PortStats) uint64 { return p.Unknown }), where: wideOnly},
			{head: "COPIES", cell: exact(func(p api.PortStats) uint64 { return p.Copies }), where: wideOnly},
		},
		note: func([]api.PortStats) string { return endsText(total) },
	}
}

// portName is the container that a port leads to, or the port's own name.
func portName(p api.PortStats) string {
	if p.Container != "" {
		return p.Container
	}
	return dash(p.Name)
}

// dropped counts a port's frames that were lost: in the switch, or before it could
// read them.
func dropped(p api.PortStats) uint64 {
	n := p.RingDrops
	for reason, count := range p.Ends {
		if reason != frame.Consumed.String() {
			n += count
		}
	}
	return n
}

// endsText lists why frames ended, the most frequent first.
func endsText(p api.PortStats) string {
	var b strings.Builder
	reasons := slices.Sorted(maps.Keys(p.Ends))
	slices.SortStableFunc(reasons, func(x, y string) int { return compareDown(p.Ends[x], p.Ends[y]) })
	for _, r := range reasons {
		if p.Ends[r] == 0 {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("\nENDED\n")
		}
		fmt.Fprintf(&b, "%-10d%-18s%s\n", p.Ends[r], r, ellipsis(sentence(r), screenWidth-28))
	}
	if p.RingDrops > 0 {
		fmt.Fprintf(&b, "\n%d frames came faster than the switch could read them.\n", p.RingDrops)
	}
	return b.String()
}

func compareDown(x, y uint64) int {
	switch {
	case x > y:
		return -1
	case x < y:
		return 1
	}
	return 0
}

// sentence says in words what a reason is; empty for one that this program does not
// know.
func sentence(symbol string) string {
	for r := frame.Reason(1); r < frame.Reasons; r++ {
		if r.String() == symbol {
			return r.Sentence()
		}
	}
	return ""
}

// portsOf picks the ports of a number, or of a container, network or port by name.
func portsOf(ports []api.PortStats, word string) ([]api.PortStats, error) {
	var found []api.PortStats
	var names []string
	for _, p := range ports {
		own := []string{strconv.Itoa(p.Port), p.Name, p.Container, p.Network}
		if slices.Contains(own, word) {
			found = append(found, p)
		}
		names = append(names, own[1:]...)
	}
	if len(found) > 0 {
		return found, nil
	}
	err := api.Errorf(api.UnknownName, nil, "there is no port %q, and none of a container or network of this name", word)
	if near := api.Nearest(word, names); near != "" {
		return nil, err.WithFix("did you mean:  vswitch stats %s", near)
	}
	return nil, err.WithFix("see all ports:  vswitch stats")
}

// sum adds up why frames of some ports ended.
func sum(ports []api.PortStats) api.PortStats {
	total := api.PortStats{Ends: make(map[string]uint64)}
	for _, p := range ports {
		total.RingDrops += p.RingDrops
		for reason, n := range p.Ends {
			total.Ends[reason] += n
		}
	}
	return total
}
