package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

func execCommand(a *app) *cobra.Command {
	var p programFlags
	var detach bool
	cmd := &cobra.Command{
		Use:   "exec [flags] CONTAINER [--] COMMAND [ARG]...",
		Short: "Run one more program in a container",
		Long: `exec runs a program of this machine in a running container, beside what runs
there already, and ends with its exit code.`,
		Example: `  vswitch exec web -- ip address
  vswitch exec -t web -- bash`,
		DisableFlagsInUseLine: true,
		Args:                  execArguments,
		ValidArgsFunction:     a.completeContainers(1, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			line := execLine(args)
			env, err := environment(os.Environ(), p.envFiles, p.env)
			if err != nil {
				return err
			}
			dir, err := workingDir(p.dir)
			if err != nil {
				return err
			}
			e := api.Exec{Cmd: line, Env: env, WorkingDir: dir, Tty: !detach && p.tty.wanted(a, cmd.Flags())}
			return a.asking(func(ctx context.Context, s switchAPI, args []string) error {
				if detach {
					return execDetached(ctx, s, args[0], e)
				}
				code, err := a.foreground(ctx, e.Tty, func(ctx context.Context, files [3]*os.File) (program, error) {
					return s.Exec(ctx, args[0], e, files)
				}, "vswitch stop "+args[0])
				return ended(code, err)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait for it, and leave its output")
	p.add(cmd.Flags())
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// execLine is the program's command line: what follows the container's name and,
// where it stands, the two dashes.
func execLine(args []string) []string {
	if len(args) > 1 && args[1] == "--" {
		return args[2:]
	}
	return args[1:]
}

func execArguments(cmd *cobra.Command, args []string) error {
	missing := "the container's name"
	if len(args) > 0 {
		missing = "the command"
	}
	if len(args) == 0 || len(execLine(args)) == 0 {
		return api.Errorf(api.WrongUsage, nil, "%s: %s is missing", cmd.CommandPath(), missing).
			WithFix("for example:  vswitch exec web -- ip address")
	}
	return nil
}

// execDetached starts a program that reads nothing and whose output nobody sees.
func execDetached(ctx context.Context, s switchAPI, ref string, e api.Exec) (err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, null.Close()) }()
	_, err = s.Exec(ctx, ref, e, [3]*os.File{null, null, null})
	return err
}
