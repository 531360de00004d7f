package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/bench"
	"vswitch/internal/api"
	"vswitch/internal/daemon"
	"vswitch/internal/engine"
)

func demoCommand(a *app) *cobra.Command {
	d := &demo{app: a}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work in a minute: two containers, one switch",
		Long: `demo makes two containers - bare network namespaces, no image - and joins them
by a switch in this process. It pings, moves data with iperf3, measures the
kernel's bridge beside it in the same run, and shows what crossed the switch by
the switch's own counters. When it ends, nothing of it is left.`,
		Example: `  vswitch demo
  vswitch demo --no-ratio --io epoll
  vswitch demo -o json`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkLoop(d.loop); err != nil {
				return err
			}
			return inside(cmd.Context(), "cannot show the demo", d.run)
		},
	}
	cmd.Flags().StringVar(&d.loop, "io", engine.Auto, "I/O `loop`: epoll, uring, auto")
	cmd.Flags().BoolVar(&d.alone, "no-ratio", false, "do not measure the kernel's bridge (5 s instead of 40)")
	return cmd
}

// checkLoop refuses an I/O loop that there is not.
func checkLoop(name string) error {
	loops := []string{engine.Epoll, engine.Uring, engine.Auto}
	for _, l := range loops {
		if name == l {
			return nil
		}
	}
	err := invalidFlag("--io", name, nil).Because("it takes %s", strings.Join(loops, ", "))
	if near := api.Nearest(name, loops); near != "" {
		return err.WithFix("did you mean:  --io %s", near)
	}
	return err.WithFix("leave it out: the best loop that works here is taken")
}

// demo is one `demo`.
type demo struct {
	*app
	loop  string
	alone bool // without the kernel's bridge

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
	// Gbps, Kernel and Ratio are absent where they were not measured.
	Gbps     float64           `json:"gbps,omitempty"`
	Kernel   float64           `json:"kernel_gbps,omitempty"`
	Ratio    *bench.Spread     `json:"ratio,omitempty"`
	Verified uint64            `json:"verified_bytes"`
	Stations []demoStation     `json:"fdb"`
	Frames   uint64            `json:"in_frames"`
	Copies   uint64            `json:"flood_copies"`
	Sent     uint64            `json:"out_frames"`
	Dropped  uint64            `json:"dropped"`
	Consumed uint64            `json:"consumed"`
	Ends     map[string]uint64 `json:"ends"`
	Balanced bool              `json:"balanced"`
	Copied   uint64            `json:"payload_bytes_copied"`
	// Skipped names what was left out: ping, iperf3, ratio.
	Skipped []string `json:"skipped"`
}

// run shows everything and takes it down again, also when ctx ends on the way.
func (d *demo) run(ctx context.Context) error {
	d.result = demoResult{
		Schema: "vswitch/v1/demo", User: os.Getuid(), Ends: map[string]uint64{},
		Containers: []demoContainer{}, Pings: []demoPing{}, Stations: []demoStation{}, Skipped: []string{},
	}
	d.site = &site{name: "vswitch", cfg: daemon.Config{IO: d.loop}, keep: true}
	if err := d.site.open(); err != nil {
		return err
	}
	if err := errors.Join(d.steps(ctx), d.takeDown()); err != nil {
		return err
	}
	d.say("\nTaken down: both containers, their devices and namespaces. Nothing is left.\n")
	if d.forPerson() {
		return nil
	}
	return d.show(d.result, nil)
}

// steps is what there is to see, in turn.
func (d *demo) steps(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.introduce, d.pings, d.bulk, d.account} {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (d *demo) takeDown() error {
	d.site.keep = false
	if err := d.site.Close(); err != nil {
		return api.Errorf(api.Unexpected, err, "cannot take down all of the demo")
	}
	return nil
}

// forPerson reports whether a person reads, and not a program.
func (d *demo) forPerson() bool { return d.output == "" || d.output == "text" }

// say writes to the person, unless a program reads.
func (d *demo) say(format string, args ...any) {
	if d.forPerson() {
		fmt.Fprintf(d.out, format, args...)
	}
}

// introduce draws what was built.
func (d *demo) introduce(context.Context) error {
	loop, demoted := d.site.node.Loop()
	d.result.Loop = loop
	who := "root"
	if uid := hostUID(); uid != 0 {
		who = fmt.Sprintf("user %d, without root", uid)
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
	if errors.Is(demoted, engine.ErrNoGain) {
		d.say("\n  %s\n", demoted)
	} else if demoted != nil {
		d.say("\n  io_uring is not used: %s\n", api.Reason(demoted))
	}
	d.say("\n")
	return nil
}

// hostUID is the user's number outside the user namespace that the program put
// itself into, which maps that one user only. Root of a container stays root.
func hostUID() int {
	var in, out, n int
	b, err := os.ReadFile("/proc/self/uid_map")
	if err == nil {
		_, err = fmt.Sscan(string(b), &in, &out, &n)
	}
	if err != nil || n != 1 {
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

// skip says that a program is missing and what follows from it.
func (d *demo) skip(tool, pkg, instead string) {
	d.result.Skipped = append(d.result.Skipped, tool)
	d.say("%-7s not installed: %s\n        to have it:  apt-get install -y %s\n", tool, instead, pkg)
}
