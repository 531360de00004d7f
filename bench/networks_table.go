package bench

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// networksRow formats a line of the table: 80 columns at most.
const networksRow = "%-26s %7s %-5s %15s %3s %-6s %s"

// WriteTable writes the figures as text of at most 80 columns, then what they are.
func (r *NetworksReport) WriteTable(w io.Writer) error {
	b := bufio.NewWriter(w)
	line(b, networksRow, "FIGURE", "MEDIAN", "UNIT", "SPREAD", "N", "AIM", "VERDICT")
	for i := range r.Rows {
		row := &r.Rows[i]
		median, spread := row.shown()
		line(b, networksRow, clip(row.Figure, 26), median, row.Unit, spread, fmt.Sprint(row.Spread.N), row.Aim, or(row.Verdict, "-"))
	}
	writeNotes(b, r.notes())
	return b.Flush()
}

// shown are the median and the range as text.
func (r *Row) shown() (median, spread string) {
	if r.Spread.N == 0 {
		return "-", "-"
	}
	return number(r.Spread.Median), number(r.Spread.Min) + ".." + number(r.Spread.Max)
}

// WriteMarkdown writes the report as a section of RESULTS.md.
func (r *NetworksReport) WriteMarkdown(w io.Writer) error {
	b := bufio.NewWriter(w)
	writeHead(b, "Networks", r.Started, r.facts())
	fmt.Fprint(b, "\n| Figure | Median | Unit | Min..max | 95 % interval | N | Aim | Verdict |\n|---|---|---|---|---|---|---|---|\n")
	for i := range r.Rows {
		row := &r.Rows[i]
		median, spread := row.shown()
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %d | %s | %s |\n", row.Figure, median, row.Unit, spread,
			interval(row.Spread), row.Spread.N, row.Aim, or(row.Verdict, "-"))
	}
	fmt.Fprintln(b)
	writeList(b, r.notes()[1:]) // the first one is the facts
	return b.Flush()
}

// facts describe the machine and the program.
func (r *NetworksReport) facts() []string {
	m, s := r.Machine, r.Settings
	return []string{
		m.fact(),
		"Commit: " + or(m.Commit, "unknown"),
		loadFact(r.LoadBefore, r.LoadAfter),
		fmt.Sprintf("Rounds: %d; many: %d containers by %d clients; samples of %v, %v in all",
			s.Rounds, s.Containers, s.Clients, s.Length, r.Elapsed.Round(time.Second)),
	}
}

// notes are the sentences below the table: the facts first.
func (r *NetworksReport) notes() []string {
	notes := []string{
		strings.Join(r.facts(), ". ") + ".",
		"SPREAD is the least and the greatest value, N how many there are; a verdict is about the median. " +
			"Other load on the machine makes absolute figures worthless: compare the load average with the cores.",
	}
	var told []string
	for i := range r.Rows {
		told = tell(told, how(&r.Rows[i]), why(&r.Rows[i]))
	}
	return append(notes, told...)
}

func how(r *Row) string {
	name := strings.TrimSuffix(strings.TrimSuffix(r.Figure, " p50"), " p99")
	return name + ": " + r.How + "."
}

func why(r *Row) string {
	switch {
	case r.Why == "":
		return ""
	case r.Verdict == NotMeasured:
		return "Not measured (" + r.Section + "): " + r.Why + "."
	}
	return "Note (" + r.Section + "): " + r.Why + "."
}
