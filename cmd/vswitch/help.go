package main

import "github.com/spf13/cobra"

const longHelp = `vswitch connects containers - network namespaces - through a switch that runs as
an ordinary program. The same commands work as root and as an ordinary user.

  vswitch demo         see it work in a minute
  vswitch doctor       why does it not work here?`

// sections divide the program's help; what belongs to none stands at the end.
var sections = []struct {
	title    string
	commands []string
}{
	{"Switch", []string{"up", "down", "status", "doctor", "demo"}},
	{"Networks and containers", []string{
		"network", "run", "start", "exec", "ps", "stop", "rm", "wait", "logs", "inspect", "attach", "detach", "port",
	}},
	{"Quick checks", []string{"ping", "pingall", "iperf", "bench"}},
	{"Tables", []string{"fdb", "neigh", "lease", "dns", "route", "nat", "conntrack", "stats", "metrics"}},
}

// divide puts the commands of the program into their sections.
func divide(root *cobra.Command) {
	section := make(map[string]string)
	for _, s := range sections {
		root.AddGroup(&cobra.Group{ID: s.title, Title: s.title + ":"})
		for _, name := range s.commands {
			section[name] = s.title
		}
	}
	for _, c := range root.Commands() {
		c.GroupID = section[c.Name()]
	}
}

// usageTemplate is cobra's own, shorter: a noun is not shown as if it ran bare.
const usageTemplate = `Usage:
  {{.UseLine}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{$all := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $all}}{{if and .IsAvailableCommand (eq .GroupID $group.ID)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableSubCommands}}

{{if .Groups}}More:{{else}}Commands:{{end}}{{range $all}}{{if and .IsAvailableCommand (eq .GroupID "")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Global flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

More about a command: {{.CommandPath}} COMMAND --help{{end}}
`
