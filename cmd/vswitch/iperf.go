package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func iperfCommand(a *app) *cobra.Command {
	var i api.Iperf
	cmd := &cobra.Command{
		Use:   "iperf FROM TO",
		Short: "Measure how much one container can send to another",
		Long: `iperf runs iperf3 in both containers. The container TO listens; -R has it send.
Its figures are those of this machine at this hour: vswitch bench compares.`,
		Example: `  vswitch iperf web db
  vswitch iperf -P 4 -t 10 web db`,
		Args:              arguments(2, "the container to send from", "the container to send to"),
		ValidArgsFunction: a.completeContainers(2, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case !(i.Seconds > 0 && i.Seconds <= longest):
				return invalidFlag("--time", strconv.FormatFloat(i.Seconds, 'g', -1, 64), nil).WithFix("give more than 0 and at most %d seconds", longest)
			case i.Streams < 1 || i.Streams > 128:
				return invalidFlag("--parallel", strconv.Itoa(i.Streams), nil).WithFix("give 1 to 128")
			}
			return a.asking(func(ctx context.Context, s switchAPI, args []string) error {
				i.From, i.To = args[0], args[1]
				r, err := s.Iperf(ctx, i)
				if err != nil {
					return err
				}
				return a.show(r, func() string { return iperfText(i, r) })
			})(cmd, args)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&i.Streams, "parallel", "P", 1, "how many `streams`")
	f.BoolVarP(&i.Reverse, "reverse", "R", false, "the other way: TO sends")
	f.Float64VarP(&i.Seconds, "time", "t", 5, "for how many `seconds`")
	f.BoolVarP(&i.UDP, "udp", "u", false, "UDP instead of TCP")
	f.StringVarP(&i.Rate, "bitrate", "b", "", "at most this `rate`, as iperf3's -b: 100M, 2G")
	f.BoolVarP(&i.IPv6, "ipv6", "6", false, "use the IPv6 address")
	f.StringVar(&i.Network, "network", "", "use the address on this `network`")
	_ = cmd.RegisterFlagCompletionFunc("network", a.completeNetworks(many)) // the flag is there
	return cmd
}

func iperfText(i api.Iperf, r api.IperfResult) string {
	arrow := "->"
	if i.Reverse {
		arrow = "<-"
	}
	text := fmt.Sprintf("%s %s %s (%s): %s in %.1f s", r.From, arrow, r.To, r.Address, rate(r.Received), r.Seconds)
	if i.UDP {
		return oneLine(text) + fmt.Sprintf("\n  %s sent, %.2f%% lost, %.3f ms of jitter\n", rate(r.Sent), r.LostPercent, r.JitterMs)
	}
	return oneLine(fmt.Sprintf("%s, %s", text, plural(r.Retransmits, "retransmit"))) + "\n"
}
