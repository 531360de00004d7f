package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vswitch/internal/api"
	"vswitch/internal/testnet"
)

// Examples in documents are what somebody would see on a terminal: a line that
// begins with "$ " is run by a shell, and what stands below it is what it writes.
// Each document's examples are run in order, with a switch of its own. The rules for
// comparing stand in CONTRIBUTING.md.

// example is one command of a document and what is shown below it.
type example struct {
	line    int
	command string
	shown   []string
}

// own are commands that have tests of their own: they need a machine that fails, or
// take minutes.
var own = regexp.MustCompile(`^vswitch (demo|bench|doctor)\b`)

// examplesOf returns the examples of a document's blocks of code that begin with one.
// A block is fenced, or indented by four spaces.
func examplesOf(text string) (all []example) {
	fenced, open, n := false, false, 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		n++
		code, in := line, fenced
		switch {
		case strings.HasPrefix(line, "```"):
			fenced, open = !fenced, false
			continue
		case fenced:
		case strings.HasPrefix(line, "    "):
			code, in = line[4:], true
		case line == "":
			in = open
		}
		command, begins := strings.CutPrefix(code, "$ ")
		if open = in && (open || begins); !open {
			continue
		}
		if begins {
			all = append(all, example{line: n, command: command})
		} else {
			last := &all[len(all)-1]
			last.shown = append(last.shown, code)
		}
	}
	return slices.DeleteFunc(all, func(e example) bool { return own.MatchString(e.command) })
}

// asksCode is an example that shows the exit code of the one before it.
const asksCode = "echo $?"

// mayFail reports whether a document shows that its i-th example fails.
func mayFail(all []example, i int) bool {
	return i+1 < len(all) && all[i+1].command == asksCode ||
		slices.ContainsFunc(all[i].shown, func(s string) bool { return strings.HasPrefix(s, "error: ") })
}

// varying is what a command writes differently each time, with what stands for it in
// a comparison.
var varying = []struct {
	seen *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\b[0-9a-f]{12,64}\b`), "ID"},
	{regexp.MustCompile(`\bfd[0-9a-f]{2}:[0-9a-f:]+`), "ULA"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT`), "TIME"},
	{regexp.MustCompile(`\bUp \S+( \S+)*|(\bExited \(\d+\)) \S+( \S+)*`), "$2 SINCE"},
	{regexp.MustCompile(`[\d.]+(/[\d.]+)* ?(ms|s|m|seconds?)\b|\bless than a second`), "TIME"},
	{regexp.MustCompile(`\b(process|switch|keeper) \d+`), "$1 PID"},
	{regexp.MustCompile(`[ \t]+`), " "},
}

// constant returns a line without what varies and without the width of columns.
func constant(line string) string {
	for _, v := range varying {
		line = v.seen.ReplaceAllString(line, v.as)
	}
	return strings.TrimSpace(line)
}

// pattern matches the output that is shown: "..." stands for anything in a line, and
// alone for any lines. Empty lines do not count.
func pattern(shown []string) *regexp.Regexp {
	var b strings.Builder
	for _, line := range shown {
		switch line = constant(line); line {
		case "":
		case "...":
			b.WriteString(`(?:.*\n)*`)
		default:
			b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), regexp.QuoteMeta("..."), ".*") + `\n`)
		}
	}
	return regexp.MustCompile(`\A` + b.String() + `\z`)
}

