package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vswitch/bench"
	"vswitch/internal/api"
	"vswitch/internal/daemon"
	"vswitch/internal/engine"
	"vswitch/internal/frame"
	"vswitch/internal/sandbox"
)

func demoCommand(a *app) *cobra.Command {
	d := &demo{app: a}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work in a minute: two containers, one switch",
		Long: `demo makes two containers - bare network namespaces, no image - and joins them by
a switch in this process. It pings, moves data with iperf3, measures the kernel's
bridge beside it in the same run, and shows what crossed the switch by the
switch's own counters. When it ends, nothing of it is left.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return inside(cmd.Context(), "cannot show the demo", d.run)
		},
	}
	cmd.Flags().StringVar(&d.loop, "io", engine.Auto, "I/O `loop`: epoll, uring, auto")
	cmd.Flags().BoolVar(&d.short, "no-ratio", false, "do not measure the kernel's bridge (10 s instead of 30)")
	return cmd
}

// demo is one `demo`.
type demo struct {
	*app
	loop  string
	short bool

	site   *site
	result demoResult
}

// demoResult is what `demo -o json` shows.
type demoResult struct {
	Schema     string          `json:"schema"`
	User       int             `json:"uid"`
	Loop       string          `json:"io"`
	Containers []demoContainer `json:"containers"`
	Pings      []demoPing      `json:"pings"`
	// Gbps, Kernel and Ratio are absent where there is nothing to measure with.
	Gbps     float64           `json:"gbps,omitempty"`
	Kernel   float64           `json:"kernel_gbps,omitempty"`
	Ratio    *bench.Spread     `json:"ratio,omitempty"`
	Stations []demoStation     `json:"fdb"`
	Frames   uint64            `json:"frames"`
	Copies   uint64            `json:"copies"`
	Sent     uint64            `json:"sent"`
	Ends     map[string]uint64 `json:"ends"`
	Balanced bool              `json:"balanced"`
	Copied   uint64            `json:"payload_bytes_copied"`
	Skipped  []string          `json:"skipped"`
}

type demoContainer struct {
	Name   string   `json:"name"`
	MAC    string   `json:"mac"`
	Addrs  []string `json:"addresses"`
	Port   int      `json:"port"`
	In     uint64   `json:"in_frames"`
	InB    uint64   `json:"in_bytes"`
	Out    uint64   `json:"out_frames"`
	OutB   uint64   `json:"out_bytes"`
	Drops  uint64   `json:"dropped"`
	Offers string   `json:"offloads"`
}

type demoPing struct {
	To      string `json:"to"`
	Summary string `json:"summary"`
	OK      bool   `json:"ok"`
}

type demoStation struct {
	MAC  string `json:"mac"`
	VLAN int    `json:"vlan"`
	Port int    `json:"port"`
	Age  int    `json:"age_s"`
}

// run shows everything and takes it down again, also when ctx ends on the way.
func (d *demo) run(ctx context.Context) (err error) {
	d.result = demoResult{Schema: "vswitch/v1/demo", User: os.Getuid(), Pings: []demoPing{}, Skipped: []string{}}
	d.site = &site{name: "vswitch", cfg: daemon.Config{IO: d.loop}, keep: true}
	if err := d.site.open(); err != nil {
		return err
	}
	defer func() {
		d.site.keep = false
		err = errors.Join(err, d.site.Close())
		if err == nil {
			d.say("\nTaken down: two containers, their devices and their namespaces. Nothing is left.\n")
		}
	}()
	for _, step := range []func(context.Context) error{d.introduce, d.pings, d.bulk, d.account} {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if d.output != "" && d.output != "text" {
		return d.show(d.result, nil)
	}
	return nil
}

// say writes to the person, unless a program reads.
func (d *demo) say(format string, args ...any) {
	if d.output == "" || d.output == "text" {
		fmt.Fprintf(d.out, format, args...)
	}
}

func (d *demo) introduce(context.Context) error {
	loop, demoted := d.site.node.Loop()
	d.result.Loop = loop
	who := "root"
	if uid := hostUID(); uid != 0 {
		who = fmt.Sprintf("an ordinary user (uid %d), in a user namespace", uid)
		d.result.User = uid
	}
	d.say("Two containers and a switch in this process, run by %s:\n\n", who)
	label := fmt.Sprintf("vswitch (%s, %s)", loop, plural(len(d.site.node.Workers()), "worker"))
	for i, m := range d.site.members {
		v4, _ := siteAddr(i)
		d.say("  %-6s %-10s %s  eth0 --+\n", m.Name(), v4.Addr(), m.MAC())
		if i == 0 {
			d.say("  %s+-- %s\n", strings.Repeat(" ", 44), label)
		}
	}
	if demoted != nil {
		d.say("\n  io_uring is not used: %s\n", api.Reason(demoted))
	}
	d.say("\n")
	return nil
}

// hostUID is the user's number outside the user namespace that the program may be
// in: the only line of the map names it.
func hostUID() int {
	var in, out, n int
	b, err := os.ReadFile("/proc/self/uid_map")
	if err == nil {
		_, err = fmt.Sscan(string(b), &in, &out, &n)
	}
	if err != nil {
		return os.Getuid()
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// pings lets alice ping bob by both families.
func (d *demo) pings(ctx context.Context) error {
	if _, err := exec.LookPath("ping"); err != nil {
		d.skip("ping", "iputils-ping")
		return nil
	}
	v4, v6 := siteAddr(1)
	for _, addr := range []string{v4.Addr().String(), v6.Addr().String()} {
		p := d.ping(ctx, addr)
		d.result.Pings = append(d.result.Pings, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !p.OK {
			return api.Errorf(api.ExpectationFailed, nil, "alice cannot ping bob at %s", addr).Because("%s", p.Summary)
		}
		d.say("ping    alice -> bob %-10s  %s\n", addr, p.Summary)
	}
	return nil
}

func (d *demo) ping(ctx context.Context, addr string) demoPing {
	var out strings.Builder
	p, err := d.site.members[0].Sandbox().Command(ctx, sandbox.Cmd{
		Args: []string{"ping", "-n", "-q", "-c", "5", "-i", "0.2", "-w", "5", addr}, Stdout: &out, Stderr: &out,
	})
	if err != nil {
		return demoPing{To: addr, Summary: api.Reason(err)}
	}
	code, err := p.Wait()
	return demoPing{To: addr, Summary: pingSummary(out.String()), OK: code == 0 && err == nil}
}

// pingSummary picks the two lines that say it all out of ping's output.
func pingSummary(out string) string {
	var counts, times string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "packets transmitted") {
			parts := strings.Split(line, ", ")
			counts = strings.Join(parts[:min(2, len(parts))], ", ")
		}
		if _, after, ok := strings.Cut(line, "min/avg/max/mdev = "); ok {
			if f := strings.Split(after, "/"); len(f) > 1 {
				times = f[1] + " ms on average"
			}
		}
	}
	if times == "" {
		return counts
	}
	return counts + ", " + times
}

// skip says that a program is missing and what that leaves out.
func (d *demo) skip(tool, pkg string) {
	d.result.Skipped = append(d.result.Skipped, tool)
	d.say("%-7s is not installed, so this step is left out (apt-get install -y %s)\n", tool, pkg)
}

// bulk measures one TCP stream, and the kernel's bridge beside it.
func (d *demo) bulk(ctx context.Context) error {
	o, err := d.benchOptions()
	if err != nil {
		return err
	}
	if err := o.Preset("quick"); err != nil {
		return err
	}
	o.Candidates = []bench.Runner{d.site}
	o.Env.Congestion = bench.Cubic()
	if _, err := exec.LookPath("iperf3"); err != nil {
		d.skip("iperf3", "iperf3")
		o.Workloads = []bench.Workload{bench.Verified{Bytes: 2 << 30, Seed: 1}}
	}
	if d.short {
		o.Rounds, o.Env.Length = 1, time.Second
	}
	done := d.progress("iperf3  alice -> bob, turn by turn with the kernel's bridge ...")
	report, err := bench.Run(ctx, o)
	done()
	if err != nil {
		return err
	}
	for _, v := range report.Verified {
		if v.Problem != "" {
			return api.Errorf(api.ExpectationFailed, nil, "the bytes that crossed %s are not those that were sent", v.Runner).Because("%s", v.Problem)
		}
	}
	return d.figures(report, o.Workloads[0].Name())
}

// figures shows the one figure of a quick run that matters here.
func (d *demo) figures(report *bench.Report, workload string) error {
	f := report.Find(workload, bench.Throughput, d.site.name)
	if f == nil || f.Ratio.N == 0 {
		return api.Errorf(api.ExpectationFailed, nil, "no sample of %s counts", workload).
			Because("the machine was too busy, or a program failed; see:  vswitch bench l2 --preset quick")
	}
	d.result.Gbps, d.result.Kernel, d.result.Ratio = f.Value, f.Reference, &f.Ratio
	d.say("iperf3  alice -> bob             %.1f Gb/s, one TCP stream\n", f.Value)
	d.say("        kernel bridge + veth     %.1f Gb/s, turn by turn in the same run\n", f.Reference)
	d.say("ratio   %.2f  (pairs from %.2f to %.2f; %s)\n", f.Ratio.Median, f.Ratio.Min, f.Ratio.Max, plural(f.Ratio.N, "pair"))
	for _, v := range report.Verified {
		if v.Runner == d.site.name {
			d.say("bytes   %d MiB of known bytes crossed before that: every one was right\n", v.Bytes>>20)
		}
	}
	return nil
}

// progress shows a line on a terminal while something takes its time.
func (d *demo) progress(text string) (done func()) {
	if !d.terminal(d.err) {
		return func() {}
	}
	fmt.Fprint(d.err, text)
	return func() { fmt.Fprint(d.err, "\r"+strings.Repeat(" ", len(text))+"\r") }
}

// account shows the switch's own books.
func (d *demo) account(context.Context) error {
	t := d.site.settle()
	d.result.Frames, d.result.Copies, d.result.Sent = t.RxFrames, t.Copies, t.TxFrames
	d.result.Balanced, d.result.Copied = t.Balanced(), t.CopiedBytes
	d.result.Ends = map[string]uint64{}
	if err := d.ports(); err != nil {
		return err
	}
	d.say("\n  in %d + copies by flooding %d = out %d + dropped %d", t.RxFrames, t.Copies, t.TxFrames, t.Dropped())
	if !t.Balanced() {
		d.say("  DOES NOT ADD UP\n")
		return api.Errorf(api.ExpectationFailed, nil, "the switch's books do not add up")
	}
	d.say(": every frame is accounted for\n")
	for r := frame.Consumed; r < frame.Reasons; r++ {
		if t.Ends[r] > 0 {
			d.result.Ends[r.String()] = t.Ends[r]
			d.say("  %d %s: %s\n", t.Ends[r], r, r.Sentence())
		}
	}
	d.say("  payload bytes copied in userspace: %d\n", t.CopiedBytes)
	d.stations()
	return nil
}

func (d *demo) ports() error {
	d.say("\nWhat crossed the switch, by its own counters (a super-frame counts once):\n\n")
	d.say("  %-4s  %-9s  %11s  %14s  %11s  %14s\n", "PORT", "CONTAINER", "IN FRAMES", "IN BYTES", "OUT FRAMES", "OUT BYTES")
	for _, m := range d.site.members {
		t, ring, err := m.Totals()
		if err != nil {
			return err
		}
		c := demoContainer{
			Name: m.Name(), MAC: m.MAC().String(), Port: int(m.Port()), Offers: m.Device().Offloads().String(),
			In: t.RxFrames, InB: t.RxBytes, Out: t.TxFrames, OutB: t.TxBytes, Drops: t.Dropped() + ring,
		}
		for _, a := range m.Addrs() {
			c.Addrs = append(c.Addrs, a.String())
		}
		d.result.Containers = append(d.result.Containers, c)
		d.say("  %-4d  %-9s  %11d  %14d  %11d  %14d\n", c.Port, c.Name, c.In, c.InB, c.Out, c.OutB)
	}
	return nil
}

func (d *demo) stations() {
	d.say("\nWho is behind which port, as the switch learned it:\n\n  %-17s  %4s  %4s  %s\n", "MAC", "VLAN", "PORT", "SEEN")
	for _, e := range d.site.node.FDB() {
		d.result.Stations = append(d.result.Stations, demoStation{e.MAC.String(), int(e.VID), int(e.Port), int(e.Age)})
		d.say("  %-17s  %4d  %4d  %d s ago\n", e.MAC, e.VID, e.Port, e.Age)
	}
}
