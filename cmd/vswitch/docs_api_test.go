package main

import (
	"fmt"
	"strings"
	"testing"

	"vswitch/internal/api/server"
)

// callTable is the table of docs/api.md as the code has it.
func callTable() string {
	var b strings.Builder
	b.WriteString("| call | does | takes | answers |\n|---|---|---|---|\n")
	for _, c := range server.List() {
		path := c.Path
		if len(c.Query) > 0 {
			path += "?" + strings.Join(c.Query, "&")
		}
		fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s |\n", c.Method, path, c.Does, typeCell(c.Request), typeCell(c.Answer))
	}
	return b.String()
}

// typeCell names a type as docs/api.md does: without its package.
func typeCell(name string) string {
	if name == "" {
		return "-"
	}
	return "`" + strings.NewReplacer("api.", "", "server.", "").Replace(name) + "`"
}

// docs/api.md has every call of the API, and no other.
func TestDocumentedCalls(t *testing.T) {
	if want := callTable(); !strings.Contains(readDoc(t, "docs/api.md"), want) {
		t.Errorf("docs/api.md has not this table:\n%s", want)
	}
}
