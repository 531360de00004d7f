package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vswitch/internal/api"
	"vswitch/internal/doctor"
)

// failing adds, for one test, a command that ends with err.
func failing(t *testing.T, err error) {
	t.Helper()
	before := commands
	t.Cleanup(func() { commands = before })
	commands = append(commands[:len(commands):len(commands)], func(*app) *cobra.Command {
		return &cobra.Command{Use: "fail", RunE: func(*cobra.Command, []string) error { return err }}
	})
}

func TestExitCodes(t *testing.T) {
	coded := api.Errorf(api.NameExists, nil, "cannot create network %q", "lan")
	tests := []struct {
		name string
		err  error
		want int
		told bool
	}{
		{"success", nil, 0, false},
		{"an error of the catalogue", fmt.Errorf("wrapped: %w", coded), 5, true},
		{"an error without a code", errors.New("odd"), 1, true},
		{"told already", reported{coded}, 5, false},
		{"a program's own", reported{exitStatus(42)}, 42, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			failing(t, tt.err)
			var out, errOut bytes.Buffer
			got := run(context.Background(), []string{"fail"}, strings.NewReader(""), &out, &errOut)
			if got != tt.want || (errOut.Len() > 0) != tt.told || out.Len() > 0 {
				t.Errorf("exit code %d, want %d; stderr %q, stdout %q", got, tt.want, &errOut, &out)
			}
		})
	}
}

// all visits every command of the tree.
func all(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		all(c, visit)
	}
}

// Every help text fits a terminal of 80 columns, flags aside, and every flag
// names its variable.
func TestHelpOfEveryCommand(t *testing.T) {
	root := (&app{out: io.Discard, err: io.Discard}).root()
	all(root, func(c *cobra.Command) {
		var out bytes.Buffer
		c.SetOut(&out)
		if err := c.Help(); err != nil {
			t.Errorf("%s: %v", c.CommandPath(), err)
		}
		for line := range strings.Lines(out.String()) {
			if n := len(strings.TrimSuffix(line, "\n")); n > 80 && !strings.Contains(line, "--") {
				t.Errorf("%s: %d columns: %s", c.CommandPath(), n, line)
			}
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", c.CommandPath(), c.Short)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && strings.Count(f.Usage, "[$"+environmentName(f.Name)+"]") != 1 {
				t.Errorf("%s --%s: the usage does not name its variable once: %s", c.CommandPath(), f.Name, f.Usage)
			}
		})
	})
}

func TestGroupsProposeTheirVerbs(t *testing.T) {
	before := commands
	t.Cleanup(func() { commands = before })
	commands = append(commands[:len(commands):len(commands)], func(*app) *cobra.Command {
		noun := group(&cobra.Command{Use: "network"})
		verb := &cobra.Command{Use: "create", RunE: func(*cobra.Command, []string) error { return nil }}
		secret := &cobra.Command{Use: "creatf", Hidden: true, RunE: verb.RunE}
		noun.AddCommand(verb, secret)
		return noun
	})
	for args, want := range map[string]string{
		"network craete":       `vswitch network has no command "craete"`,
		"network craete --x 1": "did you mean:  vswitch network create\n",
		"network nothing":      "see all commands:  vswitch network --help\n",
		"netwrok craete":       "did you mean:  vswitch network\n",
	} {
		var errOut bytes.Buffer
		code := run(context.Background(), strings.Fields(args), nil, io.Discard, &errOut)
		if code != int(api.ExitUsage) || !strings.Contains(errOut.String(), want) {
			t.Errorf("%s: exit code %d, stderr:\n%s", args, code, &errOut)
		}
	}
	if code := run(context.Background(), []string{"network"}, nil, io.Discard, io.Discard); code != 0 {
		t.Errorf("a bare noun exits with %d", code)
	}
}

func TestColours(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	terminal, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	a := &app{out: terminal}
	if !a.colours(terminal) || a.colours(&bytes.Buffer{}) {
		t.Error("colours are for terminals")
	}
	if got := a.paint()(doctor.Fail, "fail"); got != red+"fail"+plain {
		t.Errorf("painted %q", got)
	}
	if got := a.paint()(doctor.Skip, "skip"); got != "skip" {
		t.Errorf("painted %q", got)
	}
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if a.colours(terminal) || a.paint() != nil {
				t.Error("colours in spite of it")
			}
		})
	}
	a.noColor = true
	if a.colours(terminal) {
		t.Error("colours in spite of --no-color")
	}
}
