package testnet

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"testing"
)

// Load is what iperf3 is to send. The zero value is one TCP stream for a second.
type Load struct {
	To      netip.Addr // of the server; default its V4
	Streams int
	Reverse bool // the server sends
	UDP     bool
	Length  int    // bytes a write; of a datagram
	Rate    string // bits a second: "100M"; for UDP "0" is all it can
	// Bytes ends the load, "400M", and otherwise Seconds do; default 1.
	Bytes   string
	Seconds int
}

// Result is what iperf3 found.
type Result struct {
	Sent, Received uint64 // bytes
	Retransmits    int
	Packets, Lost  int // UDP
}

// Iperf runs iperf3 between two stations to its end.
func Iperf(t testing.TB, client, server *Station, l Load) Result {
	t.Helper()
	return StartIperf(t, client, server, l).Result(t)
}

// Running is an iperf3 under way.
type Running struct {
	client, server *Program
}

// StartIperf starts iperf3 between two stations.
func StartIperf(t testing.TB, client, server *Station, l Load) *Running {
	t.Helper()
	if !l.To.IsValid() {
		l.To = server.V4
	}
	srv := server.Start(t, "iperf3", "-s", "-1", "--forceflush")
	srv.Await(t, "Server listening")
	return &Running{client: client.Start(t, l.args()...), server: srv}
}

func (l Load) args() []string {
	args := []string{"iperf3", "-J", "-c", l.To.String(), "-P", strconv.Itoa(max(l.Streams, 1))}
	if l.Bytes != "" {
		args = append(args, "-n", l.Bytes)
	} else {
		args = append(args, "-t", strconv.Itoa(max(l.Seconds, 1)))
	}
	if l.Reverse {
		args = append(args, "-R")
	}
	if l.UDP {
		args = append(args, "-u")
	}
	if l.Length > 0 {
		args = append(args, "-l", strconv.Itoa(l.Length))
	}
	if l.Rate != "" {
		args = append(args, "-b", l.Rate)
	}
	return args
}

// Done is closed when the client has ended.
func (r *Running) Done() <-chan struct{} { return r.client.Done() }

// Stop ends both sides before their time.
func (r *Running) Stop(t testing.TB) {
	t.Helper()
	r.client.Stop(t)
	r.server.Stop(t)
}

// Result waits for the end of both sides, which must be a good one.
func (r *Running) Result(t testing.TB) Result {
	t.Helper()
	out := r.client.End(t)
	r.server.End(t)
	res, err := parseIperf(out)
	if err != nil {
		t.Fatalf("iperf3: %v\n%s", err, out)
	}
	return res
}

func parseIperf(out string) (Result, error) {
	type sum struct {
		Bytes       uint64
		Retransmits int
		Packets     int
		Lost        int `json:"lost_packets"`
	}
	var j struct {
		End struct {
			Sum      sum
			Sent     sum `json:"sum_sent"`
			Received sum `json:"sum_received"`
		}
	}
	if err := json.Unmarshal([]byte(out), &j); err != nil {
		return Result{}, err
	}
	e := j.End
	return Result{
		Sent: e.Sent.Bytes + e.Sum.Bytes, Received: e.Received.Bytes, Retransmits: e.Sent.Retransmits,
		Packets: e.Sum.Packets, Lost: e.Sum.Lost,
	}, nil
}
