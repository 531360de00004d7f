package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A table for people: left aligned, no borders, headings in capitals, three spaces
// between columns, as Docker's tables are. It fits a terminal of 80 columns by
// cutting the columns that may be cut.

// column is one column of a table of rows of type T.
type column[T any] struct {
	head string
	cell func(T) string
	// cut says that a long cell may be cut, when the table is too wide.
	cut bool
	// where says in which table the column stands: in both, or in one of them.
	where layout
}

type layout int

const (
	always layout = iota
	narrowOnly
	wideOnly
)

const (
	screenWidth = 80
	cellGap     = 3
	minCell     = 10 // a column and its gap, as in Docker's tables
	minCut      = 8  // a column is not cut below this
)

// drawTable renders rows. A wide table has more columns and is never cut; with
// whole, none is cut either.
func drawTable[T any](columns []column[T], rows []T, wide, whole bool) string {
	var head []string
	var shown []column[T]
	for _, c := range columns {
		if c.where == always || (c.where == wideOnly) == wide {
			shown = append(shown, c)
			head = append(head, c.head)
		}
	}
	lines := [][]string{head}
	for _, r := range rows {
		line := make([]string, len(shown))
		for i, c := range shown {
			line[i] = oneLine(c.cell(r))
		}
		lines = append(lines, line)
	}
	limit := make([]int, len(shown))
	if !wide && !whole {
		limit = limits(lines, func(i int) bool { return shown[i].cut })
	}
	return layOut(lines, limit)
}

// limits returns how long the cells of each column may be; 0 is as long as they
// are. The longest of the columns that may be cut gives way first.
func limits(lines [][]string, cut func(int) bool) []int {
	width := widths(lines)
	limit := make([]int, len(width))
	for {
		total, longest := 0, -1
		for i, w := range width {
			if i < len(width)-1 {
				w = max(w+cellGap, minCell)
			}
			total += w
			if cut(i) && width[i] > minCut && (longest < 0 || width[i] > width[longest]) {
				longest = i
			}
		}
		if total <= screenWidth || longest < 0 {
			return limit
		}
		width[longest]--
		limit[longest] = width[longest]
	}
}

// widths returns the longest cell of each column.
func widths(lines [][]string) []int {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	return width
}

// layOut aligns the cells. The last of a line is not padded.
func layOut(lines [][]string, limit []int) string {
	for _, line := range lines {
		for i := range line {
			line[i] = ellipsis(line[i], limit[i])
		}
	}
	width := widths(lines)
	var b strings.Builder
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			text.WriteString(cell)
			if i < len(line)-1 {
				pad := max(width[i]+cellGap, minCell) - utf8.RuneCountInString(cell)
				text.WriteString(strings.Repeat(" ", pad))
			}
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	return b.String()
}

// ellipsis cuts s to n characters, the last of which then is "…"; 0 leaves it.
func ellipsis(s string, n int) string {
	if n <= 0 || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// oneLine keeps what came from somewhere else from moving the terminal's cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
