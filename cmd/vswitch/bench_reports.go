package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vswitch/bench"
	"vswitch/internal/api"
)

// progress returns who is told of each sample: a line on a terminal, or nobody.
func (b *benchL2) progress() func(done, total int, r bench.Record) {
	if !b.terminal(b.err) {
		return nil
	}
	return func(done, total int, r bench.Record) {
		fmt.Fprintf(b.err, "\r%-79.79s", fmt.Sprintf("%d of %d samples: %s on %s", done, total, r.Workload, r.Runner))
	}
}

func (b *benchL2) clearProgress() {
	if b.terminal(b.err) {
		fmt.Fprintf(b.err, "\r%79s\r", "")
	}
}

// prepareOut makes the folder for the reports and looks whether they can be
// written, before minutes are spent on them.
func (b *benchL2) prepareOut() error {
	if b.out == "" {
		return nil
	}
	err := os.MkdirAll(b.out, 0o755)
	var f *os.File
	if err == nil {
		f, err = os.CreateTemp(b.out, ".l2-*")
	}
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return api.Errorf(api.InvalidValue, err, "cannot write reports to the folder %q", b.out).
			WithFix("name a folder that you may write to")
	}
	return nil
}

// write leaves the reports in the folder that was asked for.
func (b *benchL2) write(r *bench.Report) error {
	if b.out == "" {
		return nil
	}
	for _, f := range []struct {
		name string
		to   func(io.Writer) error
	}{
		{"l2.json", r.WriteJSON},
		{"l2.txt", r.WriteTable},
		{"l2.svg", r.WriteSVG},
		{"l2.md", func(w io.Writer) error { return r.WriteMarkdown(w, "l2.svg") }},
	} {
		if err := writeFile(filepath.Join(b.out, f.name), f.to); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, to func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write a report: %w", err)
	}
	return errors.Join(to(f), f.Close())
}
