package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func pingCommand(a *app) *cobra.Command {
	var p api.Ping
	cmd := &cobra.Command{
		Use:   "ping FROM TO",
		Short: "Ask whether one container reaches another, or an address",
		Example: `  vswitch ping web db
  vswitch ping -6 -c 1 web fd00:5::9`,
		Args:              arguments(2, "the container to ping from", "the container or address to ping"),
		ValidArgsFunction: a.completeContainers(2, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.Count < 1 {
				return invalidFlag("--count", strconv.Itoa(p.Count), nil).WithFix("give 1 or more")
			}
			return a.asking(func(ctx context.Context, s switchAPI, args []string) error {
				p.From, p.To = args[0], args[1]
				pong, err := s.Ping(ctx, p)
				if err != nil {
					return err
				}
				return a.showPong(pong)
			})(cmd, args)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&p.Count, "count", "c", 3, "how `many` requests")
	f.BoolVarP(&p.IPv6, "ipv6", "6", false, "use the IPv6 address")
	f.StringVar(&p.Network, "network", "", "use the address on this `network`")
	_ = cmd.RegisterFlagCompletionFunc("network", a.completeNetworks(many)) // the flag is there
	return cmd
}

// showPong shows an answer; none at all is an expectation that failed.
func (a *app) showPong(p api.Pong) error {
	if p.Times == nil {
		p.Times = []int{}
	}
	if err := a.show(p, func() string { return pongText(p) }); err != nil {
		return err
	}
	if p.Received == 0 {
		return reported{api.Errorf(api.ExpectationFailed, nil, "%s does not reach %s", p.From, p.To)}
	}
	return nil
}

func pongText(p api.Pong) string {
	lost := 0
	if p.Sent > 0 {
		lost = 100 * (p.Sent - p.Received) / p.Sent
	}
	text := fmt.Sprintf("%s -> %s (%s): %d sent, %d received, %d%% lost", p.From, p.To, p.Address, p.Sent, p.Received, lost)
	if len(p.Times) > 0 {
		text += fmt.Sprintf(", min/avg/max %s/%s/%s ms", milliseconds(slices.Min(p.Times)), milliseconds(mean(p.Times)), milliseconds(slices.Max(p.Times)))
	}
	if p.Error != "" {
		text += ": " + p.Error
	}
	return oneLine(text) + "\n"
}

// milliseconds shows microseconds as ping(8) does.
func milliseconds(us int) string { return strconv.FormatFloat(float64(us)/1000, 'f', 3, 64) }

func mean(all []int) int {
	n := 0
	for _, v := range all {
		n += v
	}
	return n / len(all)
}
