package portfwd

import (
	"slices"
	"testing"
)

func TestParseRanges(t *testing.T) {
	got := parseRanges("8080,9148-9150,,7-6,x,70000,0-5,65535")
	want := []Range{{8080, 8080}, {9148, 9150}, {65535, 65535}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestHostDynamic(t *testing.T) {
	d := HostDynamic()
	if d.First == 0 || d.First > d.Last {
		t.Errorf("the host's range is %v", d)
	}
}

func TestDynamicAfter(t *testing.T) {
	for _, c := range []struct{ last, want uint16 }{{0, 40000}, {40000, 40001}, {40004, 40000}, {50000, 40000}} {
		if got := small.after(c.last); got != c.want {
			t.Errorf("after %d: %d, want %d", c.last, got, c.want)
		}
	}
	top := Dynamic{Range: iana}
	if got := top.after(65535); got != 49153 {
		t.Errorf("after the last port of all: %d", got)
	}
}
