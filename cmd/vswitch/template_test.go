package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"vswitch/internal/api"
)

type templateRow struct {
	Name, RxFrames string
	List           []string
}

func TestFormatRows(t *testing.T) {
	rows := []any{templateRow{"web", "1", []string{"a", "b"}}, templateRow{"", "2", nil}}
	heads := headings[templateRow](header{"Name": "THE NAME"})
	for format, want := range map[string]string{
		`{{.Name}}:{{.RxFrames}}`:                      "web:1\n:2\n",
		`{{json .List}}`:                               "[\"a\",\"b\"]\nnull\n",
		`{{join .List "+"}}|{{upper .Name}}`:           "a+b|WEB\n|\n",
		`{{index (split .Name "e") 0}}`:                "w\n\n",
		`{{pad .Name 1 2}}.`:                           " web  .\n.\n",
		`{{truncate .Name 2}}{{title "ab cd"}}`:        "weAb Cd\nAb Cd\n",
		`{{lower "ABC"}}{{println .Name}}`:             "abcweb\n\nabc\n\n",
		`a\tb\nc`:                                      "a\tb\nc\na\tb\nc\n",
		`table {{.Name}}\t{{.RxFrames}}`:               "THE NAME   RX FRAMES\nweb        1\n           2\n",
		`table {{upper .Name}}\t{{truncate .Name 1}}|`: "THE NAME   THE NAME|\nWEB        w|\n           |\n",
		`table {{join .List ","}}`:                     "LIST\na,b\n\n",
	} {
		got, err := formatRows(format, heads, rows)
		if err != nil || got != want {
			t.Errorf("%s: %q, want %q (%v)", format, got, want, err)
		}
	}
	for _, format := range []string{"{{", "{{.Nothing}}", "table {{.Name | nothing}}", "{{truncate .List 1}}"} {
		if _, err := formatRows(format, heads, rows); !isCode(err, api.InvalidValue) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestHeadings(t *testing.T) {
	h := headings[api.PortStats](nil)
	for field, want := range map[string]string{"RxFrames": "RX FRAMES", "Port": "PORT", "RingDrops": "RING DROPS"} {
		if h[field] != want {
			t.Errorf("%s: %q, want %q", field, h[field], want)
		}
	}
	if got := h.Label("com.example.my-label_x"); got != "my label x" {
		t.Errorf("heading of a label: %q", got)
	}
}

func TestWithSchema(t *testing.T) {
	for _, tt := range []struct {
		v    any
		want string
	}{
		{struct{}{}, `{"schema":"s"}`}, {struct{ A string }{"<&>"}, `{"schema":"s","A":"<&>"}`},
	} {
		if got, err := withSchema("s", tt.v); err != nil || string(got) != tt.want {
			t.Errorf("%v: %s, want %s (%v)", tt.v, got, tt.want, err)
		}
	}
}

// What is written as YAML reads back as what the JSON says.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{
		`""`, `"yes"`, `"0x1f"`, `"1_000"`, `"null"`, `"a: b"`, `" lead"`, `"# no comment"`, `"two\nlines\n"`, `"- item"`, `"\u0001"`, `"~"`,
		`{"a":[],"b":{},"c":null,"d":[1,2.5,true],"2":{"x":"2026-03-01T12:00:00Z"}}`, `"\ud83d\ude00 \u2028"`, `"{"`, `"!tag"`, `"&a *b"`,
		"\"\u007f \u0080 \u0085 \ufeff \ufffe\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var v any
		if json.Unmarshal(text, &v) != nil {
			return
		}
		var b strings.Builder
		if err := writeYAML(&b, v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var back any
		if err := yaml.Unmarshal([]byte(b.String()), &back); err != nil {
			t.Fatalf("%s: %v\n%s", text, err, &b)
		}
		if got, want := plainly(t, back), plainly(t, v); !reflect.DeepEqual(got, want) {
			t.Errorf("%s became\n%s", text, &b)
		}
	})
}

// plainly is v with all numbers of one type.
func plainly(t *testing.T, v any) (out any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
