package main

import (
	"io"

	"vswitch/bench"
)

// plot names the drawing of a section.
func (b *benchWays) plot(section string) string { return b.noun + "-" + section + ".svg" }

// write leaves the reports in the folder that was asked for. A run in which nothing
// counts has no drawing.
func (b *benchWays) write(r *bench.WaysReport) error {
	var files []reportFile
	for _, run := range r.Runs {
		if run.Drawable() {
			files = append(files, reportFile{b.plot(run.Section), run.Report.WriteSVG})
		}
	}
	return writeReports(b.out, append(files,
		reportFile{b.noun + ".json", r.WriteJSON}, reportFile{b.noun + ".txt", r.WriteTable},
		reportFile{b.noun + ".md", func(w io.Writer) error { return r.WriteMarkdown(w, b.plot) }})...)
}
