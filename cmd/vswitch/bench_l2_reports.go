package main

import (
	"fmt"
	"io"

	"vswitch/bench"
)

// samples returns who is told of each sample: a line on a terminal, or nobody.
func (b *benchL2) samples() func(done, total int, r bench.Record) {
	tell := b.progress()
	if tell == nil {
		return nil
	}
	return func(done, total int, r bench.Record) {
		tell(fmt.Sprintf("%d of %d samples: %s on %s", done, total, r.Workload, r.Runner))
	}
}

// write leaves the reports in the folder that was asked for.
func (b *benchL2) write(r *bench.Report) error {
	return writeReports(b.out, reportFile{"l2.json", r.WriteJSON}, reportFile{"l2.txt", r.WriteTable}, reportFile{"l2.svg", r.WriteSVG},
		reportFile{"l2.md", func(w io.Writer) error { return r.WriteMarkdown(w, "l2.svg") }})
}
