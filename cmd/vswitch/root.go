package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// commands lists what the program can do, in the order of its help. A command
// gets the app and returns itself; a noun with verbs returns a command made by
// group.
var commands = []func(*app) *cobra.Command{
	demoCommand,
	doctorCommand,
	upCommand,
	downCommand,
	statusCommand,
	networkCommand,
	runCommand,
	startCommand,
	execCommand,
	psCommand,
	stopCommand,
	rmCommand,
	waitCommand,
	logsCommand,
	inspectCommand,
	attachCommand,
	detachCommand,
	portCommand,
	pingCommand,
	pingallCommand,
	iperfCommand,
	fdbCommand,
	neighCommand,
	leaseCommand,
	dnsCommand,
	routeCommand,
	natCommand,
	conntrackCommand,
	statsCommand,
	metricsCommand,
	benchCommand,
	explainCommand,
	versionCommand,
	completionCommand,
	manCommand,
	benchAgentCommand,
	keeperCommand,
	switchProcessCommand,
	proofCommand,
}

// app is what all commands share: where they read and write, and the global
// flags. One run has one app.
type app struct {
	in       io.Reader
	out, err io.Writer

	// link leads to the switch, now tells the time.
	link linkage
	now  func() time.Time

	output           string
	noColor          bool
	socket, stateDir string
}

// run is the program without its globals: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	a := &app{in: in, out: out, err: errw, link: processLink{}, now: time.Now}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
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
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "", "output `format`: text, wide, json, jsonl, yaml, name")
	root.PersistentFlags().StringVar(&a.socket, "socket", "", "the switch's `socket`, where it is not in its usual place")
	root.PersistentFlags().StringVar(&a.stateDir, "state-dir", "", "the switch's `folder` for its state")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "no colours (also: NO_COLOR)")
	for _, command := range commands {
		root.AddCommand(command(a))
	}
	divide(root)
	root.SetHelpCommand(helpCommand())
	noteEnvironment(root)
	return root
}

// prepare runs before every command: flags out of the environment, then the
// checks that are the same for all commands.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	if err := flagsFromEnvironment(cmd); err != nil {
		return err
	}
	return a.checkOutput()
}
