package main

import (
	"fmt"
	"io"
	"path/filepath"

	"vswitch/bench"
)

// progress returns who is told of what is measured next: a line on a terminal, or
// nobody.
func (b *benchWays) progress() func(what string) {
	if !b.terminal(b.err) {
		return nil
	}
	return func(what string) { fmt.Fprintf(b.err, "\r%-79.79s", what) }
}

func (b *benchWays) clearProgress() {
	if b.terminal(b.err) {
		fmt.Fprintf(b.err, "\r%79s\r", "")
	}
}

// plot names the drawing of a section.
func (b *benchWays) plot(section string) string { return b.noun + "-" + section + ".svg" }

// write leaves the reports in the folder that was asked for. A run in which nothing
// counts has no drawing.
func (b *benchWays) write(r *bench.WaysReport) error {
	if b.out == "" {
		return nil
	}
	for _, run := range r.Runs {
		if !run.Drawable() {
			continue
		}
		if err := writeFile(filepath.Join(b.out, b.plot(run.Section)), run.Report.WriteSVG); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		to   func(io.Writer) error
	}{
		{".json", r.WriteJSON}, {".txt", r.WriteTable},
		{".md", func(w io.Writer) error { return r.WriteMarkdown(w, b.plot) }},
	} {
		if err := writeFile(filepath.Join(b.out, b.noun+f.name), f.to); err != nil {
			return err
		}
	}
	return nil
}
