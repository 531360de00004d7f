package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vswitch/internal/api"
)

// progress returns who is told of what is measured next: a line on a terminal, or
// nobody.
func (a *app) progress() func(what string) {
	if !a.terminal(a.err) {
		return nil
	}
	return func(what string) { fmt.Fprintf(a.err, "\r%-79.79s", what) }
}

func (a *app) clearProgress() {
	if a.terminal(a.err) {
		fmt.Fprintf(a.err, "\r%79s\r", "")
	}
}

// noIPerf is the error of a measurement that needs iperf3.
func noIPerf(what string, err error) error {
	return api.Errorf(api.ToolMissing, err, "%s", what).Because("iperf3 is not installed").WithFix("apt-get install -y iperf3")
}

// prepareOut makes the folder for the reports, if one was asked for, and looks
// whether they can be written, before minutes are spent on them.
func prepareOut(folder string) error {
	if folder == "" {
		return nil
	}
	err := os.MkdirAll(folder, 0o755)
	var f *os.File
	if err == nil {
		f, err = os.CreateTemp(folder, ".l2-*")
	}
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return api.Errorf(api.InvalidValue, err, "cannot write reports to the folder %q", folder).
			WithFix("name a folder that you may write to")
	}
	return nil
}

// reportFile is one form of a report.
type reportFile struct {
	name string
	to   func(io.Writer) error
}

// writeReports leaves files in the folder, if one was asked for.
func writeReports(folder string, files ...reportFile) error {
	if folder == "" {
		return nil
	}
	for _, f := range files {
		if err := writeFile(filepath.Join(folder, f.name), f.to); err != nil {
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

// showTable shows a report: its table, or what -o asks for.
func (a *app) showTable(report interface{ WriteTable(io.Writer) error }) error {
	var text strings.Builder
	if err := report.WriteTable(&text); err != nil {
		return err
	}
	return a.show(report, text.String)
}
