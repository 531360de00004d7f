package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
	"vswitch/internal/api/client"
	"vswitch/internal/daemon"
	"vswitch/internal/sandbox/keeper"
)

// processLink leads to a switch that is a process of its own, below its keeper.
type processLink struct{}

// remote is the client with the program of a start or exec as an interface.
type remote struct{ *client.Client }

func (r remote) Start(ctx context.Context, ref string, files *[3]*os.File) (program, error) {
	return asProgram(r.Client.Start(ctx, ref, files))
}

func (r remote) Exec(ctx context.Context, ref string, e api.Exec, files [3]*os.File) (program, error) {
	return asProgram(r.Client.Exec(ctx, ref, e, files))
}

// asProgram keeps a nil *client.Run from becoming a program that is not nil.
func asProgram(r *client.Run, err error) (program, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (processLink) open(socket, stateDir string) (switchAPI, error) {
	dirs, err := places(socket, stateDir)
	if err != nil {
		return nil, err
	}
	return remote{client.New(dirs.Socket, thisVersion().Version)}, nil
}

func (processLink) down(err error) bool { return client.NotRunning(err) }

func (processLink) launch(ctx context.Context, socket, stateDir string, o launchOptions) error {
	dirs, err := places(socket, stateDir)
	if err != nil {
		return err
	}
	// Only out here do the node's owner and mode have their names.
	if err := openNode(); err != nil {
		return machineError(noStart, err)
	}
	config := keeper.LaunchConfig{
		Dirs: dirs, Foreground: o.foreground, Args: append([]string{"vswitch", "keeper"}, o.arguments(dirs)...),
		Sockets: passedSockets(),
		Ready:   func() { fmt.Fprintf(os.Stderr, "vswitch: the switch is up (%s)\n", dirs.Socket) },
	}
	err = keeper.Launch(ctx, config)
	switch {
	case errors.Is(err, keeper.ErrSocketsLate):
		return lateSockets(len(config.Sockets))
	case errors.Is(err, keeper.ErrAlreadyRuns):
		return api.Errorf(api.StartFailed, err, noStart).Because("the keeper of another switch has its files in %s", dirs.Runtime).
			WithFix("end that one first:  vswitch down")
	}
	return machineError(noStart, err)
}

func (processLink) forget(socket, stateDir string) (string, error) {
	dirs, err := places(socket, stateDir)
	if err != nil {
		return "", err
	}
	found, err := daemon.RemoveState(dirs)
	switch {
	case err != nil:
		return "", api.Errorf(api.StateUnwritable, err, "cannot remove the state in %s", dirs.State)
	case !found:
		return "", nil
	}
	return dirs.State, nil
}

const noStart = "cannot start the switch"

// places finds where the switch has its files.
func places(socket, stateDir string) (keeper.Dirs, error) {
	dirs, err := keeper.Places(socket, stateDir)
	if err != nil {
		return dirs, api.Errorf(api.InvalidValue, err, "cannot find the switch's place").
			WithFix("name another one with --socket and --state-dir")
	}
	return dirs, nil
}

// arguments are the places and options as flags; what was not asked for is left to
// the environment. In the user namespace of an ordinary user everybody is root:
// places must not be worked out again there.
func (o launchOptions) arguments(d keeper.Dirs) []string {
	args := []string{"--socket", d.Socket, "--state-dir", d.State}
	if o.loop != "" {
		args = append(args, "--io", o.loop)
	}
	if o.workers != 0 {
		args = append(args, "--workers", strconv.Itoa(o.workers))
	}
	if o.hostLoopback {
		args = append(args, "--allow-host-loopback")
	}
	return args
}

// keeperCommand is the process that containers live in; the command up starts it.
func keeperCommand(a *app) *cobra.Command {
	var o launchOptions
	cmd := &cobra.Command{
		Use: "keeper", Short: "Be the keeper of a switch, for up", Hidden: true, Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dirs, err := places(a.socket, a.stateDir)
			if err != nil {
				return err
			}
			return keeper.Main(cmd.Context(), keeper.Config{
				Dirs: dirs, Switch: append([]string{"vswitch", "switch-process"}, o.arguments(dirs)...),
				Log: slog.New(slog.NewTextHandler(a.err, nil)),
			})
		},
	}
	o.add(cmd.Flags())
	return cmd
}
