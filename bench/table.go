package bench

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// tableRow formats a line of the table: 79 columns at most.
const tableRow = "%-13s %-10s %-13s %8s %8s %7s  %-10s %s"

// WriteTable writes the compared figures as text of at most 80 columns, then
// what qualifies them.
func (r *Report) WriteTable(w io.Writer) error {
	b := bufio.NewWriter(w)
	line(b, tableRow, "WORKLOAD", "FIGURE", "RUNNER", "VALUE", "REF", "RATIO", "95 % CI", "VS")
	for _, f := range r.Figures {
		if f.Metric.Compared {
			line(b, tableRow, clip(f.Workload, 13), f.Metric.Name, clip(f.Runner, 13),
				f.number(f.Value), f.number(f.Reference), ratio(f.Ratio), interval(f.Ratio), sign[f.Verdict])
		}
	}
	writeNotes(b, r.notes())
	return b.Flush()
}

// sign shows a verdict in one column.
var sign = map[string]string{"above": ">", "below": "<", "same": "=", "void": "!"}

func line(b *bufio.Writer, format string, args ...any) {
	fmt.Fprintln(b, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// clip shortens s to n characters.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n-1] + "~"
	}
	return s
}

// number shows three or four significant digits.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.01:
		return fmt.Sprintf("%.2g", v)
	case v < 10:
		return fmt.Sprintf("%.3f", v)
	case v < 1000:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// number shows v, which is the figure's value or its reference, if any counts.
func (f *Figure) number(v float64) string {
	if f.Verdict == "void" {
		return "-"
	}
	return number(v)
}

func ratio(s Spread) string {
	if s.N == 0 {
		return "void"
	}
	return fmt.Sprintf("%.3f", s.Median)
}

func interval(s Spread) string {
	if s.N == 0 {
		return "-"
	}
	digits := 2
	if s.High >= 9.995 {
		digits = 1
	}
	return fmt.Sprintf("%.*f..%.*f", digits, s.Low, digits, s.High)
}

// notes are the sentences below the table.
func (r *Report) notes() []string {
	s := r.Settings
	notes := []string{
		fmt.Sprintf("RATIO is the median of pairwise ratios to %s (REF), with its bootstrap interval. "+
			"VS: < and > differ by more than %s does from itself, = does not, ! is void. "+
			"For CPU and latency less is better.", s.Reference, s.Reference),
		fmt.Sprintf("Rounds: %d, of %v a sample after %v of warm-up, %v in all. TCP congestion control: %s, unless the workload names one.",
			s.Rounds, s.Length, s.Warmup, r.Elapsed.Round(time.Second), r.congestion()),
		r.noiseNote(),
	}
	for _, g := range r.Generators {
		notes = append(notes, fmt.Sprintf("Generator at %d B frames: %s kframe/s alone, %s received over a plain veth pair.",
			g.Frame, number(g.Alone), number(g.Received)))
	}
	notes = append(notes, r.limited()...)
	return append(append(notes, r.verifiedNote()), r.droppedNotes()...)
}

// congestion names what TCP really used.
func (r *Report) congestion() string {
	for _, rec := range r.Records {
		if rec.Congestion != "" {
			return rec.Congestion
		}
	}
	if r.Settings.Congestion != "" {
		return r.Settings.Congestion
	}
	return r.Machine.DefaultCongestion
}

// noiseNote says what the reference against itself gave.
func (r *Report) noiseNote() string {
	var parts []string
	seen := map[string]bool{}
	for _, f := range r.Figures {
		key := f.Workload + " " + f.Metric.Name
		if f.Metric.Compared && !seen[key] && f.AA.N > 0 {
			seen[key] = true
			parts = append(parts, fmt.Sprintf("%s %.2f..%.2f", key, f.AA.Min, f.AA.Max))
		}
	}
	return "A/A (" + r.Settings.Reference + " against itself, all pairs): " + strings.Join(parts, ", ") + "."
}

// fewLost is the share of lost frames up to which the sender can be what limits.
const fewLost = 0.01

// limited names the figures that stand at the generator's own ceiling: the rate
// is that of the plain pair, and next to nothing was lost on the way.
func (r *Report) limited() (notes []string) {
	for _, g := range r.Generators {
		for _, f := range r.Figures {
			if f.Workload != (UDP{Frame: g.Frame}).Name() || f.Metric.Name != FrameRate {
				continue
			}
			lost := r.Find(f.Workload, "lost", f.Runner)
			if f.Value > 0.9*g.Received && (lost == nil || lost.Value <= fewLost) {
				notes = append(notes, fmt.Sprintf("%s of %s is within a tenth of the plain pair: generator-limited.", f.Workload, f.Runner))
			}
		}
	}
	return notes
}

func (r *Report) verifiedNote() string {
	if len(r.Verified) == 0 {
		return "No transfer was verified in this run."
	}
	var bytes uint64
	for _, v := range r.Verified {
		if v.Problem != "" {
			return fmt.Sprintf("VOID: %s: %s.", v.Runner, v.Problem)
		}
		bytes += v.Bytes
	}
	return fmt.Sprintf("Verified: %d MB over TCP, every byte right, on each of %d roads both ways.", bytes>>20, len(r.Verified))
}

// droppedNotes counts what did not count, by reason.
func (r *Report) droppedNotes() (notes []string) {
	count, order := map[string]int{}, []string{}
	for _, rec := range r.Records {
		reason := rec.Runner + ", " + rec.Workload + ": " + rec.Dropped
		if rec.Stolen {
			reason = "stolen processor time"
		}
		if rec.Dropped == "" {
			continue
		}
		if count[reason]++; count[reason] == 1 {
			order = append(order, reason)
		}
	}
	for _, reason := range order {
		notes = append(notes, fmt.Sprintf("Dropped %d of %d samples: %s.", count[reason], len(r.Records), reason))
	}
	return notes
}

// wrap writes text in lines of at most width characters, where words allow.
func wrap(b *bufio.Writer, text string, width int) {
	col := 0
	for _, word := range strings.Fields(text) {
		switch {
		case col == 0:
		case col+1+len(word) > width:
			b.WriteByte('\n')
			col = 0
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += len(word)
	}
	b.WriteByte('\n')
}
