package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
)

// listing is how the rows of one kind are shown in every format.
type listing[T any] struct {
	// schema names a document of ours; empty for a list that has Docker's shape,
	// which is a bare array.
	schema string
	// row names the schema of one row, where schema is set.
	row     string
	columns []column[T]
	// name and id are what -o name and -q print for a row.
	name, id func(T) string
	// fields makes the row that a template sees, heads its headings.
	fields func(T) any
	heads  header
	// note is text below the table.
	note func([]T) string
}

// listFlags are the flags of a command that lists.
type listFlags struct {
	quiet, noTrunc bool
	filters        []string
	format         string
	watch          watch
}

// add defines the flags. Without a key to filter by there is no --filter.
func (f *listFlags) add(cmd *cobra.Command, filters ...string) {
	fs := cmd.Flags()
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "ids only")
	fs.BoolVar(&f.noTrunc, "no-trunc", false, "do not cut what is long")
	fs.StringVar(&f.format, "format", "", "Go `template` for each row; 'table TEMPLATE' with headings")
	if len(filters) > 0 {
		fs.StringArrayVarP(&f.filters, "filter", "f", nil, "show what matches `key=value`: "+strings.Join(filters, ", "))
	}
	f.watch.add(cmd)
}

// list gets rows and shows them: once, or again and again with --watch.
func list[T any](ctx context.Context, a *app, f *listFlags, l listing[T], get func(context.Context) ([]T, error)) error {
	return f.watch.run(ctx, a, func(w io.Writer) error {
		rows, err := get(ctx)
		if err != nil {
			return err
		}
		text, err := l.render(a.output, f, rows)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		return err
	})
}

// render makes the text of rows in the format that was asked for.
func (l listing[T]) render(output string, f *listFlags, rows []T) (string, error) {
	if f.quiet {
		return lines(rows, l.id), nil
	}
	switch f.format {
	case "":
	case "json":
		return l.rowsJSON(rows)
	case tableWord:
		return l.table(false, f.noTrunc, rows), nil
	default:
		return l.formatted(f.format, rows)
	}
	switch output {
	case "json", "yaml":
		return l.document(output, rows)
	case "jsonl":
		return l.jsonLines(rows)
	case "name":
		return lines(rows, l.name), nil
	}
	return l.table(output == "wide", f.noTrunc, rows), nil
}

func (l listing[T]) table(wide, whole bool, rows []T) string {
	text := drawTable(l.columns, rows, wide, whole)
	if l.note != nil {
		text += l.note(rows)
	}
	return text
}

func (l listing[T]) formatted(format string, rows []T) (string, error) {
	var fields []any
	for _, r := range rows {
		fields = append(fields, l.view(r))
	}
	return formatRows(format, l.heads, fields)
}

// view is the row as a template sees it.
func (l listing[T]) view(r T) any {
	if l.fields == nil {
		return r
	}
	return l.fields(r)
}

// rowsJSON is --format json: a line a row, as a template sees it.
func (l listing[T]) rowsJSON(rows []T) (string, error) {
	var b strings.Builder
	for _, r := range rows {
		if err := writeJSON(&b, l.view(r), ""); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// document is -o json and -o yaml: an array, in an object with its schema where the
// list is ours.
func (l listing[T]) document(output string, rows []T) (string, error) {
	if rows == nil {
		rows = []T{}
	}
	var v any = rows
	if l.schema != "" {
		v = struct {
			Schema string `json:"schema"`
			Items  []T    `json:"items"`
		}{api.Schema(l.schema), rows}
	}
	var b strings.Builder
	if output == "yaml" {
		err := writeYAML(&b, v)
		return b.String(), err
	}
	err := writeJSON(&b, v, "  ")
	return b.String(), err
}

// jsonLines is -o jsonl: a line a row, with its schema where the list is ours.
func (l listing[T]) jsonLines(rows []T) (string, error) {
	var b strings.Builder
	for _, r := range rows {
		var v any = r
		if l.schema != "" {
			text, err := withSchema(api.Schema(l.row), r)
			if err != nil {
				return "", err
			}
			v = text
		}
		if err := writeJSON(&b, v, ""); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// lines is one word a row.
func lines[T any](rows []T, word func(T) string) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintln(&b, word(r))
	}
	return b.String()
}
