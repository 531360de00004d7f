package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// UDP is frames of one size, sent by the agent.
type UDP struct {
	// Frame is the Ethernet frame size with its check sequence, in bytes.
	Frame int
	// Rate is frames a second; 0 sends as fast as it goes.
	Rate float64
}

// Name is udp-SIZE, with @RATE for a limited one.
func (u UDP) Name() string {
	if u.Rate > 0 {
		return fmt.Sprintf("udp-%d@%g", u.Frame, u.Rate)
	}
	return "udp-" + strconv.Itoa(u.Frame)
}

// Metrics implements Workload.
func (UDP) Metrics() []Metric {
	return []Metric{
		{Name: FrameRate, Unit: "1000 frames/s received", Compared: true},
		{Name: CPUPerPkt, Unit: "us/frame received", Lower: true, Compared: true},
		{Name: "offered", Unit: "1000 frames/s"},
		{Name: "lost", Unit: "share of sent", Lower: true},
		{Name: "reordered", Unit: "share of received", Lower: true},
		{Name: "duplicates", Unit: "frames", Lower: true},
		{Name: "socket drops", Unit: "share of sent", Lower: true},
	}
}

// Run implements Workload.
func (u UDP) Run(ctx context.Context, env *Env, a, b Station) (Sample, error) {
	tx, rx, err := u.exchange(ctx, env, a, b, false)
	if err != nil {
		return Sample{}, err
	}
	if rx.InWindow == 0 {
		return Sample{}, fmt.Errorf("%s: of %d frames none arrived in the window", u.Name(), tx.Sent)
	}
	sent, unique := float64(tx.Sent), float64(rx.Received-rx.Duplicates)
	payload, err := payloadLen(u.Frame, b.Addr4)
	return Sample{
		Values: map[string]float64{
			FrameRate:      float64(rx.InWindow) / rx.Window.Seconds() / 1e3,
			CPUPerPkt:      float64(rx.CPU.Busy.Microseconds()) / float64(rx.InWindow),
			"offered":      sent / tx.Elapsed.Seconds() / 1e3,
			"lost":         max(1-unique/sent, 0),
			"reordered":    float64(rx.Reordered) / float64(rx.Received),
			"duplicates":   float64(rx.Duplicates),
			"socket drops": float64(rx.SocketDrops) / sent,
		},
		Frames: rx.Received,
		Bytes:  rx.Received * uint64(payload),
	}, err
}

// drain is how long the receiver stays after the sender's end: frames that are
// on the road then still arrive.
const drain = 100 * time.Millisecond

// exchange sends for the warm-up and the window and returns both reports. With
// drop the receiver never reads.
func (u UDP) exchange(ctx context.Context, env *Env, a, b Station, drop bool) (tx SendReport, rx ReceiveReport, err error) {
	ctx, cancel := context.WithTimeout(ctx, env.Warmup+env.Length+slack)
	defer cancel()
	recv, at, err := env.listener(ctx, b, "udp-recv", "-warmup", env.Warmup.String(),
		"-window", env.Length.String(), "-drop="+strconv.FormatBool(drop))
	if err != nil {
		return tx, rx, err
	}
	defer recv.end()
	send, err := env.agent(ctx, a, "udp-send", "-to", at.String(), "-frame", strconv.Itoa(u.Frame),
		"-for", (env.Warmup + env.Length + drain).String(), "-rate", strconv.FormatFloat(u.Rate, 'g', -1, 64))
	if err != nil {
		return tx, rx, err
	}
	defer send.end()
	if err := send.report(&tx); err != nil {
		return tx, rx, err
	}
	time.Sleep(drain)
	recv.stop()
	return tx, rx, recv.report(&rx)
}

// Generator is what the frame generator does when nothing is under test.
type Generator struct {
	Frame int `json:"frame_bytes"`
	// Alone is the rate at which it sends over a plain veth pair into a socket
	// that nobody reads, in 1000 frames/s: no figure can be above it.
	Alone float64 `json:"alone_kfps"`
	// Received is the rate at which the receiver takes frames over the same pair.
	Received float64 `json:"received_kfps"`
}

// measureGenerator measures both over a plain pair of stations.
func measureGenerator(ctx context.Context, env *Env, frame int, a, b Station) (Generator, error) {
	g, u := Generator{Frame: frame}, UDP{Frame: frame}
	tx, _, err := u.exchange(ctx, env, a, b, true)
	if err != nil {
		return g, fmt.Errorf("measure the generator alone: %w", err)
	}
	g.Alone = float64(tx.Sent) / tx.Elapsed.Seconds() / 1e3
	s, err := u.Run(ctx, env, a, b)
	if err != nil {
		return g, fmt.Errorf("measure the generator over a plain pair: %w", err)
	}
	g.Received = s.Values[FrameRate]
	return g, nil
}
