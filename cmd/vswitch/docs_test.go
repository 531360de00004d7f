package main

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// repository is the module's top, seen from here.
const repository = "../.."

func readDoc(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents returns all Markdown of the tree, by path.
func documents(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && slices.Contains([]string{".git", "bin", "testdata"}, d.Name()) {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".md") {
			names = append(names, strings.TrimPrefix(path, repository+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// inline is code within a sentence or a table.
var inline = regexp.MustCompile("`([^`\n]+)`")

// commandsOf returns the command lines of a document that begin with program, in
// its blocks of code and inline. What stands two spaces behind is not of it.
func commandsOf(text, program string) (lines []string) {
	fenced := false
	var code []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced, strings.HasPrefix(line, "    "):
			code = append(code, strings.TrimPrefix(strings.TrimSpace(line), "$ "))
		default:
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				code = append(code, m[1])
			}
		}
	}
	for _, c := range code {
		c, _, _ = strings.Cut(c, "  ")
		c, _, _ = strings.Cut(c, " #")
		if c == program || strings.HasPrefix(c, program+" ") {
			lines = append(lines, c)
		}
	}
	return lines
}

// parses reports why the program would refuse a command line; nothing is run.
func parses(line string) error {
	a := &app{out: io.Discard, err: io.Discard}
	root := a.root()
	var failed error
	unrun(root)
	root.SetArgs(strings.Fields(line)[1:])
	if err := root.ExecuteContext(context.Background()); err != nil {
		failed = err
	}
	return failed
}

// unrun makes every command do nothing, once its flags and arguments were read. A
// noun keeps what it does: it refuses what is no verb. port is a verb of its own, too.
func unrun(cmd *cobra.Command) {
	if !cmd.HasSubCommands() || cmd.Name() == "port" {
		cmd.RunE = func(*cobra.Command, []string) error { return nil }
	}
	for _, c := range cmd.Commands() {
		unrun(c)
	}
}

// Every command that a document shows exists, with its flags.
func TestDocumentedCommandsExist(t *testing.T) {
	n := 0
	for _, doc := range documents(t) {
		for _, line := range commandsOf(readDoc(t, doc), "vswitch") {
			n++
			if err := parses(line); err != nil {
				t.Errorf("%s: %s: %v", doc, line, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("found %d commands; are the documents there?", n)
	}
	for _, wrong := range []string{"vswitch demo --fast", "vswitch frobnicate", "vswitch bench l3", "vswitch version now"} {
		if parses(wrong) == nil {
			t.Errorf("%s: was not refused", wrong)
		}
	}
}

// Every target of make that a document names exists.
func TestDocumentedTargetsExist(t *testing.T) {
	makefile := readDoc(t, "Makefile")
	n := 0
	for _, doc := range documents(t) {
		for _, line := range commandsOf(readDoc(t, doc), "make") {
			for _, word := range strings.Fields(line)[1:] {
				if strings.Contains(word, "=") {
					break // variables come last, and may have spaces
				}
				n++
				if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(word) + `:.*## `).MatchString(makefile) {
					t.Errorf("%s: %s: there is no target %s", doc, line, word)
				}
			}
		}
	}
	if n < 8 {
		t.Errorf("found %d targets; are the documents there?", n)
	}
}

// alone are the commands that need no switch and are cheap. demo and bench are run by
// e2e_test.go, those that need a switch by TestDocsRun.
var alone = []string{"completion", "doctor", "explain", "version"}

// What README shows of them is run.
func TestReadmeCommandsRun(t *testing.T) {
	n := 0
	for _, line := range commandsOf(readDoc(t, "README.md"), "vswitch") {
		args := strings.Fields(line)[1:]
		if len(args) == 0 || !slices.Contains(alone, args[0]) {
			continue
		}
		n++
		code, out, errOut := inProcess(args...)
		if code != 0 && !(args[0] == "doctor" && code == int(api.ExitMachine)) || out == "" || errOut != "" {
			t.Errorf("%s: exit code %d, stdout of %d bytes, stderr %q", line, code, len(out), errOut)
		}
	}
	if n < 5 {
		t.Errorf("ran %d commands", n)
	}
}

// The error that README shows is the one that comes.
func TestReadmeError(t *testing.T) {
	t.Parallel()
	_, shown, ok := strings.Cut(readDoc(t, "README.md"), "    $ vswitch demo\n")
	if !ok {
		t.Fatal("README.md shows no error of vswitch demo")
	}
	shown, _, _ = strings.Cut(shown, "\n\n")
	shown = regexp.MustCompile(`(?m)^    `).ReplaceAllString(shown, "") + "\n"
	closed := asUser
	closed.node = 0o600
	if _, errOut := closed.run(t, api.ExitMachine, "demo"); errOut != shown {
		t.Errorf("shown:\n%s\ngot:\n%s", shown, errOut)
	}
}