// agrees reports whether a command's output is what a document shows.
func agrees(shown []string, got string) bool {
	var b strings.Builder
	for line := range strings.Lines(got) {
		if line = constant(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return pattern(shown).MatchString(b.String())
}

// answer is what an example did.
type answer struct {
	code int
	out  string
}

// perform runs examples in one shell of the lab's user, in order, and returns what
// each did.
func (l *lab) perform(all []example) []answer {
	l.t.Helper()
	const mark = "=== ended with "
	var script strings.Builder
	script.WriteString("exec </dev/null 2>&1\n_code=0\n")
	for _, e := range all {
		fmt.Fprintf(&script, "(exit $_code)\n%s\n_code=$?; printf '\\n%s%%d\\n' $_code\n", e.command, mark)
	}
	out := l.shell(script.String())
	var answers []answer
	for range all {
		text, rest, _ := strings.Cut(out, "\n"+mark)
		code, rest, _ := strings.Cut(rest, "\n")
		n, err := strconv.Atoi(code)
		if err != nil {
			l.t.Fatalf("after %d of %d examples the shell ended:\n%s%s", len(answers), len(all), text, l.log())
		}
		answers, out = append(answers, answer{n, text}), rest
	}
	l.settle(all[len(all)-1].command)
	return answers
}

// settle waits, after down, for the end of the keeper: the next command of the lab is
// another down, which is not to meet it half gone.
func (l *lab) settle(last string) {
	l.t.Helper()
	gone := func() bool {
		_, err := os.Stat(filepath.Join(l.dir, "s"))
		return errors.Is(err, fs.ErrNotExist)
	}
	if strings.HasPrefix(last, "vswitch down") && !testnet.Eventually(gone) {
		l.t.Error("the switch's socket stays after down")
	}
}

// shell runs a script that finds the program as vswitch, and returns what was
// written to stdout and stderr.
func (l *lab) shell(script string) string {
	l.t.Helper()
	path, _ := built()
	var out bytes.Buffer
	env := l.command().Env
	cmd := l.who.command("sh", []string{"-c", script})
	cmd = apart(cmd)
	cmd.SysProcAttr.Pdeathsig = 0 // as command
	cmd.Dir, cmd.Env = l.dir, append(env, "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	if err := testnet.WithNode(l.who.node, cmd.Run); err != nil && !exited(err) && !errors.Is(err, exec.ErrWaitDelay) {
		l.t.Fatal(err)
	}
	return out.String()
}

// apart has a command run in a network namespace of its own, with a loopback interface:
// documents publish the ports that they show, several at the same time and whatever
// this machine listens on.
func apart(cmd *exec.Cmd) *exec.Cmd {
	line := append([]string{"--net", "--", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"}, cmd.Args...)
	own := exec.Command("unshare", line...)
	own.SysProcAttr = cmd.SysProcAttr
	return own
}

// What documents show happens, as root and as an ordinary user.
func TestDocsRun(t *testing.T) {
	n := 0
	for _, doc := range documents(t) {
		all := examplesOf(readDoc(t, doc))
		if len(all) == 0 || strings.HasSuffix(doc, ".ko.md") {
			continue // TestTranslationsShowTheSame
		}
		n++
		t.Run(doc, func(t *testing.T) {
			t.Parallel()
			testnet.NeedPrograms(t, "curl", "dig", "ip", "busybox", "iperf3", "traceroute")
			eachUser(t, func(t *testing.T, l *lab) {
				for i, got := range l.perform(all) {
					e := all[i]
					if got.code != int(api.ExitDone) && !mayFail(all, i) {
						t.Errorf("%s:%d: %s: exit code %d\n%s", doc, e.line, e.command, got.code, got.out)
					}
					if len(e.shown) > 0 && !agrees(e.shown, got.out) {
						t.Errorf("%s:%d: %s\nshown:\n%s\n\ngot:\n%s", doc, e.line, e.command, strings.Join(e.shown, "\n"), got.out)
					}
				}
			})
		})
	}
	if n < 5 {
		t.Errorf("%d documents have examples", n)
	}
}

// A translation shows the same commands and output as the original.
func TestTranslationsShowTheSame(t *testing.T) {
	n := 0
	for _, doc := range documents(t) {
		original, is := strings.CutSuffix(doc, ".ko.md")
		if !is {
			continue
		}
		n++
		want, got := examplesOf(readDoc(t, original+".md")), examplesOf(readDoc(t, doc))
		for i := range max(len(want), len(got)) {
			if i >= len(want) || i >= len(got) {
				t.Errorf("%s has %d examples, the original %d", doc, len(got), len(want))
				break
			}
			if want[i].command != got[i].command || !slices.Equal(want[i].shown, got[i].shown) {
				t.Errorf("%s:%d: %s\ndiffers from the original's line %d: %s", doc, got[i].line, got[i].command, want[i].line, want[i].command)
				break
			}
		}
	}
	if n < 2 {
		t.Errorf("found %d translations", n)
	}
}

// The rule forgives what varies and nothing else.
func TestExamplesAreCompared(t *testing.T) {
	tests := []struct {
		shown, got string
		want       bool
	}{
		{"a b", "a   b\n", true},
		{"a b", "a b\nc\n", false},
		{"a b\n\n", "a c\n", false},
		{"8f0186b2d707 apart", "f9820f8d99bc apart\n", true},
		{"172.18.0.2", "172.18.0.3\n", false},
		{"02:42:ac:11:00:02", "02:42:ac:11:00:03\n", false},
		{"64 bytes: ttl=64 time=0.5 ms", "64 bytes: ttl=64 time=12 ms\n", true},
		{"64 bytes: ttl=64 time=0.5 ms", "64 bytes: ttl=63 time=0.5 ms\n", false},
		{"web  Up 5 seconds  sleep", "web  Up Less than a …  sleep\n", true},
		{"web  Exited (0) 5 seconds ago  sleep", "web  Exited (1) 5 seconds ago  sleep\n", false},
		{"a ... d", "a b c d\n", true},
		{"a\n...\nd", "a\nb\nc\nd\n", true},
		{"a\n...\nd", "a\nb\nc\n", false},
		{"1 sent, 1 received, 0% lost", "1 sent, 0 received, 100% lost\n", false},
	}
	for _, tt := range tests {
		if got := agrees(strings.Split(tt.shown, "\n"), tt.got); got != tt.want {
			t.Errorf("%q and %q: %v, want %v", tt.shown, tt.got, got, tt.want)
		}
	}
	text := "x\n\n    $ vswitch ps\n    a\n\n    b\n\ny\n```\n$ vswitch demo\nno\n$ false\n$ echo $?\n1\n```\n    plain\n"
	all := examplesOf(text)
	if len(all) != 3 || all[0].line != 3 || len(all[0].shown) != 4 || mayFail(all, 0) || !mayFail(all, 1) {
		t.Errorf("%+v", all)
	}
}
