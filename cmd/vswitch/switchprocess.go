package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"vswitch/internal/daemon"
)

// switchProcessCommand is the process that carries frames and answers the API; the
// keeper starts it.
func switchProcessCommand(a *app) *cobra.Command {
	var o launchOptions
	cmd := &cobra.Command{
		Use: "switch-process", Short: "Be the switch process, for the keeper", Hidden: true, Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dirs, err := places(a.socket, a.stateDir)
			if err != nil {
				return err
			}
			uid, rootless := outside()
			return daemon.Main(cmd.Context(), daemon.MainConfig{
				Dirs: dirs, Version: thisVersion().Version, IO: o.loop, Workers: o.workers, User: uid, Rootless: rootless,
				HostLoopback: o.hostLoopback, Log: slog.New(slog.NewTextHandler(a.err, nil)),
			})
		},
	}
	o.add(cmd.Flags())
	return cmd
}

// outside returns the uid that this process's user has outside its user namespace,
// and whether it is in one of its own (user_namespaces(7): uid_map).
func outside() (uid int, rootless bool) {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return os.Geteuid(), false
	}
	var inside, out, n int64
	if _, err := fmt.Sscan(string(text), &inside, &out, &n); err != nil {
		return os.Geteuid(), false
	}
	if n == 1 {
		return int(out), true
	}
	return os.Geteuid(), false
}
