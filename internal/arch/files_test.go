package arch

import (
	"bytes"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vswitch/internal/api"
)

// walk calls visit with every file of the tree that is source or document, by
// path below the module.
func walk(t *testing.T, visit func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(moduleRoot, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "testdata"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(moduleRoot, path)
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		visit(name, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// walkGo calls visit with every Go file, parsed.
func walkGo(t *testing.T, visit func(path string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	walk(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		visit(path, fset, file)
	})
}

func TestFilesAreFormatted(t *testing.T) {
	walk(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		if got, err := format.Source(text); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: not formatted; run gofmt -w (%v)", path, err)
		}
	})
}

// Every package says what it is for, in one place: doc.go, or main.go for a
// command.
func TestPackageComments(t *testing.T) {
	packages, comments := map[string]bool{}, map[string][]string{}
	walkGo(t, func(path string, _ *token.FileSet, file *ast.File) {
		dir := filepath.Dir(path)
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		packages[dir] = true
		if file.Doc == nil {
			return
		}
		comments[dir] = append(comments[dir], path)
		place, opening := "doc.go", "Package "+file.Name.Name+" "
		if file.Name.Name == "main" {
			place, opening = "main.go", "Command "+filepath.Base(dir)+" "
		}
		if filepath.Base(path) != place {
			t.Errorf("%s: the package comment belongs in %s", path, place)
		}
		if !strings.HasPrefix(file.Doc.Text(), opening) {
			t.Errorf("%s: the package comment does not begin with %q", path, opening)
		}
		if s := new(doc.Package).Synopsis(file.Doc.Text()); len(s) < len(opening)+15 {
			t.Errorf("%s: the package comment says too little: %q", path, s)
		}
	})
	for _, dir := range sorted(packages) {
		if files := comments[dir]; len(files) != 1 {
			t.Errorf("%s: %d package comments %v, want one", dir, len(files), files)
		}
	}
}

// A test that cannot run says what it needs, so that .ci/run and a reader of the
// log see it. No test skips for another reason.
func TestSkipsAreLoud(t *testing.T) {
	walkGo(t, func(path string, fset *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && quietSkip(call) {
				t.Errorf("%s: a skip whose message does not begin with NEEDS-", fset.Position(call.Pos()))
			}
			return true
		})
	})
}

// quietSkip reports whether call is Skip, Skipf or SkipNow of a test without a
// message that begins with NEEDS-. A message made elsewhere passes.
func quietSkip(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
		return false
	}
	if recv, ok := sel.X.(*ast.Ident); !ok || !slices.Contains([]string{"t", "tb", "b", "f"}, recv.Name) {
		return false
	}
	if len(call.Args) == 0 {
		return true
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return false
	}
	message, err := strconv.Unquote(lit.Value)
	return err != nil || !strings.HasPrefix(message, "NEEDS-")
}

// Every error code that stands anywhere, in code or in documents, exists.
func TestCodesExist(t *testing.T) {
	form := regexp.MustCompile(`\bVS-[A-Z]{3}-[0-9]{3}\b`)
	walk(t, func(path string, text []byte) {
		for _, c := range form.FindAllString(string(text), -1) {
			if !api.Code(c).Known() && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s: error code %s is not in the catalogue of internal/api", path, c)
			}
		}
	})
}

// Scripts are read by the shell that will run them, and can be run.
func TestScripts(t *testing.T) {
	n := 0
	walk(t, func(path string, text []byte) {
		if !bytes.HasPrefix(text, []byte("#!/usr/bin/env bash\n")) {
			if strings.HasSuffix(path, ".sh") || path == ".ci/run" {
				t.Errorf("%s: does not begin with #!/usr/bin/env bash", path)
			}
			return
		}
		n++
		full := filepath.Join(moduleRoot, path)
		if out, err := exec.Command("bash", "-n", full).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
		if !bytes.Contains(text, []byte("\nset -euo pipefail\n")) {
			t.Errorf("%s: lacks set -euo pipefail", path)
		}
		if info, err := os.Stat(full); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s: cannot be executed (%v)", path, err)
		}
	})
	if n < 2 {
		t.Errorf("found %d scripts; is the tree whole?", n)
	}
}

// packages.txt is read by a script: each line has its four parts.
func TestPackagesFile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(moduleRoot, "packages.txt"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]+ +(/\S+|[a-z0-9.-]+) +(demo|test|race)(,(demo|test|race))* +# \S.*$`)
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSuffix(l, "\n")
		if l != "" && !strings.HasPrefix(l, "#") && !line.MatchString(l) {
			t.Errorf("packages.txt: %q is not PACKAGE BRINGS USE[,USE] # WHAT FOR", l)
		}
	}
}
