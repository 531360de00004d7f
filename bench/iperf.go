package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// TCP is bulk transfer by iperf3.
type TCP struct {
	Streams int
	// Reverse lets b send (iperf3 -R): the other direction over the same road.
	Reverse bool
	// Congestion overrides that of Env; empty does not.
	Congestion string
}

// Name is tcp-STREAMS, with -R for the reverse direction and with the congestion
// control if the workload has its own.
func (t TCP) Name() string {
	name := "tcp-" + strconv.Itoa(t.Streams)
	if t.Reverse {
		name += "-R"
	}
	if t.Congestion != "" {
		name += "-" + t.Congestion
	}
	return name
}

// Metrics implements Workload.
func (TCP) Metrics() []Metric {
	return []Metric{
		{Name: Throughput, Unit: "Gb/s", Compared: true},
		{Name: CPUPerGB, Unit: "s/GB", Lower: true, Compared: true},
		{Name: "retransmits", Unit: "segments/GB", Lower: true},
	}
}

// Run implements Workload. The throughput leaves the warm-up out. Processor time
// cannot be cut at the same instants from outside iperf3, so it is taken over the
// whole run and divided by the bytes of the whole run, warm-up included.
func (t TCP) Run(ctx context.Context, env *Env, a, b Station) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, env.Warmup+env.Length+slack)
	defer cancel()
	server, err := env.iperfServer(ctx, b)
	if err != nil {
		return Sample{}, err
	}
	defer server.end()
	before, err := ReadCPU()
	if err != nil {
		return Sample{}, err
	}
	r, err := env.iperfClient(ctx, a, t.args(env, b))
	if err != nil {
		return Sample{}, err
	}
	after, err := ReadCPU()
	if err != nil {
		return Sample{}, err
	}
	return r.sample(after.Sub(before)), server.wait()
}

func (t TCP) args(env *Env, b Station) []string {
	at := b.reach(env.iperfPort(b))
	args := []string{
		"-c", at.Addr().String(), "-p", strconv.Itoa(int(at.Port())), "-J", "--connect-timeout", "3000",
		"-P", strconv.Itoa(t.Streams), "-t", seconds(env.Length), "-O", seconds(env.Warmup),
	}
	if cc := cmp.Or(t.Congestion, env.Congestion); cc != "" {
		args = append(args, "-C", cc)
	}
	if t.Reverse {
		args = append(args, "-R")
	}
	return args
}

// seconds formats d in whole seconds, rounded up: iperf3 reads no others, and
// takes -t 0 for a test without end.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// iperfPort is the port that iperf3 listens on in a station.
func (e *Env) iperfPort(st Station) uint16 { return cmp.Or(st.Port, uint16(e.IPerfPort)) }

// iperfServer starts a server for one test and returns when it listens.
func (e *Env) iperfServer(ctx context.Context, st Station) (*process, error) {
	p, err := e.agent(ctx, st, "guard", "--", e.IPerf, "-s", "-1", "--forceflush",
		"-B", st.Addr4.String(), "-p", strconv.Itoa(int(e.iperfPort(st))))
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	for buf := make([]byte, 512); !strings.Contains(said.String(), "listening"); {
		n, err := p.stdout.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			return nil, p.fail(fmt.Errorf("iperf3 server did not start: %w: %s", err, said.String()))
		}
	}
	return p, nil
}

func (e *Env) iperfClient(ctx context.Context, st Station, args []string) (iperfResult, error) {
	p, err := e.agent(ctx, st, append([]string{"guard", "--", e.IPerf}, args...)...)
	if err != nil {
		return iperfResult{}, err
	}
	defer p.end()
	out, err := io.ReadAll(p.stdout)
	if err != nil {
		return iperfResult{}, p.fail(err)
	}
	r, perr := parseIperf(out)
	if err := p.wait(); err != nil && perr == nil {
		return r, err
	}
	return r, perr
}

// iperfResult is the part of iperf3 -J that is used.
type iperfResult struct {
	Error string `json:"error"`
	Start struct {
		Version   string     `json:"version"`
		Connected []struct{} `json:"connected"` // the data connections
	} `json:"start"`
	Intervals []iperfInterval `json:"intervals"`
	End       struct {
		Sent     iperfSum `json:"sum_sent"`
		Received iperfSum `json:"sum_received"`
		Sender   string   `json:"sender_tcp_congestion"`
	} `json:"end"`
}

type iperfInterval struct {
	Sum struct {
		Seconds float64 `json:"seconds"`
		Bytes   float64 `json:"bytes"`
	} `json:"sum"`
}

type iperfSum struct {
	Bytes       float64 `json:"bytes"`
	Rate        float64 `json:"bits_per_second"`
	Retransmits float64 `json:"retransmits"`
}

// parseIperf reads what iperf3 -J printed.
func parseIperf(out []byte) (iperfResult, error) {
	var r iperfResult
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("read iperf3's JSON: %w", err)
	}
	if r.Error != "" {
		return r, errors.New("iperf3: " + r.Error)
	}
	if r.End.Received.Bytes <= 0 {
		return r, errors.New("iperf3: no byte was received")
	}
	return r, nil
}

// total returns the bytes of the whole run, warm-up included.
func (r iperfResult) total() float64 {
	var n float64
	for _, i := range r.Intervals {
		n += i.Sum.Bytes
	}
	return max(n, r.End.Received.Bytes)
}

func (r iperfResult) sample(cpu CPUTime) Sample {
	gb := r.total() / gigabyte
	return Sample{
		Values: map[string]float64{
			Throughput:    r.End.Received.Rate / 1e9,
			CPUPerGB:      cpu.Busy.Seconds() / gb,
			"retransmits": r.End.Sent.Retransmits / (r.End.Received.Bytes / gigabyte),
		},
		Bytes:      uint64(r.End.Received.Bytes),
		Congestion: r.End.Sender,
	}
}
