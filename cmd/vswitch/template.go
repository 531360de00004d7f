package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"text/tabwriter"
	"text/template"
	"unicode"

	"vswitch/internal/api"
)

// Go templates, with Docker's helpers and its word "table" in front.

// helpers are the functions that a template may call, beside Go's own.
var helpers = template.FuncMap{
	"json":     jsonText,
	"split":    strings.Split,
	"join":     strings.Join,
	"title":    title,
	"lower":    strings.ToLower,
	"upper":    strings.ToUpper,
	"pad":      pad,
	"truncate": truncate,
}

// headHelpers leave a heading as it is, whatever is done to the cells below it.
var headHelpers = template.FuncMap{
	"json":     func(v any) any { return v },
	"split":    func(v any, _ ...any) []any { return []any{v} },
	"join":     func(v any, _ ...any) any { return v },
	"title":    func(v any) any { return v },
	"lower":    func(v any) any { return v },
	"upper":    func(v any) any { return v },
	"pad":      func(v any, _ ...any) any { return v },
	"truncate": func(v any, _ ...any) any { return v },
}

func jsonText(v any) (string, error) {
	var b bytes.Buffer
	err := writeJSON(&b, v, "")
	return strings.TrimSuffix(b.String(), "\n"), err
}

func pad(s string, before, after int) string {
	if s == "" {
		return s
	}
	return strings.Repeat(" ", max(0, before)) + s + strings.Repeat(" ", max(0, after))
}

func truncate(s string, n int) string {
	if r := []rune(s); n >= 0 && len(r) > n {
		return string(r[:n])
	}
	return s
}

// title puts the first letter of each word in capitals.
func title(s string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		first := unicode.IsSpace(before)
		before = r
		if first {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

// parseFormat reads a template that a user typed: \t and \n may stand in it as two
// characters, since a shell leaves them so.
func parseFormat(format string) (*template.Template, error) {
	format = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(format)
	t, err := template.New("format").Funcs(helpers).Parse(format)
	if err != nil {
		return nil, badFormat(format, err)
	}
	return t, nil
}

func badFormat(format string, err error) error {
	why := strings.TrimPrefix(err.Error(), "template: format:")
	return invalidFlag("--format", format, nil).Because("%s", why).
		WithFix("use a Go template, for example:  --format '{{.Name}}'")
}

// tableWord in front of a template asks for aligned columns below a heading.
const tableWord = "table"

// formatRows runs a template over each row, a line each.
func formatRows[T any](format string, heads header, rows []T) (string, error) {
	body, table := strings.CutPrefix(format, tableWord+" ")
	t, err := parseFormat(body)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if table {
		if err := t.Funcs(headHelpers).Execute(&b, heads); err != nil {
			return "", badFormat(format, err)
		}
		b.WriteString("\n")
		t.Funcs(helpers)
	}
	for _, r := range rows {
		if err := t.Execute(&b, r); err != nil {
			return "", badFormat(format, err)
		}
		b.WriteString("\n")
	}
	if !table {
		return b.String(), nil
	}
	return alignTabs(b.Bytes()), nil
}

// alignTabs makes columns of what tabs divide.
func alignTabs(b []byte) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, minCell, 1, cellGap, ' ', 0)
	_, _ = w.Write(b) // a strings.Builder takes everything
	_ = w.Flush()
	return out.String()
}

// header has the heading of each field; a template runs over it as over a row.
type header map[string]string

// Label is the heading of {{.Label "KEY"}}: the last word of the key.
func (h header) Label(key string) string {
	words := strings.Split(key, ".")
	return strings.NewReplacer("-", " ", "_", " ").Replace(words[len(words)-1])
}

// headings makes a header of the fields of T: RxFrames becomes RX FRAMES. What own
// has wins.
func headings[T any](own header) header {
	h := header{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		h[f.Name] = words(f.Name)
	}
	for name, head := range own {
		h[name] = head
	}
	return h
}

// words puts a space before each capital that follows a small letter.
func words(name string) string {
	var b strings.Builder
	before := 'A'
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToUpper(r))
		before = r
	}
	return b.String()
}

// formatObject runs a template over one object: over its fields and, where it names
// none of those, over the object's JSON, as Docker does it.
func formatObject(format string, v any) (string, error) {
	t, err := parseFormat(format)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err == nil {
		return b.String() + "\n", nil
	}
	raw, err := plainValue(v)
	if err != nil {
		return "", err
	}
	b.Reset()
	if err := t.Option("missingkey=error").Execute(&b, raw); err != nil {
		return "", badFormat(format, err)
	}
	return b.String() + "\n", nil
}

// plainValue is v as its JSON says it: maps, slices, strings, numbers.
func plainValue(v any) (raw any, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, api.Errorf(api.Unexpected, err, "cannot write the object as JSON")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return raw, d.Decode(&raw)
}
