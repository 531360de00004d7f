package main

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// commands lists what the program can do, in the order of its help. A command
// gets the app and returns itself; a noun with verbs returns a command made by
// group.
var commands = []func(*app) *cobra.Command{
	demoCommand,
	doctorCommand,
	benchCommand,
	explainCommand,
	versionCommand,
	completionCommand,
	benchAgentCommand,
	proofCommand,
}

// app is what all commands share: where they read and write, and the global
// flags. One run has one app.
type app struct {
	in       io.Reader
	out, err io.Writer

	output  string
	noColor bool
}

// run is the program without its globals: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	a := &app{in: in, out: out, err: errw}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return int(api.ExitDone)
	}
	var told reported
	if !errors.As(err, &told) {
		a.output = cmp.Or(a.output, outputAsked(args))
		a.tell(err)
	}
	return int(exitCode(err))
}

// root makes the tree of commands.
func (a *app) root() *cobra.Command {
	root := group(&cobra.Command{
		Use:                   "vswitch COMMAND",
		Short:                 "A virtual switch in userspace, with and without root",
		Long:                  longHelp,
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
		CompletionOptions:     cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE:     a.prepare,
	})
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(usageTemplate)
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "", "output `format`: text, json or jsonl")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "no colours (also: NO_COLOR)")
	for _, command := range commands {
		root.AddCommand(command(a))
	}
	root.SetHelpCommand(helpCommand())
	noteEnvironment(root)
	return root
}

const longHelp = `vswitch connects containers - network namespaces - through a switch that runs as
an ordinary program. The same commands work as root and as an ordinary user.

  vswitch demo         see it work in a minute
  vswitch doctor       why does it not work here?`

// usageTemplate is cobra's own, shorter: a noun is not shown as if it ran bare.
const usageTemplate = `Usage:
  {{.UseLine}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Global flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

More about a command: {{.CommandPath}} COMMAND --help{{end}}
`

// prepare runs before every command: flags out of the environment, then the
// checks that are the same for all commands.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	if err := flagsFromEnvironment(cmd); err != nil {
		return err
	}
	return a.checkOutput()
}
