package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func statusCommand(a *app) *cobra.Command {
	var w watch
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the switch process fares",
		Args:  arguments(0),
		RunE: a.asking(func(ctx context.Context, s switchAPI, _ []string) error {
			return w.run(ctx, a, func(out io.Writer) error {
				st, err := s.Status(ctx)
				if err != nil {
					return err
				}
				shown := *a
				shown.out = out
				return shown.show(st, func() string { return statusText(st, a.now()) })
			})
		}),
	}
	w.add(cmd)
	return cmd
}

// statusText is one line a fact, and what went wrong at the end.
func statusText(st api.Status, now time.Time) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s%s\n", name, oneLine(fmt.Sprintf(format, args...)))
	}
	line("switch", "up for %s, version %s", strings.ToLower(duration(now.Sub(st.Started))), st.Version)
	line("processes", "switch %d, keeper %d, started again %s", st.PID, st.Keeper, times(st.Restarts))
	rights := "root"
	if st.Rootless {
		rights = "an ordinary user, in a user namespace"
	}
	line("user", "%d (%s)", st.User, rights)
	loop := st.Loop
	if st.LoopNote != "" {
		loop += " (" + st.LoopNote + ")"
	}
	line("I/O loop", "%s, %s", loop, plural(st.Workers, "worker"))
	line("objects", "%s, %s (%d running), %s", plural(st.Networks, "network"), plural(st.Containers, "container"), st.Running, plural(st.Ports, "port"))
	line("costs", "%s of memory, %.2f s of processor time", size(float64(st.Memory), "B"), st.CPU)
	line("socket", "%s", st.Socket)
	line("state", "%s", st.StateDir)
	for _, f := range st.Findings {
		line("finding", "%s: %s", ago(now, f.Time), f.Error)
	}
	return b.String()
}

// times says how often.
func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
