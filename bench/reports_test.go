package bench

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// roundTrip requires that read gives what write wrote of want, and refuses what is
// wrong. It returns what was written.
func roundTrip[R any](t *testing.T, want *R, write func(io.Writer) error, read func(io.Reader) (*R, error), wrong ...string) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	got, err := read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, s := range wrong {
		if _, err := read(strings.NewReader(s)); err == nil {
			t.Errorf("%s is accepted", s)
		}
	}
	return text
}

// fits requires that no line of text has more than 80 columns.
func fits(t *testing.T, text string) {
	t.Helper()
	for l := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
}

// has requires that text has all of wants.
func has(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
