package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"vswitch/internal/api"
	"vswitch/internal/doctor"
)

// formats are the values of --output. A command that lists nothing shows wide as
// text and has no names.
var formats = []string{"text", "wide", "json", "jsonl", "yaml", "name"}

// checkOutput refuses a format that there is not.
func (a *app) checkOutput() error {
	if a.output == "" || slices.Contains(formats, a.output) {
		return nil
	}
	if strings.Contains(a.output, "=") { // Docker's -o of network create
		return invalidFlag("--output", a.output, nil).Because("-o is the output's format here").
			WithFix("give an option of a network with:  --opt %s", a.output)
	}
	return oneOf("--output", "-o", a.output, formats)
}

// oneOf is the error for a flag that takes one of some words and was given another.
// Short is the flag as it is best typed.
func oneOf(flag, short, value string, words []string) error {
	err := invalidFlag(flag, value, nil).Because("it takes %s", strings.Join(words, ", "))
	if near := api.Nearest(value, words); near != "" {
		return err.WithFix("did you mean:  %s %s", short, near)
	}
	return err.WithFix("use one of:  %s %s", short, strings.Join(words, ", "+short+" "))
}

// outputAsked finds the format in a command line that could not be read to its
// end, or in the environment: an error must come in it too.
func outputAsked(args []string) string {
	asked := os.Getenv(environmentName("output"))
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, "--output="); ok {
			asked = v
		} else if (a == "-o" || a == "--output") && i+1 < len(args) {
			asked = args[i+1]
		} else if v, ok := strings.CutPrefix(a, "-o"); ok && v != "" {
			asked = strings.TrimPrefix(v, "=")
		}
	}
	return asked
}

// show writes v as JSON, indented or as one line, or as YAML, when that is asked
// for, and otherwise what text returns.
func (a *app) show(v any, text func() string) error {
	switch a.output {
	case "json":
		return writeJSON(a.out, v, "  ")
	case "jsonl":
		return writeJSON(a.out, v, "")
	case "yaml":
		return writeYAML(a.out, v)
	}
	_, err := io.WriteString(a.out, text())
	return err
}

// writeJSON writes v and a line feed. Angle brackets stay as they are.
func writeJSON(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// tell shows an error to the user: on stderr, in the form that was asked for.
func (a *app) tell(err error) {
	e := api.AsError(err)
	switch a.output {
	case "json", "jsonl":
		_ = writeJSON(a.err, e, "") // nobody is left to tell
		return
	case "yaml":
		_, _ = io.WriteString(a.err, "---\n")
		_ = writeYAML(a.err, e)
		return
	}
	text := e.Text()
	if a.colours(a.err) {
		text = red + "error:" + plain + strings.TrimPrefix(text, "error:")
	}
	_, _ = io.WriteString(a.err, text)
}

// reported is an error that the user has been told already, as the command's own
// output: only the exit code is left to give.
type reported struct{ cause error }

func (r reported) Error() string { return r.cause.Error() }
func (r reported) Unwrap() error { return r.cause }

// exitStatus is the exit code of a program that was run for the user; it passes
// through unchanged, and nothing is printed.
type exitStatus int

func (e exitStatus) Error() string { return "the program failed" }

// exitCode returns what the program ends with after err.
func exitCode(err error) api.Exit {
	if status, ok := errors.AsType[exitStatus](err); ok {
		return api.Exit(status)
	}
	return api.ExitOf(err)
}

// Escape sequences of a terminal (ECMA-48, SGR).
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	plain  = "\x1b[0m"
)

// colours reports whether w is a terminal that should get colours.
func (a *app) colours(w io.Writer) bool {
	return !a.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && a.terminal(w)
}

// terminal reports whether w is a terminal.
func (a *app) terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// paint returns how the verdicts of doctor are coloured on stdout.
func (a *app) paint() doctor.Painter {
	if !a.colours(a.out) {
		return nil
	}
	colour := map[doctor.Status]string{doctor.OK: green, doctor.Warn: yellow, doctor.Fail: red}
	return func(s doctor.Status, word string) string {
		if c := colour[s]; c != "" {
			return c + word + plain
		}
		return word
	}
}
