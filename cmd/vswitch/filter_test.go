package main

import (
	"maps"
	"testing"

	"vswitch/internal/api"
)

func TestFilters(t *testing.T) {
	labels := map[string]string{"a": "1", "b": ""}
	for _, tt := range []struct {
		pairs []string
		want  bool
	}{
		{nil, true},
		{[]string{"name=web"}, true}, {[]string{"name=^we"}, true}, {[]string{"name=eb$"}, true}, {[]string{"name=db"}, false},
		{[]string{"name=db", "name=web"}, true}, {[]string{"name=("}, false},
		{[]string{"driver=bridge"}, true}, {[]string{"driver=brid"}, false}, {[]string{"driver=null", "driver=bridge"}, true},
		{[]string{"label=a"}, true}, {[]string{"label=a=1"}, true}, {[]string{"label=a=2"}, false}, {[]string{"label=c"}, false},
		{[]string{"label=b="}, true}, {[]string{"label=a", "label=c"}, false},
		{[]string{"name=web", "driver=null"}, false},
	} {
		f, err := parseFilters(tt.pairs, "name", "driver", "label")
		if err != nil {
			t.Fatal(err)
		}
		if got := f.matches("name", "web") && f.exactly("driver", "bridge") && f.labelled(labels); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.pairs, got, tt.want)
		}
	}
}

func TestKeyValues(t *testing.T) {
	got, err := keyValues("--label", []string{"a=1", "b", "c=x=y", "a=2"})
	if want := map[string]string{"a": "2", "b": "", "c": "x=y"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v (%v)", got, err)
	}
	if _, err := keyValues("--label", []string{"=1"}); !isCode(err, api.InvalidValue) {
		t.Errorf("an empty key: %v", err)
	}
	if got := labelText(map[string]string{"b": "2", "a": ""}); got != "a=,b=2" {
		t.Errorf("labels in a table: %q", got)
	}
}
