package keeper

import (
	"testing"
	"time"
)

func TestPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		after []time.Duration // of each end, since the one before
		want  string          // y for again, n for enough
	}{
		"now and then": {[]time.Duration{0, 8e9, 8e9, 8e9, 8e9, 8e9, 8e9}, "yyyyyyy"},
		"a loop":       {[]time.Duration{0, 1, 1, 1, 1}, "yyyyn"},
		"at the edge":  {[]time.Duration{0, 0, 0, 0, endsWithin}, "yyyyn"},
		"beyond it":    {[]time.Duration{0, 0, 0, 0, endsWithin + 1}, "yyyyy"},
		"a late loop":  {[]time.Duration{0, 60e9, 60e9, 1, 1, 1, 1}, "yyyyyyn"},
	} {
		var p policy
		now, got := time.Unix(1000, 0), ""
		for _, d := range c.after {
			now = now.Add(d)
			if p.again(now) {
				got += "y"
			} else {
				got += "n"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if p.forgive(); !p.again(now) {
			t.Errorf("%s: not forgiven", name)
		}
	}
}
