package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// What the reports have in common: how they are read and written, how a figure is
// found, and the parts of their text that say the same.

// find returns the first of all that matches, or nil.
func find[E any](all []E, matches func(*E) bool) *E {
	for i := range all {
		if matches(&all[i]) {
			return &all[i]
		}
	}
	return nil
}

// writeJSON writes a report, indented. The signs of aims stay as they are.
func writeJSON(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(report); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// readReport reads a report that must have one of the schemas.
func readReport[R any](rd io.Reader, schema func(*R) string, want ...string) (*R, error) {
	var r R
	if err := json.NewDecoder(rd).Decode(&r); err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if got := schema(&r); !slices.Contains(want, got) {
		return nil, fmt.Errorf(`read results: schema %q, want "%s"`, got, strings.Join(want, `" or "`))
	}
	return &r, nil
}

// writeNotes writes the sentences below a table.
func writeNotes(b *bufio.Writer, notes []string) {
	line(b, "")
	for _, n := range notes {
		wrap(b, n, 79)
	}
}

// writeHead begins a section of RESULTS.md.
func writeHead(b *bufio.Writer, title string, started time.Time, facts []string) {
	fmt.Fprintf(b, "## %s, %s\n\n", title, started.Format(time.DateOnly))
	writeList(b, facts)
}

// writeList writes an item of a list in Markdown for each text.
func writeList(b *bufio.Writer, texts []string) {
	for _, text := range texts {
		fmt.Fprintf(b, "- %s\n", text)
	}
}

// fact describes the machine.
func (m *Machine) fact() string {
	return fmt.Sprintf("Machine: %d x %s, Linux %s, %s, %s", m.Cores, m.CPU, m.Kernel, m.Go, or(m.IPerf, "no iperf3"))
}

// loadFact describes the load averages around a measurement.
func loadFact(before, after [3]float64) string {
	text := func(l [3]float64) string { return fmt.Sprintf("%.2f %.2f %.2f", l[0], l[1], l[2]) }
	return fmt.Sprintf("Load average: %s before, %s after (the measurement itself is in it)", text(before), text(after))
}

// tell adds the texts that are not empty and were not told yet: two rows are often
// measured alike, and a section fails once.
func tell(told []string, texts ...string) []string {
	for _, text := range texts {
		if text != "" && !slices.Contains(told, text) {
			told = append(told, text)
		}
	}
	return told
}
