package bench

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// waysRow formats a line of the table: 80 columns at most.
const waysRow = "%-26s %7s %6s %14s %2s %-7s %s"

// WriteTable writes the figures as text of at most 80 columns, then what they are,
// then the whole of each run.
func (r *WaysReport) WriteTable(w io.Writer) error {
	b := bufio.NewWriter(w)
	line(b, waysRow, "FIGURE", "VALUE", "RATIO", "SPREAD", "N", "AIM", "VERDICT")
	for i := range r.Rows {
		row := &r.Rows[i]
		value, ratio, spread := row.shown()
		line(b, waysRow, clip(row.Figure, 26), value, ratio, spread, fmt.Sprint(row.Spread.N), row.Aim, or(row.Verdict, "-"))
	}
	writeNotes(b, r.notes())
	for _, run := range r.Runs {
		line(b, "\nSection %s, every figure to %s:", run.Section, run.Report.Settings.Reference)
		if err := b.Flush(); err != nil {
			return err
		}
		if err := run.Report.WriteTable(w); err != nil {
			return err
		}
	}
	return b.Flush()
}

// shown are the runner's value, the ratio and its range as text.
func (r *WayRow) shown() (value, ratio, spread string) {
	if r.Spread.N == 0 {
		return "-", "-", "-"
	}
	return number(r.RunnerValue), short(r.Spread.Median), short(r.Spread.Min) + ".." + short(r.Spread.Max)
}

// short shows a ratio in at most five characters.
func short(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// WriteMarkdown writes the report as a section of RESULTS.md. plot gives the path of
// the drawing of a section as seen from there.
func (r *WaysReport) WriteMarkdown(w io.Writer, plot func(section string) string) error {
	b := bufio.NewWriter(w)
	writeHead(b, r.Title, r.Started, r.facts())
	fmt.Fprint(b, "\n| Figure | Runner | Value | Unit | Base | Value | Ratio | 95 % interval | Min..max | Pairs | A/A | Sender | Aim | Verdict |\n")
	fmt.Fprintln(b, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for i := range r.Rows {
		fmt.Fprintln(b, r.Rows[i].markdown())
	}
	fmt.Fprintln(b)
	writeList(b, r.notes()[1:]) // the first one is the facts
	for _, run := range r.Runs {
		fmt.Fprintf(b, "\n### %s, section %s\n", r.Title, run.Section)
		if run.Drawable() {
			fmt.Fprintf(b, "\n![Ratios to %s](%s)\n", run.Report.Settings.Reference, plot(run.Section))
		}
		run.Report.writeFigures(b)
	}
	return b.Flush()
}

func (r *WayRow) markdown() string {
	value, ratio, spread := r.shown()
	base, aa := "-", "-"
	if r.Spread.N > 0 {
		base = number(r.BaseValue)
	}
	if r.AA.N > 0 {
		aa = short(r.AA.Min) + ".." + short(r.AA.Max)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %d | %s | %s | %s | %s |", r.Figure, r.Runner, value, r.Metric,
		r.Base, base, ratio, interval(r.Spread), spread, r.Spread.N, aa, or(r.Congestion, "-"), r.Aim, or(r.Verdict, "-"))
}

// facts describe the machine and the programs.
func (r *WaysReport) facts() []string {
	m, s := r.Machine, r.Settings
	facts := []string{m.fact()}
	for _, t := range r.Tools {
		facts = append(facts, t.Name+": "+t.Version)
	}
	return append(facts,
		"Commit: "+or(m.Commit, "unknown"),
		fmt.Sprintf("TCP congestion control: %s in the two programs, %s in what is between them (the machine's default: %s)",
			or(s.Congestion, "the machine's"), or(s.Between, "the machine's"), m.DefaultCongestion),
		loadFact(r.LoadBefore, r.LoadAfter),
		fmt.Sprintf("Rounds: %d of turns forth and back; samples of %v, %v in all", s.Rounds, s.Length, r.Elapsed.Round(time.Second)),
	)
}

// notes are the sentences below the table: the facts first.
func (r *WaysReport) notes() []string {
	notes := []string{
		strings.Join(r.facts(), ". ") + ".",
		"RATIO is the median of the runner's value by the base's, pair by pair within half a round; SPREAD is the least and the greatest, N how many. " +
			"VALUE is in Gb/s, s/GB, connections a second or us. A verdict is about the median. Each runner has a host of its own: a network namespace.",
	}
	for _, a := range r.Absent {
		notes = append(notes, fmt.Sprintf("Not in section %s: %s: %s.", a.Section, a.Runner, strings.TrimSuffix(a.Why, ".")))
	}
	var told []string
	for i := range r.Rows {
		told = tell(told, r.Rows[i].how(), r.Rows[i].why())
	}
	for _, p := range r.Proofs {
		told = append(told, p.String())
	}
	return append(notes, told...)
}

func (r *WayRow) how() string {
	if r.How == "" {
		return ""
	}
	return r.Figure + ": " + r.How + "."
}

func (r *WayRow) why() string {
	if r.Why == "" {
		return ""
	}
	return "Not measured (" + r.Section + "): " + strings.TrimSuffix(r.Why, ".") + "."
}
