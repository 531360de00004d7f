package doctor

import (
	"fmt"
	"strings"
)

// columns is the width that the text keeps to.
const columns = 80

// Painter colours a word for its status; the identity where there is no colour.
type Painter func(Status, string) string

// Text renders the report for people, in 80 columns but for commands:
//
//	everything: blocked
//	  fail  TAP device         /dev/net/tun: ... [VS-ENV-004]
//	  ok    kernel             Linux 6.18.0
//
//	full speed: works
//	  ...
//
//	Paste this as an administrator:
//
//	# TAP device
//	chmod 0666 /dev/net/tun
//
//	2 checks failed ...
//
// A nil Painter means no colour.
func (r Report) Text(paint Painter) string {
	if paint == nil {
		paint = func(_ Status, word string) string { return word }
	}
	var b strings.Builder
	width := r.titleWidth()
	for _, g := range r.groups() {
		worst := worst(g)
		fmt.Fprintf(&b, "%s: %s\n", g[0].Blocks, paint(worst, verdicts[worst]))
		for _, c := range g {
			c.line(&b, width, paint)
		}
		b.WriteByte('\n')
	}
	if fixes := r.Fixes(); fixes != "" {
		b.WriteString("Paste this as an administrator (vswitch itself never changes the machine):\n\n" + fixes + "\n")
	}
	b.WriteString(r.summary())
	return b.String()
}

// verdicts has a word for a whole group.
var verdicts = map[Status]string{OK: "works", Skip: "works", Warn: "works, but not at its best", Fail: "blocked"}

// worst returns the worst status of a group.
func worst(g []Result) Status {
	w := OK
	for _, c := range g {
		if c.Status == Fail {
			return Fail
		}
		if c.Status == Warn {
			w = Warn
		}
	}
	return w
}

// line writes one check; its detail wraps below itself.
func (c Result) line(b *strings.Builder, width int, paint Painter) {
	detail := c.Detail
	if c.Code != "" {
		detail += "  [" + string(c.Code) + "]"
	}
	status := paint(c.Status, fmt.Sprintf("%-4s", c.Status))
	margin := 2 + 4 + 2 + width + 2
	for i, text := range wrap(detail, columns-margin) {
		if i == 0 {
			fmt.Fprintf(b, "  %s  %-*s  %s\n", status, width, c.Title, text)
			continue
		}
		fmt.Fprintf(b, "%*s%s\n", margin, "", text)
	}
}

// titleWidth returns the width of the column of titles.
func (r Report) titleWidth() int {
	w := 0
	for _, c := range r.Checks {
		w = max(w, len(c.Title))
	}
	return w
}

// summary is the last line.
func (r Report) summary() string {
	failed, warned := r.Count(Fail), r.Count(Warn)
	switch {
	case failed > 0:
		return fmt.Sprintf("%s, %s. More about one: vswitch explain CODE\n", count(failed, "failure"), count(warned, "warning"))
	case warned > 0:
		return fmt.Sprintf("Ready, with %s. More about one: vswitch explain CODE\n", count(warned, "warning"))
	}
	return "Ready.\n"
}

// count puts a number before a noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// wrap breaks text at spaces into lines of at most width bytes; a longer word
// has a line of its own. There is always one line at least.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
