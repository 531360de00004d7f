package api_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vswitch/internal/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// declared returns the codes that code.go declares, in its order.
func declared(t *testing.T) []api.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []api.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != "Code" {
			return true
		}
		s, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, api.Code(s))
		return true
	})
	return codes
}

func TestEveryCodeIsDocumentedOnce(t *testing.T) {
	codes := declared(t)
	seen := map[api.Code]bool{}
	for _, c := range codes {
		if seen[c] {
			t.Errorf("%s is declared twice", c)
		}
		seen[c] = true
		if !c.Known() {
			t.Errorf("%s is not in the catalogue", c)
		}
	}
	for _, c := range api.Codes() {
		if !seen[c] {
			t.Errorf("the catalogue has %s, which code.go does not declare", c)
		}
	}
}

func TestCatalogueForm(t *testing.T) {
	form := regexp.MustCompile(`^VS-[A-Z]{3}-\d{3}$`)
	for _, c := range api.Codes() {
		e := c.Entry()
		if !form.MatchString(string(c)) {
			t.Errorf("%s: not of the form VS-ABC-123", c)
		}
		if e.Exit == api.ExitDone {
			t.Errorf("%s: a failure exits with 0", c)
		}
		if !strings.HasSuffix(e.Title, ".") || strings.Contains(e.Title, "\n") {
			t.Errorf("%s: the title is not one sentence: %q", c, e.Title)
		}
		if len(e.Text) < 80 {
			t.Errorf("%s: the explanation says too little: %q", c, e.Text)
		}
		if strings.Contains(e.Explain(), "sudo") {
			t.Errorf("%s: tells the reader to use sudo", c)
		}
		for line := range strings.Lines(e.Text) {
			if n := len(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%s: a line of %d columns: %s", c, n, line)
			}
		}
	}
}

func TestUnknownCode(t *testing.T) {
	c := api.Code("VS-XXX-999")
	if c.Known() || c.Entry().Exit != api.ExitFailed || c.Entry().Code != c {
		t.Errorf("got %+v", c.Entry())
	}
}

// What `vswitch explain` says of every code, word for word.
func TestCatalogueGolden(t *testing.T) {
	var b strings.Builder
	for _, c := range api.Codes() {
		b.WriteString("---- " + string(c) + "\n" + c.Entry().Explain())
	}
	golden(t, "codes.golden", b.String())
}

// golden compares got with a file below testdata; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at the change, then: go test ./internal/api -update", path)
	}
}
