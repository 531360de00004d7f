package bench

import (
	"fmt"
	"strings"
)

// Verdicts of a row.
const (
	Meets       = "meets"
	Misses      = "misses"
	NotMeasured = "not measured"
)

// Aim is what a figure's median should be.
type Aim struct {
	// Op is how the median has to compare with Value: "<", "<=" or ">=".
	Op    string  `json:"op"`
	Value float64 `json:"value"`
}

func (a *Aim) String() string {
	if a == nil {
		return "-"
	}
	return fmt.Sprintf("%s %g", a.Op, a.Value)
}

func (a *Aim) met(v float64) bool {
	switch a.Op {
	case "<":
		return v < a.Value
	case "<=":
		return v <= a.Value
	}
	return v >= a.Value
}

// Names of figures that are filled in at more than one place.
const (
	runFirst  = "run to first packet"
	runAPI    = "create, start, packet"
	runWhole  = "run, whole command"
	coldFirst = "cold run to first packet"

	dnsLoopback = "DNS at 127.0.0.11"
	dnsGateway  = "DNS at the gateway"
	dhcpOffer   = "DHCP DISCOVER to OFFER"
	dhcpAck     = "DHCP REQUEST to ACK"

	restartGap  = "gap in the transfer"
	restartOn   = "connections that went on"
	manyCreate  = "all containers made"
	manySwitch  = "memory each, switch"
	manyKeeper  = "memory each, keeper"
	manyBoth    = "memory each, both"
	manyIdle    = "idle, share of a core"
	manyOfTwo   = "throughput, a net of two"
	manyOfMany  = "throughput, two of many"
	manyRatio   = "throughput, many by two"
	manyTakeAll = "all taken down"
)

// aimedContainers is how many containers the aims of the section "many" are for.
const aimedContainers = 1000

func below(v float64) *Aim   { return &Aim{"<", v} }
func atMost(v float64) *Aim  { return &Aim{"<=", v} }
func atLeast(v float64) *Aim { return &Aim{">=", v} }

// networkFigures are all rows, without values, in the order of the table. How
// says exactly what is timed.
var networkFigures = slicesOf(
	[]Row{
		{Section: "run", Figure: runFirst, Unit: "ms", Aim: below(150),
			How: "from starting the process `vswitch run --rm --network NET -- ping -c 1 GATEWAY`, with the switch up, to ping's line about the answer; ARP is in it"},
		{Section: "run", Figure: runAPI, Unit: "ms",
			How: "the same by the API, from the call that makes the container: without the start of the process vswitch"},
		{Section: "run", Figure: runWhole, Unit: "ms",
			How: "the first one's process from its start to its end, which waits for ping's"},
		{Section: "cold", Figure: coldFirst, Unit: "ms", Aim: below(500),
			How: "as \"" + runFirst + "\", on the network bridge, with no switch running and no state: the switch starts in it"},
	},
	latencyRows("dns", dnsLoopback, below(1000), "an A query for a container's name at 127.0.0.11, UDP, asked in a container's namespace at 500/s: from sending to the answer, the client's own wake-up included"),
	latencyRows("dns", dnsGateway, below(1000), "the same at the gateway's address, through the container's port"),
	latencyRows("dhcp", dhcpOffer, nil, "from sending the message to the answer, from a UDP socket on the container's interface; its container has that address already, so nothing is probed"),
	latencyRows("dhcp", dhcpAck, nil, "the same; the lease is written to the switch's state before the answer"),
	[]Row{
		{Section: "restart", Figure: restartGap, Unit: "ms",
			How: "kill -9 of the switch process under iperf3 between two containers: the longest run of the receiver's intervals of 100 ms in which next to nothing arrived; 0 is less than one interval"},
		{Section: "restart", Figure: restartOn, Unit: "share", Aim: atLeast(1),
			How: "of those transfers, the share that went on to their end over the one TCP connection that they began with, under another switch process"},
		{Section: "many", Figure: manyCreate, Unit: "s", Aim: below(60),
			How: "from the first call to the last answer, for containers on one network that run `sleep infinity`, made and started by parallel clients of the API"},
		{Section: "many", Figure: manySwitch, Unit: "MiB",
			How: "resident memory (/proc/PID/smaps_rollup) of the switch process after it less that before, divided by the containers"},
		{Section: "many", Figure: manyKeeper, Unit: "MiB", How: "the same of the keeper"},
		{Section: "many", Figure: manyBoth, Unit: "MiB", Aim: atMost(0.6), How: "their sum"},
		{Section: "many", Figure: manyIdle, Unit: "%", Aim: below(1),
			How: "processor time of the switch process (/proc/PID/stat) while nothing is asked of it, with all containers there; it counts in steps of 10 ms, so 0 is less than one step"},
		{Section: "many", Figure: manyOfTwo, Unit: "Gb/s",
			How: "iperf3, one TCP stream, between two containers alone on a network of the same switch, while the many are there"},
		{Section: "many", Figure: manyOfMany, Unit: "Gb/s", How: "the same between two of the many, turn by turn with it (ABBA)"},
		{Section: "many", Figure: manyRatio, Unit: "ratio", Aim: atLeast(0.9), How: "the second by the first, pair by pair"},
		{Section: "many", Figure: manyTakeAll, Unit: "s", How: "from the call down, with all containers running, to the end of the keeper"},
	},
)

// latencyRows are the rows of one latency.
func latencyRows(section, figure string, aim *Aim, how string) []Row {
	return []Row{
		{Section: section, Figure: figure + " p50", Unit: "us", Aim: aim, How: how},
		{Section: section, Figure: figure + " p99", Unit: "us", Aim: aim, How: how},
	}
}

func slicesOf(parts ...[]Row) (all []Row) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// addLatency adds what an agent measured to a latency's rows.
func (n *networks) addLatency(figure string, r PingReport) {
	n.add(figure+" p50", micros(r.P50))
	n.add(figure+" p99", micros(r.P99))
}

// row fills in a row from what was measured.
func (n *networks) row(r Row) Row {
	r.Values = nonNil(n.values[r.Figure])
	r.Spread = Summarize(r.Values, n.Rand)
	if s, ok := n.spreads[r.Figure]; ok {
		r.Spread = s
	}
	switch err := n.failed[r.Section]; {
	case r.Spread.N == 0 && err != nil:
		r.Verdict, r.Why = NotMeasured, strings.TrimSpace(err.Error())
	case r.Spread.N == 0:
		r.Verdict, r.Why = NotMeasured, "no sample counted"
	case err != nil:
		r.Why = "the section did not end: " + err.Error()
	}
	if r.Aim != nil && r.Verdict == "" {
		r.Verdict, r.Why = n.judge(r)
	}
	return r
}

// judge says whether a measured row meets its aim.
func (n *networks) judge(r Row) (verdict, why string) {
	switch {
	case r.Section == "many" && n.Containers < aimedContainers:
		return NotMeasured, fmt.Sprintf("%d containers; the aim is for %d", n.Containers, aimedContainers)
	case r.Aim.met(r.Spread.Median):
		return Meets, r.Why
	}
	return Misses, r.Why
}
