package bench

import "strings"

// wayFigure is a ratio between two runners of a section.
type wayFigure struct {
	section, figure string
	workload        Workload
	metric          string
	runner, base    string
	aim             *Aim
	// how says what was measured; empty where an earlier figure's says it.
	how string
}

var (
	upload   = TCP{Streams: 1}
	download = TCP{Streams: 1, Reverse: true}
	rrTCP    = Latency{Proto: "tcp"}
	rrUDP    = Latency{Proto: "udp"}
)

// natFigures are the rows of NAT, in the order of the table.
var natFigures = []wayFigure{
	{"out", "upload / loopback", upload, Throughput, runOwn, refLoopback, atLeast(0.7),
		"iperf3, one TCP stream, MTU 1500, from a container to an address of its host that is not loopback; the reference is the same between two programs on a host"},
	{"out", "upload / pasta", upload, Throughput, runOwn, runPasta, atLeast(5), ""},
	{"out", "upload / slirp4netns", upload, Throughput, runOwn, runSlirp, atLeast(8), ""},
	{"out", "upload CPU / loopback", upload, CPUPerGB, runOwn, refLoopback, nil,
		"processor seconds of the whole machine for each gigabyte of it"},
	{"out", "upload CPU / pasta", upload, CPUPerGB, runOwn, runPasta, nil, ""},
	{"out", "download / loopback", download, Throughput, runOwn, refLoopback, atLeast(0.9),
		"the same the other way over a connection that the container opened (iperf3 -R)"},
	{"out", "download / pasta", download, Throughput, runOwn, runPasta, atLeast(1.5), ""},
	{"out", "download / slirp4netns", download, Throughput, runOwn, runSlirp, atLeast(3), ""},
	{"out", "download CPU / loopback", download, CPUPerGB, runOwn, refLoopback, nil, ""},
	{"out", "connections / loopback", Connect{}, ConnectRate, runOwn, refLoopback, atLeast(0.7),
		"TCP connections a second, four at a time: opened, one byte there and back, closed by the one that opened it"},
	{"out", "connections / pasta", Connect{}, ConnectRate, runOwn, runPasta, atLeast(1), ""},
	{"out", "TCP round trip / loopback", rrTCP, LatencyP50, runOwn, refLoopback, atMost(3),
		"median time of one byte there and back over an open connection"},
	{"out", "UDP round trip / pasta", rrUDP, LatencyP50, runOwn, runPasta, atMost(1.5), "the same with UDP"},
	{"jumbo", "upload 65520 / loopback", upload, Throughput, runOwn, refLoopback, atLeast(0.9), "the upload with an MTU of 65520"},
	{"jumbo", "upload 65520 / pasta", upload, Throughput, runOwn, runPasta, nil, ""},
	{"jumbo", "upload 65520 / slirp4n.", upload, Throughput, runOwn, runSlirp, nil, ""},
	{"jumbo", "download 65520 / loopback", download, Throughput, runOwn, refLoopback, atLeast(0.9), "the download with an MTU of 65520"},
	{"jumbo", "download 65520 / pasta", download, Throughput, runOwn, runPasta, nil, ""},
	{"packet", "NAT / switched", upload, Throughput, runPacketNAT, runSwitched, atLeast(0.97),
		"one TCP stream from a container to one on another network of the switch through the packet NAT (--uplink network:NAME); the reference is the same between two containers on one network"},
	{"packet", "NAT -R / switched", download, Throughput, runPacketNAT, runSwitched, atLeast(0.97), ""},
	{"packet", "NAT / kernel router", upload, Throughput, runPacketNAT, runRouted, nil,
		"the same between two namespaces with a third one that forwards between them (veth, net.ipv4.ip_forward)"},
	{"packet", "switched / kernel router", upload, Throughput, runSwitched, runRouted, nil, ""},
	{"packet", "NAT trip / switched", rrUDP, LatencyP50, runPacketNAT, runSwitched, nil, "median time of one byte there and back, UDP"},
	{"flows", "many flows / one", upload, Throughput, runFull, runPacketNAT, atLeast(0.9),
		"the same upload through a packet NAT whose table holds so many established flows more; the other one holds only its own"},
}

