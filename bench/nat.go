package bench

import "context"

// natPlan is the measurement of the way out.
var natPlan = plan{
	schema: NATSchema, title: "The way out", figures: natFigures,
	sections: []waySection{
		{"out", func(w *ways, ctx context.Context) error {
			return w.compare(ctx, "out", NewLoopback(refLoopback), w.candidates("out", 1500, false), w.every())
		}},
		{"jumbo", func(w *ways, ctx context.Context) error {
			return w.compare(ctx, "jumbo", NewLoopback(refLoopback), w.candidates("jumbo", jumboMTU, false), w.bulk())
		}},
		{"packet", (*ways).measurePacket},
		{"flows", (*ways).measureFlows},
	},
}

// jumboMTU is the greatest that pasta offers: a packet of 65535 bytes less the header
// of Ethernet, rounded to words.
const jumboMTU = 65520

// NATSections names the parts that NAT measures.
func NATSections() []string { return natPlan.names() }

// NAT measures the way out: containers that call their host, over the socket uplink,
// against loopback and against other programs for that; and containers that call
// another network through the packet NAT. What fails in a section is in the report;
// an error means that there is none: a program is missing, or what was made could
// not be taken down. It is ctx's error when ctx ended.
func NAT(ctx context.Context, o WaysOptions) (*WaysReport, error) { return natPlan.measure(ctx, o) }

// publishPlan is the measurement of the way in.
var publishPlan = plan{
	schema: PublishSchema, title: "The way in", figures: publishFigures,
	sections: []waySection{
		{"in", func(w *ways, ctx context.Context) error {
			return w.compare(ctx, "in", NewLoopback(refLoopback), w.candidates("in", 1500, true), w.every())
		}},
		{"jumbo", func(w *ways, ctx context.Context) error {
			return w.compare(ctx, "jumbo", NewLoopback(refLoopback), w.candidates("jumbo", jumboMTU, true), w.bulk())
		}},
	},
}

// PublishSections names the parts that Publish measures.
func PublishSections() []string { return publishPlan.names() }

// Publish measures the way in: a host that calls published ports of containers,
// against loopback and against other programs for that. Its errors are those of NAT.
func Publish(ctx context.Context, o WaysOptions) (*WaysReport, error) {
	return publishPlan.measure(ctx, o)
}
