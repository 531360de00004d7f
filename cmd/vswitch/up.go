package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vswitch/internal/api"
	"vswitch/internal/engine"
)

func (o *launchOptions) add(f *pflag.FlagSet) {
	f.StringVar(&o.loop, "io", engine.Auto, "I/O `loop`: epoll, uring, auto")
	f.IntVar(&o.workers, "workers", 0, "worker `threads` (default: one for every two cores)")
	f.BoolVar(&o.hostLoopback, "allow-host-loopback", false, loopbackUsage+", on all networks")
}

// check refuses what makes no sense before anything is started.
func (o *launchOptions) check() error {
	if o.workers < 0 {
		return invalidFlag("--workers", strconv.Itoa(o.workers), nil).WithFix("give 1 or more, or leave it out")
	}
	return checkLoop(o.loop)
}

func upCommand(a *app) *cobra.Command {
	var o launchOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the switch process",
		Long: `up starts the switch in the background and returns when it answers. Commands
that make something start it by themselves; up is for its flags, and for a
service manager: --foreground stays, with the log on stderr. Sockets that systemd
has bound for the service (sd_listen_fds(3)) serve the ports that are published
at their addresses, low ones of an ordinary user's switch too.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.up(cmd.Context(), o)
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().BoolVar(&o.foreground, "foreground", false, "stay, and end with the switch")
	return cmd
}

// up starts the switch where none runs, and shows which one runs now.
func (a *app) up(ctx context.Context, o launchOptions) error {
	s, err := a.reach()
	if err != nil {
		return err
	}
	st, err := s.Status(ctx)
	if err == nil {
		if err := refuseSockets(); err != nil {
			return err
		}
		if o.hostLoopback {
			fmt.Fprintln(a.err, "vswitch: a switch that is up keeps its options; to have --allow-host-loopback:  vswitch down --keep && vswitch up --allow-host-loopback")
		}
		return a.show(st, func() string { return fmt.Sprintf("the switch is up already (process %d)\n", st.PID) })
	}
	if !a.link.down(err) {
		return err
	}
	if err := a.link.launch(ctx, a.socket, a.stateDir, o); err != nil || o.foreground {
		return err
	}
	if st, err = s.Status(ctx); err != nil {
		return err
	}
	return a.show(st, func() string { return fmt.Sprintf("the switch is up (process %d, %s)\n", st.PID, st.Socket) })
}

// downResult is what `down -o json` shows.
type downResult struct {
	Schema  string        `json:"schema"`
	Removed []api.Removed `json:"removed"`
}

func downCommand(a *app) *cobra.Command {
	var d api.Down
	cmd := &cobra.Command{
		Use:   "down",
		Short: "End the switch process and remove what it made",
		Long: `down ends the switch, its containers and its networks, and shows what it has
removed. With --keep networks, leases and stopped containers stay in its files
and are there again after the next start.`,
		Args: arguments(0),
		RunE: a.asking(func(ctx context.Context, s switchAPI, _ []string) error { return a.down(ctx, s, d) }),
	}
	cmd.Flags().BoolVar(&d.Keep, "keep", false, "keep networks, leases and stopped containers for the next start")
	return cmd
}

// down ends the switch. What it removes is shown while it happens, or at the end as
// one document.
func (a *app) down(ctx context.Context, s switchAPI, d api.Down) error {
	result := downResult{api.Schema("down"), []api.Removed{}}
	var first error
	err := s.Down(ctx, d, func(r api.Removed) {
		result.Removed = append(result.Removed, r)
		if r.Error != nil && first == nil {
			first = r.Error
		}
		a.showRemoved(r)
	})
	for try := 0; len(result.Removed) == 0 && ending(err) && !a.link.down(err) && try < downTries; try++ {
		time.Sleep(downPause) // a switch that is just ending; the next answer is that it is down
		err = s.Down(ctx, d, func(r api.Removed) { result.Removed = append(result.Removed, r); a.showRemoved(r) })
	}
	nothing := len(result.Removed) == 0 && a.link.down(err)
	switch {
	case nothing:
		fmt.Fprintln(a.err, "vswitch: the switch was not up")
		if !d.Keep {
			left, err := a.link.forget(a.socket, a.stateDir)
			if err != nil {
				return err
			}
			if left != "" {
				gone := api.Removed{Kind: "state", Name: left}
				result.Removed = append(result.Removed, gone)
				a.showRemoved(gone)
			}
		}
	case err != nil:
		return err
	}
	if a.output == "json" || a.output == "yaml" {
		if err := a.show(result, nil); err != nil {
			return err
		}
	}
	if first != nil {
		return reported{first}
	}
	return nil
}

// A switch that ends is asked again until it is gone.
const (
	downTries = 50
	downPause = 100 * time.Millisecond
)

// ending reports whether the switch did not answer.
func ending(err error) bool { return err != nil && api.AsError(err).Code == api.SwitchUnreachable }

// showRemoved writes one line: what is gone on stdout, what is not on stderr.
func (a *app) showRemoved(r api.Removed) {
	switch {
	case a.output == "json" || a.output == "yaml":
	case a.output == "jsonl":
		if line, err := withSchema(api.Schema("removed"), r); err == nil {
			_ = writeJSON(a.out, line, "") // the switch goes down whether it is read or not
		}
	case r.Error != nil:
		a.tell(r.Error)
	default:
		fmt.Fprintf(a.out, "removed %s %s\n", r.Kind, r.Name)
	}
}
