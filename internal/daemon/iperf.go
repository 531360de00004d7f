package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/network"
)

// The limits of a measurement.
const (
	iperfSeconds, mostIperfSeconds = 5, 120
	mostStreams                    = 64
	// iperfTries is how often the client tries until the server listens.
	iperfTries, iperfPause = 20, 100 * time.Millisecond
	// iperfPatience is how much longer than asked for a measurement may take.
	iperfPatience = 15 * time.Second
)

// Iperf implements server.Backend: iperf3's server runs in one container, its
// client in the other.
func (d *Daemon) Iperf(ctx context.Context, c api.Iperf) (api.IperfResult, error) {
	out := api.IperfResult{Schema: api.Schema("iperf")}
	if c.Seconds == 0 {
		c.Seconds = iperfSeconds
	}
	c.Streams = max(c.Streams, 1)
	if c.Seconds < 0.1 || c.Seconds > mostIperfSeconds || c.Streams > mostStreams {
		return out, api.Errorf(api.InvalidValue, nil, "cannot measure from %q to %q", c.From, c.To).
			Because("0.1 to %d seconds, 1 to %d streams", mostIperfSeconds, mostStreams)
	}
	c.Seconds = math.Ceil(c.Seconds) // iperf3 cuts parts of a second off, and 0 never ends
	from, err := d.m.Enter(c.From)
	if err != nil {
		return out, err
	}
	name, addr, err := d.target(from, c.To, c.Network, c.IPv6)
	if err != nil {
		return out, err
	}
	out.From, out.To, out.Address, out.Seconds = from.Name, name, addr.String(), c.Seconds
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Seconds*float64(time.Second))+iperfPatience)
	defer cancel()
	port := strconv.Itoa(20000 + rand.IntN(40000))
	server, err := d.begin(c.To, "iperf3", "-s", "-1", "-p", port)
	if err != nil {
		return out, err
	}
	defer server.end()
	text, err := d.measure(ctx, c, addr.String(), port)
	if err != nil {
		return out, err
	}
	return out, readIperf(text, c.UDP, &out)
}

// measure runs the client until the server listens.
func (d *Daemon) measure(ctx context.Context, c api.Iperf, addr, port string) ([]byte, error) {
	args := []string{"iperf3", "-J", "-c", addr, "-p", port, "-t", strconv.FormatFloat(c.Seconds, 'f', -1, 64), "-P", strconv.Itoa(c.Streams)}
	if c.Reverse {
		args = append(args, "-R")
	}
	if c.UDP {
		args = append(args, "-u")
		if c.Rate == "" {
			c.Rate = "0"
		}
	}
	if c.Rate != "" {
		args = append(args, "-b", c.Rate)
	}
	for try := 1; ; try++ {
		p, err := d.begin(c.From, args...)
		if err != nil {
			return nil, err
		}
		code, text, err := p.finish(ctx)
		refused := strings.Contains(string(text), "Connection refused")
		switch {
		case err != nil:
			return nil, api.Errorf(api.TimedOut, err, "cannot measure from %q to %q", c.From, c.To)
		case code == 0 || !refused || try == iperfTries:
			return text, nil
		}
		time.Sleep(iperfPause)
	}
}

// piped is a program whose output is read.
type piped struct {
	p    network.Program
	out  bytes.Buffer
	done chan struct{}
}

// begin starts a program in a container.
func (d *Daemon) begin(container string, args ...string) (*piped, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	p, err := d.m.Exec(container, api.Exec{Cmd: args}, [3]*os.File{nil, w, w})
	if err != nil {
		r.Close()
		if e := api.AsError(err); e.Code == api.NoCommand {
			return nil, api.Errorf(api.ToolMissing, err, "cannot measure in container %q", container).
				WithFix("ask an administrator to install it (Debian, Ubuntu):  apt-get install %s", args[0])
		}
		return nil, err
	}
	t := &piped{p: p, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		defer r.Close()
		_, _ = io.Copy(&t.out, io.LimitReader(r, 4<<20))
	}()
	return t, nil
}

// finish waits for the program's end and returns what it wrote.
func (t *piped) finish(ctx context.Context) (int, []byte, error) {
	code, err := t.p.Wait(ctx)
	if err != nil {
		t.end()
		return 0, nil, err
	}
	<-t.done
	return code, t.out.Bytes(), nil
}

// end kills the program, if it still runs.
func (t *piped) end() {
	_ = t.p.Kill()
	<-t.done
}

// iperfReport is what is read of iperf3's JSON.
type iperfReport struct {
	Error string
	End   struct {
		Sent     sum    `json:"sum_sent"`
		Received sum    `json:"sum_received"`
		Sum      sum    `json:"sum"`
		Sender   string `json:"sender_tcp_congestion"`
	}
}

type sum struct {
	BitsPerSecond float64 `json:"bits_per_second"`
	Retransmits   int     `json:"retransmits"`
	LostPercent   float64 `json:"lost_percent"`
	JitterMs      float64 `json:"jitter_ms"`
}

func readIperf(text []byte, udp bool, out *api.IperfResult) error {
	var r iperfReport
	err := json.Unmarshal(text, &r)
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		return api.Errorf(api.Unexpected, err, "cannot measure from %q to %q", out.From, out.To)
	}
	out.Sent, out.Received, out.Retransmits = r.End.Sent.BitsPerSecond, r.End.Received.BitsPerSecond, r.End.Sent.Retransmits
	out.Congestion = r.End.Sender
	if udp {
		out.LostPercent, out.JitterMs = r.End.Sum.LostPercent, r.End.Sum.JitterMs
		out.Sent = max(out.Sent, r.End.Sum.BitsPerSecond)
		if out.Received == 0 {
			out.Received = r.End.Sum.BitsPerSecond * (1 - r.End.Sum.LostPercent/100)
		}
	}
	return nil
}
