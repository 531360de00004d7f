package main

import (
	"fmt"
	"io"
	"path/filepath"

	"vswitch/bench"
)

// progress returns who is told of what is measured next: a line on a terminal, or
// nobody.
func (b *benchNetworks) progress() func(what string) {
	if !b.terminal(b.err) {
		return nil
	}
	return func(what string) { fmt.Fprintf(b.err, "\r%-79.79s", what) }
}

func (b *benchNetworks) clearProgress() {
	if b.terminal(b.err) {
		fmt.Fprintf(b.err, "\r%79s\r", "")
	}
}

// write leaves the reports in the folder that was asked for.
func (b *benchNetworks) write(r *bench.NetworksReport) error {
	if b.out == "" {
		return nil
	}
	for _, f := range []struct {
		name string
		to   func(io.Writer) error
	}{
		{"networks.json", r.WriteJSON}, {"networks.txt", r.WriteTable}, {"networks.md", r.WriteMarkdown},
	} {
		if err := writeFile(filepath.Join(b.out, f.name), f.to); err != nil {
			return err
		}
	}
	return nil
}
