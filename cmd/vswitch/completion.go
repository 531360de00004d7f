package main

import (
	"strings"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// shells are those that completion is written for.
var shells = []string{"bash", "zsh", "fish"}

func completionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write a completion script for bash, zsh or fish",
		Example: `  source <(vswitch completion bash)
  vswitch completion zsh > "${fpath[1]}/_vswitch"
  vswitch completion fish > ~/.config/fish/completions/vswitch.fish`,
		Args:      arguments(1, "the shell's name"),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(a.out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(a.out)
			case "fish":
				return cmd.Root().GenFishCompletion(a.out, true)
			}
			return api.Errorf(api.InvalidValue, nil, "there is no completion for %q", args[0]).
				WithFix("use one of:  %s", strings.Join(shells, ", "))
		},
	}
}
