package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

type cells [3]string

func threeColumns() []column[cells] {
	cell := func(i int) func(cells) string { return func(c cells) string { return c[i] } }
	return []column[cells]{
		{head: "NAME", cell: cell(0), cut: true}, {head: "MAC", cell: cell(1)}, {head: "NOTE", cell: cell(2), cut: true},
	}
}

func TestDrawTable(t *testing.T) {
	long := strings.Repeat("n", 50)
	for _, tt := range []struct {
		name        string
		row         cells
		wide, whole bool
		want        string
	}{
		{"narrow cells have Docker's width", cells{"a", "b", "c"}, false, false, "NAME      MAC       NOTE\na         b         c\n"},
		{"an empty end is not padded", cells{"a", "b", ""}, false, false, "NAME      MAC       NOTE\na         b\n"},
		{"a line is one line", cells{"a\nb", "\x1b[2J", "\tc"}, false, false, "NAME      MAC       NOTE\na b        [2J       c\n"},
		{"the longest gives way", cells{long, "02:42:0a:05:00:02", "short"}, false, false,
			"NAME" + strings.Repeat(" ", 49) + "MAC                 NOTE\n" + long + "   02:42:0a:05:00:02   short\n"},
		{"both give way", cells{long, "02:42:0a:05:00:02", long}, false, false,
			"NAME" + strings.Repeat(" ", 27) + "MAC                 NOTE\n" + strings.Repeat("n", 27) + "…   02:42:0a:05:00:02   " + strings.Repeat("n", 28) + "…\n"},
		{"nothing is cut when all is asked for", cells{long, "m", long}, false, true,
			"NAME" + strings.Repeat(" ", 49) + "MAC       NOTE\n" + long + "   m         " + long + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := drawTable(threeColumns(), []cells{tt.row}, tt.wide, tt.whole); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

// Columns of letters that take more than a byte are aligned and cut by letters.
func TestDrawTableCountsLetters(t *testing.T) {
	got := drawTable(threeColumns(), []cells{{strings.Repeat("가", 90), "b", "c"}}, false, false)
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > screenWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(got, "가…   b") {
		t.Errorf("not cut between letters:\n%s", got)
	}
}

// A table that cannot be made to fit is still whole in its uncut columns.
func TestDrawTableGivesUp(t *testing.T) {
	mac := strings.Repeat("m", 100)
	if got := drawTable(threeColumns(), []cells{{"abcdefghijkl", mac, "c"}}, false, false); !strings.Contains(got, "abcdefg…   "+mac+"   c") {
		t.Errorf("got:\n%s", got)
	}
}

func TestDuration(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "Less than a second", time.Second: "1 second", 59 * time.Second: "59 seconds", time.Minute: "About a minute",
		2 * time.Minute: "2 minutes", 59*time.Minute + 59*time.Second: "59 minutes", time.Hour: "About an hour",
		90 * time.Minute: "2 hours", 47 * time.Hour: "47 hours", 48 * time.Hour: "2 days", 13 * day: "13 days",
		14 * day: "2 weeks", 60 * day: "2 months", 729 * day: "24 months", 730 * day: "2 years",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := ago(testTime, time.Time{}); got != "-" {
		t.Errorf("never: %q", got)
	}
}

func TestUntil(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "expired", 0: "expired", 90 * time.Second: "90s", 2 * time.Minute: "2m", 119 * time.Minute: "119m",
		2 * time.Hour: "2h", 72 * time.Hour: "3d",
	} {
		if got := until(testTime, testTime.Add(d)); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := until(testTime, time.Time{}); got != "-" {
		t.Errorf("for ever: %q", got)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[float64]string{0: "0B", 999: "999B", 1000: "1kB", 1234567: "1.235MB", 2e21: "2000EB"} {
		if got := size(n, "B"); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}