// publishFigures are the rows of Publish.
var publishFigures = []wayFigure{
	{"in", "published / loopback", upload, Throughput, runOwn, refLoopback, atLeast(0.5),
		"iperf3, one TCP stream, MTU 1500, from the host to a published port of a container, which sees the client's address"},
	{"in", "published / pasta", upload, Throughput, runOwn, runPasta, atLeast(1.5), ""},
	{"in", "published / slirp4netns", upload, Throughput, runOwn, runSlirp, atLeast(3), ""},
	{"in", "published CPU / loopback", upload, CPUPerGB, runOwn, refLoopback, nil,
		"processor seconds of the whole machine for each gigabyte of it"},
	{"in", "published -R / loopback", download, Throughput, runOwn, refLoopback, atLeast(0.5), "the container sends"},
	{"in", "published -R / pasta", download, Throughput, runOwn, runPasta, nil, ""},
	{"in", "spliced / loopback", upload, Throughput, runOwnSpliced, refLoopback, atLeast(0.9),
		"the same with --publish-mode splice, called at the host's 127.0.0.1"},
	{"in", "spliced / pasta-spliced", upload, Throughput, runOwnSpliced, runSpliced, atLeast(1),
		"and by a port that pasta forwards from the host's 127.0.0.1 to the guest's, past its device"},
	{"in", "spliced -R / pasta-spl.", download, Throughput, runOwnSpliced, runSpliced, atLeast(1), ""},
	{"in", "connections / loopback", Connect{}, ConnectRate, runOwn, refLoopback, atLeast(0.7),
		"TCP connections a second, four at a time: opened, one byte there and back, closed by the one that opened it"},
	{"in", "connections / pasta", Connect{}, ConnectRate, runOwn, runPasta, atLeast(1), ""},
	{"in", "spliced conn. / pasta-spl.", Connect{}, ConnectRate, runOwnSpliced, runSpliced, atLeast(1), ""},
	{"in", "TCP round trip / loopback", rrTCP, LatencyP50, runOwn, refLoopback, atMost(3),
		"median time of one byte there and back over an open connection"},
	{"in", "UDP round trip / pasta", rrUDP, LatencyP50, runOwn, runPasta, atMost(1.5), "the same with UDP"},
	{"jumbo", "published 65520 / loopb.", upload, Throughput, runOwn, refLoopback, atLeast(0.9), "the first one with an MTU of 65520"},
	{"jumbo", "published 65520 / pasta", upload, Throughput, runOwn, runPasta, nil, ""},
}

// WayRow is a figure of NAT or Publish: how many times the base's value the runner's
// is.
type WayRow struct {
	Row
	Workload string `json:"workload"`
	Metric   string `json:"metric"`
	Runner   string `json:"runner"`
	Base     string `json:"base"`
	// RunnerValue and BaseValue are medians over the pairs that count.
	RunnerValue float64 `json:"runner_value"`
	BaseValue   float64 `json:"base_value"`
	// AA is the spread of the reference's ratio to itself for this metric.
	AA Spread `json:"aa"`
	// Congestion is the congestion control of the sending program's socket.
	Congestion string `json:"congestion,omitempty"`
}

// row fills in a figure from the section's run.
func (w *ways) row(f wayFigure) WayRow {
	r := WayRow{Workload: f.workload.Name(), Metric: f.metric, Runner: f.runner, Base: f.base}
	r.Row = Row{Section: f.section, Figure: f.figure, Unit: "ratio", How: f.how, Aim: f.aim, Values: []float64{}}
	if report := w.run(f.section); report != nil {
		pairs, congestion := ratios(report.Records, r.Workload, f.metric, f.runner, f.base)
		r.fill(pairs)
		r.Spread, r.Congestion = Summarize(r.Values, w.Rand), congestion
		for _, other := range report.Figures {
			if other.Workload == r.Workload && other.Metric.Name == f.metric {
				r.AA = other.AA
			}
		}
	}
	w.judge(&r)
	return r
}

func (r *WayRow) fill(pairs []Pair) {
	var values, bases []float64
	for _, p := range pairs {
		values, bases = append(values, p.Candidate), append(bases, p.Reference)
	}
	r.Values = Ratios(pairs)
	if len(pairs) > 0 {
		r.RunnerValue, r.BaseValue = Median(values), Median(bases)
	}
}

func (w *ways) run(section string) *Report {
	for _, r := range w.runs {
		if r.Section == section {
			return r.Report
		}
	}
	return nil
}

// judge says whether a row meets its aim, or why nothing can be said.
func (w *ways) judge(r *WayRow) {
	err := w.failed[r.Section]
	switch {
	case r.Spread.N == 0:
		r.Verdict, r.Why = NotMeasured, "no pair counted"
		if why := w.why(r); why != "" {
			r.Why = why
		} else if err != nil {
			r.Why = strings.TrimSpace(err.Error())
		}
	case r.Aim == nil:
	case r.Section == "flows" && w.Flows < aimedFlows:
		r.Verdict, r.Why = NotMeasured, "fewer flows than the aim is for"
	case r.Aim.met(r.Spread.Median):
		r.Verdict = Meets
	default:
		r.Verdict = Misses
	}
}

// aimedFlows is how many flows the aim of the section "flows" is for.
const aimedFlows = 1_000_000

// why says what speaks against a row that has no pair: a runner that is missing, or
// a sample of one that does not count.
func (w *ways) why(r *WayRow) string {
	for _, a := range w.absent {
		if a.Section == r.Section && (a.Runner == r.Runner || a.Runner == r.Base) {
			return a.Runner + ": " + a.Why
		}
	}
	report := w.run(r.Section)
	if report == nil {
		return ""
	}
	for _, rec := range report.Records {
		if rec.Workload == r.Workload && rec.Dropped != "" && (rec.Runner == r.Runner || rec.Runner == r.Base) {
			return rec.Runner + ": " + rec.Dropped
		}
	}
	return ""
}
