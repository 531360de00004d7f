package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vswitch/internal/api"
)

// group makes cmd a noun: called bare it prints its help, and a verb that it does
// not have is an error with a proposal.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return unknownCommand(cmd, args[0])
	}
	return cmd
}

// unknownCommand is the error for a word that is no command below cmd.
func unknownCommand(cmd *cobra.Command, word string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, append(c.Aliases, c.Name())...)
		}
	}
	err := api.Errorf(api.UnknownCommand, nil, "%s has no command %q", cmd.CommandPath(), word)
	if near := api.Nearest(word, names); near != "" {
		return err.WithFix("did you mean:  %s %s", cmd.CommandPath(), near)
	}
	return err.WithFix("see all commands:  %s --help", cmd.CommandPath())
}

// flagError puts what the flag parser says into the form of all errors.
func flagError(cmd *cobra.Command, err error) error {
	word := cmd.Flags().Arg(0)
	if cmd.HasSubCommands() && word != "" && !errors.Is(err, pflag.ErrHelp) {
		return unknownCommand(cmd, word)
	}
	return wrongFlag(cmd, err)
}

// wrongFlag says what is wrong with a flag of cmd.
func wrongFlag(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	help := "see all flags:  " + cmd.CommandPath() + " --help"
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, e, help)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return invalidFlag("--"+e.GetFlag().Name, e.GetValue(), e.Unwrap()).WithFix("%s", help)
	}
	return api.Errorf(api.WrongUsage, nil, "cannot read the flags of %q", cmd.CommandPath()).
		Because("%s", err).WithFix("%s", help)
}

// unknownFlag is the error for a flag that cmd does not have.
func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError, help string) error {
	name := e.GetSpecifiedName()
	if e.GetSpecifiedShortnames() != "" {
		return api.Errorf(api.UnknownFlag, nil, "%s has no flag -%s", cmd.CommandPath(), name).WithFix("%s", help)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	err := api.Errorf(api.UnknownFlag, nil, "%s has no flag --%s", cmd.CommandPath(), name)
	if near := api.Nearest(name, names); near != "" {
		return err.WithFix("did you mean:  --%s", near)
	}
	return err.WithFix("%s", help)
}

// invalidFlag is the error for a value that a flag does not take.
func invalidFlag(name, value string, cause error) *api.Error {
	return api.Errorf(api.InvalidValue, cause, "%s does not take %q", name, value)
}

// arguments checks how many arguments a command was given; names are shown in
// the error. At most as many as names, at least the number min.
func arguments(min int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		help := "see:  " + cmd.CommandPath() + " --help"
		switch {
		case len(args) < min:
			return api.Errorf(api.WrongUsage, nil, "%s: %s is missing", cmd.CommandPath(), names[len(args)]).WithFix("%s", help)
		case len(args) > len(names):
			return api.Errorf(api.WrongUsage, nil, "%s: %q is one argument too many", cmd.CommandPath(), args[len(names)]).WithFix("%s", help)
		}
		return nil
	}
}

// atLeast checks that a command that takes any number of arguments got min of them.
func atLeast(min int, name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= min {
			return nil
		}
		return arguments(min, name)(cmd, args)
	}
}

// environmentName is the variable that can stand for a flag.
func environmentName(flag string) string {
	return "VSWITCH_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// flagsFromEnvironment sets every flag that the command line did not from its
// variable, where that is set and not empty.
func flagsFromEnvironment(cmd *cobra.Command) error {
	var first error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(environmentName(f.Name))
		if f.Changed || value == "" || f.Name == "help" || first != nil {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			cause := err
			if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
				cause = e.Unwrap()
			}
			first = invalidFlag("the variable "+environmentName(f.Name), value, cause)
		}
	})
	return first
}

// noteEnvironment writes the name of its variable behind every flag's usage.
func noteEnvironment(cmd *cobra.Command) {
	note := func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		f.Usage += " [$" + environmentName(f.Name) + "]"
	}
	cmd.PersistentFlags().VisitAll(note)
	cmd.LocalNonPersistentFlags().VisitAll(note)
	for _, c := range cmd.Commands() {
		noteEnvironment(c)
	}
}

// helpCommand is `vswitch help [COMMAND]...`, for those who type it.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "help [COMMAND]...",
		Short:  "Help about a command",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || target.HasSubCommands() && len(rest) > 0 {
				return unknownCommand(target, rest[0])
			}
			return target.Help()
		},
	}
}
