package frame

import (
	"strings"
	"testing"
	"unicode"
)

// TestKorean: every reason has a Korean sentence, and a remedy exactly where the
// English one has.
func TestKorean(t *testing.T) {
	seen := map[string]Reason{}
	for r := range Reasons {
		sentence, remedy := r.Korean()
		if !strings.HasSuffix(sentence, "다.") || !strings.ContainsFunc(sentence, func(c rune) bool { return unicode.Is(unicode.Hangul, c) }) {
			t.Errorf("%s: %q", r, sentence)
		}
		if (remedy == "") != (r.Remedy() == "") {
			t.Errorf("%s: remedy %q, in English %q", r, remedy, r.Remedy())
		}
		if other, ok := seen[sentence]; ok {
			t.Errorf("%s and %s say the same", r, other)
		}
		seen[sentence] = r
	}
	if s, _ := Reasons.Korean(); s == "" {
		t.Error("an unknown reason has no sentence")
	}
}
