package bench

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the report as a section of RESULTS.md. plot is the path
// of the SVG as seen from there; empty leaves the picture out.
func (r *Report) WriteMarkdown(w io.Writer, plot string) error {
	b := bufio.NewWriter(w)
	writeHead(b, "Layer 2", r.Started, r.facts())
	if plot != "" {
		fmt.Fprintf(b, "\n![Ratios to %s](%s)\n", r.Settings.Reference, plot)
	}
	r.writeFigures(b)
	return b.Flush()
}

// writeFigures writes the tables and what qualifies them.
func (r *Report) writeFigures(b *bufio.Writer) {
	fmt.Fprintf(b, "\n| Workload | Figure | Runner | Value | %s | Ratio | 95 %% interval | Min..max | Pairs | Claim from | Verdict |\n", r.Settings.Reference)
	fmt.Fprintln(b, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, f := range r.Figures {
		if f.Metric.Compared {
			fmt.Fprintln(b, f.markdown())
		}
	}
	fmt.Fprint(b, "\nWhat explains them (medians, not compared):\n\n| Workload | Runner | |\n|---|---|---|\n")
	for _, row := range r.explanations() {
		fmt.Fprintln(b, row)
	}
	fmt.Fprintln(b)
	for _, n := range r.notes() {
		fmt.Fprintf(b, "%s\n\n", n)
	}
}

// facts describe the machine and the program.
func (r *Report) facts() []string {
	m := r.Machine
	facts := []string{
		m.fact(),
		fmt.Sprintf("TCP congestion control: %s (the machine's default: %s)", r.congestion(), m.DefaultCongestion),
		"Observation switched on: " + or(m.Observed, "none"),
	}
	if m.Commit != "" {
		facts = append(facts, "Commit: "+m.Commit)
	}
	return facts
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (f *Figure) markdown() string {
	dropped := ""
	if f.Stolen+f.Void > 0 {
		dropped = fmt.Sprintf(" (%d stolen, %d void)", f.Stolen, f.Void)
	}
	spread := "-"
	if f.Ratio.N > 0 {
		spread = fmt.Sprintf("%.2f..%.2f", f.Ratio.Min, f.Ratio.Max)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %d%s | %.0f %% | %s |",
		f.Workload, f.Metric.Name, f.Runner, f.number(f.Value), f.number(f.Reference),
		ratio(f.Ratio), interval(f.Ratio), spread, f.Ratio.N, dropped, 100*f.Claim, f.Verdict)
}

// explanations gathers the metrics that are not compared, a row for each
// workload and runner.
func (r *Report) explanations() []string {
	text, order := map[string][]string{}, []string{}
	for _, f := range r.Figures {
		if f.Metric.Compared || f.Verdict == "void" {
			continue
		}
		key := "| " + f.Workload + " | " + f.Runner + " | "
		if text[key] == nil {
			order = append(order, key)
		}
		text[key] = append(text[key], fmt.Sprintf("%s %s (%s %s)", f.Metric.Name, number(f.Value), r.Settings.Reference, number(f.Reference)))
	}
	rows := make([]string, len(order))
	for i, key := range order {
		rows[i] = key + strings.Join(text[key], ", ") + " |"
	}
	return rows
}
